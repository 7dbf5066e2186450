/** Expressions in C's syntax, on a small memory with types of its own. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BailoutError } from '../../errors.ts';
import { Btf } from '../../object/btf/btf.ts';
import { BtfBuilder } from '../../object/btf/builder.ts';
import { ValueError } from './errors.ts';
import type { Scope } from './evaluate.ts';
import { CompiledExpression, evaluate } from './evaluate.ts';
import type { Format } from './format.ts';
import { formatValue } from './format.ts';
import { tokenize } from './tokens.ts';
import { REGISTER, TypeNames, btfType, nameOf, pointerTo } from './types.ts';
import type { Value } from './values.ts';
import { scalar } from './values.ts';

const BASE = 0xffff_8880_0000_0000n;

/** struct task { int pid; char comm[16]; struct task *parent; struct { u32 lo; u32 hi; }; unsigned flags : 3, cpu : 5; enum state; u16 ports[4]; } */
function types(): { btf: Btf; task: number } {
  const b = new BtfBuilder();
  const int = b.int('int', 4, { signed: true });
  const char = b.int('char', 1, { signed: true });
  const u32 = b.typedef('__u32', b.int('unsigned int', 4));
  const u16 = b.int('unsigned short', 2);
  const task = 20;
  const pointer = b.pointer(task);
  const comm = b.array(char, 16, int);
  const ports = b.array(u16, 4, int);
  const state = b.enum('state', { RUNNING: 0, SLEEPING: 1, DEAD: 16 });
  const halves = b.struct('', 8, [
    { name: 'lo', type: u32, bitOffset: 0 },
    { name: 'hi', type: u32, bitOffset: 32 },
  ]);
  while (b.typedef(`filler`, int) < task - 1);
  b.struct('task', 64, [
    { name: 'pid', type: int, bitOffset: 0 },
    { name: 'comm', type: comm, bitOffset: 32 },
    { name: 'parent', type: pointer, bitOffset: 192 },
    { name: '', type: halves, bitOffset: 256 },
    { name: 'flags', type: u32, bitOffset: 320, bitSize: 3 },
    { name: 'cpu', type: u32, bitOffset: 323, bitSize: 5 },
    { name: 'state', type: state, bitOffset: 352 },
    { name: 'ports', type: ports, bitOffset: 384 },
  ]);
  return { btf: Btf.open(b.bytes()), task };
}

function scope(): Scope {
  const { btf, task } = types();
  const memory = new Uint8Array(256);
  const view = new DataView(memory.buffer);
  const at = (offset: number): bigint => BASE + BigInt(offset);
  view.setInt32(0, 7, true);
  memory.set(new TextEncoder().encode('bash'), 4);
  view.setBigUint64(24, at(64), true);
  view.setUint32(32, 0xdeadbeef, true);
  view.setUint32(36, 5, true);
  view.setUint32(40, 0b10011_101, true);
  view.setUint32(44, 16, true);
  [80, 443, 0, 65535].forEach((port, i) => view.setUint16(48 + 2 * i, port, true));
  view.setInt32(64, -1, true);
  memory.set(new TextEncoder().encode('init'), 68);
  const names = new Map<string, Value>([
    ['task', scalar(pointerTo(btfType(btf, task)), at(0))],
    ['r0', scalar(REGISTER, -1n)],
    ['r1', scalar(REGISTER, at(0))],
    ['r3', scalar(REGISTER, 300n)],
    ['fp', scalar(REGISTER, at(256))],
    ['here', { kind: 'place', type: btfType(btf, task), address: at(0) }],
    ['map', { kind: 'map', name: '' }],
    ['map flows', { kind: 'map', name: 'flows' }],
    ['flows', { kind: 'map', name: 'flows' }],
  ]);
  return {
    types: new TypeNames([btf]),
    name: (name) => names.get(name),
    names: () => [...names.keys()],
    read(address, size) {
      const offset = Number(address - BASE);
      if (offset < 0 || offset + size > memory.length) throw new ValueError(`0x${address.toString(16)} cannot be read`);
      return memory.slice(offset, offset + size);
    },
    element(_map, key) {
      if (key.kind === 'scalar' && key.bits === 1n) return { kind: 'place', type: btfType(btf, task), address: at(0) };
      return { kind: 'nothing', type: btfType(btf, task), why: 'flows has no such key' };
    },
  };
}

