import { describe, expect, it } from 'vitest';
import type { Behaviour } from '../kernel/behaviour.ts';
import type { DescriptorEntry } from '../exceptions/descriptor.ts';
import { pageTreeHash } from './page-tree.ts';
import type { PageTree } from './page-tree.ts';
import type { RigOptions } from './testing/programs.ts';
import { programOf, result, rig } from './testing/programs.ts';

const TASK = 0xffff888000001000n;

const acquire: Behaviour = (call) => {
  const { ledger } = call.kernel;
  const at = { program: call.program.name, insn: call.insn, frame: call.frame, step: call.kernel.step };
  ledger.acquire({
    type: 'reference',
    typeName: 'struct task_struct',
    value: call.args[0]!,
    by: call.name,
    release: 'bpf_task_release',
    at,
  });
  return call.args[0]!;
};
const throwing: Behaviour = (call) => ({ kind: 'throw', cookie: call.args[0]! });
const taskIn = (place: DescriptorEntry['place']): DescriptorEntry => ({
  place,
  resource: 'reference',
  typeName: 'struct task_struct',
  release: 'bpf_task_release',
  acquiredAt: [],
  nullable: false,
});

describe('instructions', () => {
  it('divide as RFC 9669 says: by zero gives 0, the remainder by zero the dividend, and nothing traps', () => {
    expect(result('r0 = 7\nr1 = 0\nr0 /= r1\nexit')).toBe(0n);
    expect(result('r0 = 7\nr1 = 0\nr0 %= r1\nexit')).toBe(7n);
    expect(result('r0 = 0x8000000000000000 ll\nr1 = -1\nr0 s/= r1\nexit')).toBe(0x8000000000000000n);
    expect(result('r0 = 0x8000000000000000 ll\nr1 = -1\nr0 s%= r1\nexit')).toBe(0n);
  });

  it('grant each frame 8 million rounds of may_goto', () => {
    expect(result('r0 = 0\nr0 += 1\nmay_goto pc+1\ngoto pc-3\nexit')).toBe(8388609n);
    expect(result('call pc+1\nexit\nr0 = 0\nr0 += 1\nmay_goto pc+1\ngoto pc-3\nexit')).toBe(8388609n);
  });

  it('load from packets, and end the function with 0 behind the packet’s end', () => {
    expect(result('r6 = r1\nr0 = *(u16 *)skb[4]\nr0 += 1\nexit')).toBe(4n * 256n + 2n + 1n);
    expect(result('r6 = r1\nr7 = 3\nr0 = *(u8 *)skb[r7 + 1]\nexit')).toBe(4n * 256n + 1n);
    expect(result('r6 = r1\ncall pc+2\nr0 += 5\nexit\nr0 = *(u32 *)skb[14]\nr0 = 9\nexit')).toBe(5n);
  });

  it('are faults, with a reason, where no program may have them', () => {
    expect(result('goto pc+5\nexit')).toBe('MACHINE_ILLEGAL');
    expect(result('r0 = 1')).toBe('MACHINE_ILLEGAL');
    expect(result('call 9999\nexit')).toBe('MACHINE_NO_BEHAVIOUR');
    expect(result('call pc-1\nexit')).toBe('MACHINE_CALL_DEPTH');
  });
});

