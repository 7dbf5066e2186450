import { describe, expect, it } from 'vitest';
import { BPF_MAP_TYPE_ARRAY } from '../../kernel/tables/map-types.ts';
import type { MapDefinition } from '../../object/program.ts';
import { check, done, map, outcome, Types } from './testing/programs.ts';

const types = new Types();
const timed = types.of('timed', 16, [['timer', types.timer, 0]]);
const longPointer = types.pointer(types.u64);
const takes = (name: string, params: readonly (readonly [string, number])[]): number =>
  types.func(
    name,
    types.funcProto(
      types.u32,
      params.map(([param, type]) => ({ name: param, type })),
    ),
  );
const readerId = takes('reader', [['value', longPointer]]);
const checkedId = takes('checked', [['value', longPointer]]);
types.declTag('arg:nonnull', checkedId, 0);
const numberId = takes('number', [['value', types.u64]]);
const wideId = takes('wide', [['value', types.of('pair', 16, [['a', types.u64, 0]])]]);
const eachId = takes('each', [['index', types.u32]]);
const btf = types.open();
const functions = { each: { typeId: eachId }, later: { typeId: eachId } };
const verdict = (source: string, maps: readonly MapDefinition[] = []): string =>
  outcome(source, { btf, functions, maps });

const callTwice = (body: string): string => `
  r1 = 2
  r2 = func[each]
  r3 = r10
  r4 = 0
  call bpf_loop
  ${done}
  each:
  ${body}
`;

describe('callbacks', () => {
  it('are checked as they are called', () => {
    expect(verdict(callTwice('r0 = 0\n exit'))).toBe('accepted');
    expect(verdict(callTwice('r0 = 2\n exit'))).toBe(
      'At callback return the register R0 has smin=2 smax=2 should have been in [0, 1]',
    );
    expect(verdict(callTwice('r0 = r3\n exit'))).toBe('R3 !read_ok');
  });

  it('reach the caller through what they are given', () => {
    expect(verdict(callTwice('*(u64 *)(r2 -8) = 1\n r0 = 0\n exit'))).toBe('accepted');
    expect(verdict(callTwice('*(u64 *)(r2 +0) = 1\n r0 = 0\n exit'))).toBe('invalid write to stack R2 off=0 size=8');
  });

  it('are functions', () => {
    expect(verdict(`r1 = 2\n r2 = 0\n r3 = 0\n r4 = 0\n call bpf_loop ${done}`)).toBe('R2 type=scalar expected=func');
  });

  it('of timers run on their own', () => {
    const maps = [map('timers', BPF_MAP_TYPE_ARRAY, { valueSize: 16, keyTypeId: types.u32, valueTypeId: timed })];
    const source = (result: string): string => `
      *(u32 *)(r10 -4) = 0
      r1 = map[timers]
      r2 = r10
      r2 += -4
      call bpf_map_lookup_elem
      r1 = r0
      r2 = func[later]
      call bpf_timer_set_callback
      ${done}
      later:
      r0 = ${result}
      exit`;
    expect(verdict(source('0'), maps)).toBe('accepted');
    expect(verdict(source('1'), maps)).toMatch(
      /At async callback return the register R0 has .* should have been in \[0, 0\]$/,
    );
  });
});

describe('global functions', () => {
  const calling = (name: string, argument: string, body = 'r0 = 0\n exit'): string => `
    ${argument}
    call ${name}
    ${done}
    ${name}:
    ${body}`;

  const parts = (name: string, typeId: number) =>
    ({ btf, functions: { [name]: { typeId, linkage: 'global' } } }) as const;

  it('take what their types say', () => {
    expect(outcome(calling('number', 'r1 = 1'), parts('number', numberId))).toBe('accepted');
    const { message, log } = check(calling('number', 'r1 = r10'), parts('number', numberId));
    expect(message).toBe("Caller passes invalid args into func#1 ('number')");
    expect(log).toContain('R1 is not a scalar\n');
    expect(outcome(calling('wide', 'r1 = 1'), parts('wide', wideId))).toBe(
      "Caller passes invalid args into func#1 ('wide')",
    );
  });

  it('may get null unless their tags say otherwise', () => {
    const read = 'r0 = *(u64 *)(r1 +0)\n r0 = 0\n exit';
    const argument = `*(u64 *)(r10 -8) = 0\n r1 = r10\n r1 += -8`;
    expect(outcome(calling('reader', argument, read), parts('reader', readerId))).toBe(
      "R1 invalid mem access 'mem_or_null'",
    );
    expect(outcome(calling('checked', argument, read), parts('checked', checkedId))).toBe('accepted');
  });

  it('are verified once, whoever calls them', () => {
    const { log } = check(calling('number', 'r1 = 1'), parts('number', numberId));
    expect(log).toContain("Func#1 ('number') is safe for any args that match its prototype\n");
  });
});