const here = scope();
function print(text: string, format?: Format): string {
  const value = evaluate(text, here);
  return formatValue(value, (address, size) => here.read(address, size), format === undefined ? {} : { format });
}
function problem(text: string): string {
  try {
    print(text);
  } catch (error) {
    if (error instanceof BailoutError) return error.message;
    throw error;
  }
  return 'none';
}

describe('what can be written', () => {
  it.each([
    ['1 + 2 * 3', '7'],
    ['(1 + 2) * 3', '9'],
    ['0x10 | 017', '31'],
    ['0b101', '5'],
    ["'a'", "97 'a'"],
    ['1 << 33', '2'],
    ['1UL << 33', '8589934592'],
    ['-7 / 2', '-3'],
    ['-7 % 3', '-1'],
    ['-1 > 1u', '1'],
    ['-1 < 1', '1'],
    ['r0 == -1', '1'],
    ['(s64)r0 < 0', '1'],
    ['r3 > 0 ? r3 : 0', '300'],
    ['(u8)r3', '44'],
    ['!r3 || r3 == 300 && 1', '1'],
    ['~0', '-1'],
    ['sizeof(struct task)', '64'],
    ['sizeof(u32[4])', '16'],
    ['sizeof here.ports', '8'],
    ['unknown ? 1 : 2', 'none'],
  ])('%s is %s', (text, expected) => {
    if (expected === 'none') expect(problem(text)).toContain('no `unknown` here');
    else expect(print(text)).toBe(expected);
  });
});

describe('what lies in memory', () => {
  it.each([
    ['task->pid', '7'],
    ['task.pid', '7'],
    ['(*task).pid', '7'],
    ['((struct task *)r1)->comm', '"bash"'],
    ['task->parent->pid', '-1'],
    ['task->parent->comm == "init"', '1'],
    ['task->comm != "bash"', '0'],
    ['task->hi', '5'],
    ['task->lo', '3735928559'],
    ['task->flags', '5'],
    ['task->cpu', '19'],
    ['task->state', 'DEAD'],
    ['task->state == DEAD', '1'],
    ['task->ports', '{80, 443, 0, 65535}'],
    ['task->ports[1]', '443'],
    ['*(u32 *)(fp - 256)', '7'],
    ['*(u16 *)(r1 + 48)', '80'],
    ['*(u16 *)(r1 + 48) @ 2', '{80, 443}'],
    ['&task->parent->pid == (int *)(r1 + 64)', '1'],
    ['(char *)(r1 + 4)', '0xffff888000000004 "bash"'],
    ['&task->ports[2] - &task->ports[0]', '2'],
    ['task + 1', '(struct task *) 0xffff888000000040'],
    ['r1', '0xffff888000000000'],
    ['flows[1].comm', '"bash"'],
    ['map["flows"][1].pid', '7'],
    ['map["flows"][2]', '<flows has no such key>'],
    ['flows[2] == NULL', '1'],
    ['!flows[2]', '1'],
  ])('%s is %s', (text, expected) => expect(print(text)).toBe(expected));

  it('a struct is shown whole, as gdb shows it', () => {
    expect(print('here')).toBe(
      '{pid = 7, comm = "bash", parent = 0xffff888000000040, {lo = 3735928559, hi = 5}, flags = 5, cpu = 19, ' +
        'state = DEAD, ports = {80, 443, 0, 65535}}',
    );
  });

  it('formats are those of gdb', () => {
    expect(print('task->pid', 'x')).toBe('0x7');
    expect(print('task->parent->pid', 'u')).toBe('4294967295');
    expect(print('task->pid', 't')).toBe('111');
    expect(print('task->pid', 'z')).toBe('0x00000007');
    expect(print('task->ports', 'x')).toBe('{0x50, 0x1bb, 0x0, 0xffff}');
  });

  it('repeated elements are counted', () => {
    expect(print('*(u8 *)(r1 + 80) @ 40')).toBe('{0 <repeats 40 times>}');
  });
});