describe('memory', () => {
  const fault = (source: string, options: RigOptions = {}) => {
    const { machine } = rig(options);
    machine.start(programOf(source), 0n);
    const stop = machine.run({ fuel: 1000 });
    return stop.kind === 'fault' ? `${stop.fault.insn}: ${stop.fault.access?.kind ?? stop.fault.code}` : stop.kind;
  };

  it('refuses what is not the program’s', () => {
    expect(fault('r1 = 0\nr0 = *(u64 *)(r1 +8)\nexit')).toBe('1: null');
    expect(fault('r1 = 0x123456789 ll\nr0 = *(u8 *)(r1 +0)\nexit')).toBe('2: wild');
    expect(fault('r0 = *(u64 *)(r10 +0)\nexit')).toBe('0: unmapped');
    expect(fault('*(u64 *)(r10 -520) = r1\nexit')).toBe('0: unmapped');
    expect(fault('call pc+2\nr0 = *(u64 *)(r0 +0)\nexit\nr0 = r10\nr0 += -8\n*(u64 *)(r0 +0) = r1\nexit')).toBe(
      '1: freed',
    );
  });

  it('lets a load through an untrusted pointer read zero where there is nothing', () => {
    const probeMem = Uint8Array.of(0, 1, 0);
    expect(result('r1 = 0\nr0 = *(u64 *)(r1 +8)\nexit', { facts: { probeMem } })).toBe(0n);
  });

  it('asks the kernel for the fields of a context', () => {
    const stores: string[] = [];
    const { machine, memory } = rig({
      context: {
        load: (offset, size) => BigInt(offset & 0xff) * 100n + BigInt(size),
        store: (offset, size, value) => stores.push(`${offset & 0xff} ${size} ${value}`),
      },
    });
    const context = memory.allocate(44, { access: 'trap', label: 'struct xdp_md' });
    machine.start(programOf('r0 = *(u32 *)(r1 +4)\n*(u32 *)(r1 +8) = -1\nexit'), memory.pointer(context));
    const low = context & 0xff;
    expect(machine.run({ fuel: 10 })).toEqual({ kind: 'exit', value: BigInt(low + 4) * 100n + 4n });
    expect(stores).toEqual([`${low + 8} 4 4294967295`]);
  });

  it('faults on bytes that were never written only when that is asked for', () => {
    const source = 'r0 = *(u64 *)(r10 -8)\nexit';
    expect(result(source)).toBe(0n);
    const { machine, memory } = rig();
    memory.strict = true;
    machine.start(programOf(source), 0n);
    expect(machine.run({ fuel: 9 })).toMatchObject({ kind: 'fault', fault: { access: { kind: 'uninitialised' } } });
  });
});

describe('frames', () => {
  const source = `
    r6 = 60
    r7 = 70
    call sub
    r0 += r7
    exit
  sub:
    r7 = 71
    r8 = 80
    call 5
    r0 = r6
    exit`;

  it('are read from memory: who called, where, and who saved which register', () => {
    const { machine, memory } = rig({ helpers: { 5: () => 0n } });
    const program = programOf(source);
    machine.start(program, 0n);
    machine.run({ fuel: 5 });
    const [inner, outer] = machine.frames();
    expect(inner).toMatchObject({ depth: 1, kind: 'static', name: 'sub1', insn: 7, boundary: false });
    expect(outer).toMatchObject({ depth: 0, kind: 'main', name: 'main', insn: 2, boundary: true });
    expect(memory.readU64(inner!.framePointer - 528)).toBe(70n);
    expect(machine.run({ fuel: 100 })).toEqual({ kind: 'exit', value: 130n });
  });

  it('stop at breakpoints, once each time they are reached', () => {
    const { machine } = rig();
    const program = programOf('r0 = 0\nr0 += 1\nif r0 < 3 goto pc-2\nexit');
    machine.setBreakpoints(program, Uint8Array.of(0, 1, 0, 0));
    machine.start(program, 0n);
    const steps: number[] = [];
    for (;;) {
      const stop = machine.run({ fuel: 100 });
      if (stop.kind !== 'breakpoint') break;
      expect(stop.insn).toBe(1);
      steps.push(machine.step);
    }
    expect(steps).toEqual([1, 3, 5]);
    expect(machine.end).toEqual({ kind: 'exit', value: 3n });
  });
});

describe('callbacks', () => {
  /** Calls back R1 times, and returns the sum of what the callback returned. */
  const loop: RigOptions = {
    helpers: {
      181: (call) => ({
        kind: 'callback',
        subprogramInsn: call.functionAt(call.args[1]!)!,
        args: [0n, call.args[2]!],
        continuation: {
          name: 'loop',
          state: { i: 1, n: Number(call.args[0]!), sum: 0n, at: call.functionAt(call.args[1]!)! },
        },
      }),
    },
    continuations: {
      loop: (_kernel, state, r0) => {
        const { i, n, sum, at } = state as { i: number; n: number; sum: bigint; at: number };
        if (i === n) return sum + r0;
        return {
          kind: 'callback',
          subprogramInsn: at,
          args: [BigInt(i)],
          continuation: { name: 'loop', state: { i: i + 1, n, sum: sum + r0, at } },
        };
      },
    },
  };
  const source = `
    r6 = 1000
    r1 = 4
    r2 = func[body]
    r3 = 5
    call 181
    r0 += r6
    exit
  body:
    r6 = r1
    r6 *= r6
    r0 = r6
    exit`;
  const program = () => programOf(source);

  it('run as frames of their own, and the helper goes on when they return', () => {
    const { machine } = rig(loop);
    machine.start(program(), 0n);
    machine.run({ fuel: 5 });
    expect(machine.frames().map((frame) => `${frame.kind} ${frame.insn}`)).toEqual(['callback 8', 'main 5']);
    expect(machine.run({ fuel: 100 })).toEqual({ kind: 'exit', value: 1000n + 0n + 1n + 4n + 9n });
  });

  it('can be left and gone back to in the middle', () => {
    const { machine } = rig(loop);
    machine.start(program(), 0n);
    machine.run({ fuel: 11 });
    const checkpoint = machine.checkpoint();
    const end = machine.run({ fuel: 100 });
    machine.restore(checkpoint);
    expect(machine.step).toBe(11);
    expect(machine.run({ fuel: 100 })).toEqual(end);
  });
});

describe('tail calls', () => {
  const target = programOf('r0 = 16\nexit', { name: 'target' });
  const tail: RigOptions = { helpers: { 12: () => ({ kind: 'tail-call', map: 0, index: 0, program: target }) } };

  it('replace the calling frame, so that the result goes to who called it', () => {
    expect(result('call 12\nr0 = 1\nexit', tail)).toBe(16n);
    expect(result('call pc+2\nr0 += 8\nexit\ncall 12\nr0 = 2\nexit', tail)).toBe(24n);
  });

  it('load their target while running; going back before it forgets it again', () => {
    const { machine } = rig(tail);
    machine.start(programOf('r6 = 1\ncall 12\nr0 = 1\nexit'), 0n);
    const checkpoint = machine.checkpoint();
    const first = [machine.run({ fuel: 3 }), machine.location?.program.name, machine.registers];
    machine.restore(checkpoint);
    expect([machine.run({ fuel: 3 }), machine.location?.program.name, machine.registers]).toEqual(first);
    expect(first[1]).toBe('target');
  });
});