describe('errors say what and where', () => {
  it.each([
    ['', 'it is empty'],
    ['1 +', 'something is missing at its end'],
    ['(1', '`)` is missing'],
    ['1 2', 'it should have ended here'],
    ['task->pdi', 'did you mean `pid`'],
    ['tsk', 'did you mean `task`'],
    ['(struct nobody *)r1', 'neither the object nor the kernel has a type `struct nobody`'],
    ['r1->pid', 'is no pointer to a struct: cast it'],
    ['1 / 0', 'divides by zero'],
    ['*(u32 *)0', '0x0 cannot be read'],
    ['flows[2].pid', 'flows has no such key'],
    ['map["nothing"]', 'there is no map `nothing`'],
    ['99999999999999999999', 'does not fit into 64 bits'],
    ['09', 'octal'],
    ['"open', 'the closing " is missing'],
    ['1 # 2', '`#` means nothing here'],
    ['('.repeat(500), 'nested too deeply'],
  ])('%s: %s', (text, expected) => expect(problem(text)).toContain(expected));

  it('the caret stands under the trouble', () => {
    try {
      print('task->pdi + 1');
    } catch (error) {
      expect((error as BailoutError).hint).toBe('task->pdi + 1\n      ^');
    }
    expect.assertions(1);
  });
});

// ---- properties -----------------------------------------------------------------------------------------------------

const OPERATORS = ['+', '-', '*', '&', '|', '^', '<', '<=', '>', '>=', '==', '!='] as const;
const wrap = (value: bigint): bigint => BigInt.asIntN(64, value);

interface Case {
  readonly text: string;
  readonly value: bigint;
}

function apply(operator: (typeof OPERATORS)[number], a: bigint, b: bigint): bigint {
  switch (operator) {
    case '+':
      return wrap(a + b);
    case '-':
      return wrap(a - b);
    case '*':
      return wrap(a * b);
    case '&':
      return a & b;
    case '|':
      return a | b;
    case '^':
      return a ^ b;
    default: {
      const less = operator.startsWith('<') ? a < b : operator.startsWith('>') ? a > b : false;
      const equal = a === b;
      if (operator === '!=') return equal ? 0n : 1n;
      if (operator === '==') return equal ? 1n : 0n;
      return less || (equal && operator.length === 2) ? 1n : 0n;
    }
  }
}

/** Trees of 64-bit signed numbers, fully parenthesised, with what they are worth. */
const cases = fc.letrec<{ tree: Case }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5 },
    fc.bigInt({ min: -(1n << 63n) + 1n, max: (1n << 63n) - 1n }).map((value) => ({
      text: value < 0n ? `(-${-value}L)` : `${value}L`,
      value,
    })),
    fc.tuple(fc.constantFrom(...OPERATORS), tie('tree'), tie('tree')).map(([operator, a, b]) => ({
      text: `((s64)${a.text} ${operator} (s64)${b.text})`,
      value: apply(operator, a.value, b.value),
    })),
    fc.tuple(fc.constantFrom('~', '-'), tie('tree')).map(([operator, a]) => ({
      text: `(${operator}(s64)${a.text})`,
      value: wrap(operator === '~' ? ~a.value : -a.value),
    })),
  ),
})).tree;

describe('properties', () => {
  it('arithmetic is that of 64-bit numbers', () => {
    fc.assert(
      fc.property(cases, ({ text, value }) => {
        expect(print(`(s64)${text}`)).toBe(String(value));
      }),
      { numRuns: 300 },
    );
  });

  it('any text is either an expression or an error that says why', () => {
    const words = fc.constantFrom(
      'task',
      'r1',
      '->',
      'pid',
      '(',
      ')',
      '*',
      '[',
      ']',
      '1',
      '"a"',
      'u32',
      'struct',
      '&',
      '.',
      '@',
      '?',
      ':',
      'sizeof',
      ' ',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ maxLength: 40 }),
          fc.array(words, { maxLength: 14 }).map((all) => all.join(' ')),
        ),
        (text) => {
          expect(typeof problem(text)).toBe('string');
        },
      ),
      { numRuns: 500 },
    );
  });

  it('tokens cover the text in order', () => {
    fc.assert(
      fc.property(cases, ({ text }) => {
        let end = 0;
        for (const token of tokenize(text)) {
          expect(token.at).toBeGreaterThanOrEqual(end);
          expect(text.slice(end, token.at).trim()).toBe('');
          end = token.end;
        }
      }),
      { numRuns: 50 },
    );
  });

  it('a compiled expression knows which names it looks at', () => {
    const { names } = new CompiledExpression('task->pid + flows[r3].pid > sizeof(u32)', here.types);
    expect([...names].sort()).toEqual(['flows', 'r3', 'task']);
    expect(nameOf(pointerTo(REGISTER))).toBe('u64 *');
  });
});