describe('throws', () => {
  const options: RigOptions = { kfuncs: { bpf_throw: throwing }, helpers: { 9: acquire } };

  it('end the program with the default callback’s value, which the profile decides', () => {
    const source = 'r1 = 42\ncall pc+1\nexit\ncall bpf_throw\nexit';
    expect(result(source, options)).toBe(0n);
    expect(result(source, { ...options, facts: { profile: 'linux' } })).toBe(42n);
  });

  it('run the exception callback on the main program’s frame', () => {
    const source = 'r1 = 42\ncall pc+1\nexit\ncall bpf_throw\nexit\nr0 = r1\nr0 += 1\nexit';
    const program = programOf(source, { kfuncs: ['bpf_throw'] });
    const subprograms = [
      ...program.subprograms,
      { name: 'callback', start: 5, end: 8, linkage: 'global' as const, funcTypeId: 0 },
    ];
    const { machine } = rig({ ...options, facts: { exceptionCallback: { subprogram: 2, how: 'tag' } } });
    machine.start({ ...program, subprograms }, 0n);
    machine.run({ fuel: 4 });
    expect(machine.frames().map((frame) => `${frame.kind} ${frame.name}`)).toEqual(['exception-callback callback']);
    expect(machine.run({ fuel: 10 })).toEqual({ kind: 'exit', value: 43n });
  });

  const nested = `
    r6 = 0xffff888000001000 ll
    r1 = r6
    call 9
    r6 = r0
    call sub
    exit
  sub:
    r6 = 5
    r1 = 0xffff888000002000 ll
    call 9
    *(u64 *)(r10 -16) = r0
    r1 = 3
    call bpf_throw
    exit`;
  const facts = {
    descriptors: [
      { subprogram: 0, insn: 5, entries: [taskIn({ kind: 'register' as const, register: 6 as const })] },
      { subprogram: 1, insn: 13, entries: [taskIn({ kind: 'slot' as const, offset: -16 })] },
    ],
  };

  it('go phase by phase, release what frames hold, and say where each value was found', () => {
    const { machine, ledger } = rig({ ...options, facts });
    machine.start(programOf(nested, { kfuncs: ['bpf_throw'] }), 0n);
    const phases: string[] = [];
    const kind = (): string => machine.unwinding!.steps[machine.phase - 1]!.kind;
    // Releasing goes through the kernel's real release functions, which know nothing of this made-up task.
    machine.observer = { phase: (step) => phases.push(step.kind) };
    for (;;) {
      const before = machine.step;
      const stop = machine.run({ fuel: 1, phases: true });
      if (machine.unwinding !== undefined && machine.step === before + 1) break;
      if (stop.kind !== 'fuel') throw new Error('no throw');
    }
    expect(machine.phase).toBe(0);
    expect(ledger.held()).toHaveLength(2);
    const plan = machine.unwinding!;
    expect(plan.steps.map((step) => step.kind)).toEqual([
      'throw',
      'enter-frame',
      'release',
      'leave-frame',
      'enter-frame',
      'release',
      'leave-frame',
      'default-callback',
    ]);
    expect(plan.steps[2]).toMatchObject({ place: 'fp-16', value: 0xffff888000002000n, found: { kind: 'slot' } });
    expect(plan.steps[5]).toMatchObject({
      place: 'r6',
      value: TASK,
      found: { kind: 'saved-register', frame: 1, offset: -520 },
    });
    machine.run({ fuel: 1, phases: true });
    machine.run({ fuel: 1, phases: true });
    expect(kind()).toBe('enter-frame');
    expect(machine.position).toEqual({ step: machine.step, phase: 2 });
    expect(phases).toEqual(['throw', 'enter-frame']);
  });
});

describe('who watches', () => {
  it('hears of calls and exits in order, however many there are, and changes nothing', () => {
    const source = 'r6 = 20000\ncall pc+3\nr6 += -1\nif r6 != 0 goto pc-3\nexit\nr0 = r6\nexit';
    const silent = rig().machine;
    const { machine } = rig();
    const rows: string[] = [];
    let count = 0;
    machine.observer = {
      flow: ({ view, start, end }) => {
        for (let at = start; at < end; at += 16) {
          const { insn } = machine.locate(view.getUint32(at + 8, true))!;
          if (count++ < 4) rows.push(`${view.getBigUint64(at, true)} ${insn} ${view.getUint32(at + 12, true)}`);
        }
      },
    };
    const program = programOf(source);
    machine.start(program, 0n);
    silent.start(program, 0n);
    expect(machine.run({ fuel: 1_000_000 })).toEqual(silent.run({ fuel: 1_000_000 }));
    expect(rows).toEqual(['1 1 0', '3 6 1', '6 1 0', '8 6 1']);
    expect(count).toBe(40_001);
    const hash = (checkpoint: { kernel: { memory: unknown } }) => pageTreeHash(checkpoint.kernel.memory as PageTree);
    expect(hash(machine.checkpoint())).toBe(hash(silent.checkpoint()));
  });
});
