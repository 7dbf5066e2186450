/**
 * How fast the interpreter runs: instructions per second, with the shadow check on each access, a step counted for each
 * instruction, and the machine's own slices of fuel around it all.
 */
import { programOf, rig } from '../../core/machine/testing/programs.ts';
import type { Limit, Row } from './report.ts';
import { best } from './report.ts';

interface Loop {
  readonly name: string;
  readonly what: string;
  readonly source: string;
}

const LOOPS: readonly Loop[] = [
  {
    name: 'arithmetic',
    what: '64-bit and 32-bit arithmetic, one branch in eight instructions',
    source: 'r0 = 0\nr1 = 1\nr0 += r1\nr1 += 3\nr0 ^= r1\nr0 <<= 1\nw2 = w0\nr0 >>= 1\nr1 *= 5\ngoto pc-8',
  },
  {
    name: 'memory',
    what: 'loads and stores of 8, 4 and 1 bytes on the stack, three in four instructions',
    source:
      'r1 = 7\n*(u64 *)(r10 -8) = r1\nr2 = *(u64 *)(r10 -8)\nr1 += r2\n*(u32 *)(r10 -16) = r1\nr3 = *(u32 *)(r10 -16)\n*(u8 *)(r10 -17) = r3\nr4 = *(u8 *)(r10 -17)\ngoto pc-8',
  },
  {
    name: 'calls',
    what: 'a call and an exit in five instructions: R6 to R9 saved and restored, a stack frame shaded twice',
    source: 'r1 = 7\ncall pc+2\nr1 += 1\ngoto pc-3\nr0 = r1\nexit',
  },
  {
    name: 'helper calls',
    what: 'one call to a helper in TypeScript in four instructions',
    source: 'r1 = 7\ncall 7\nr1 += 1\ngoto pc-3',
  },
];

const STEPS = 20_000_000;
/** What the interpreter must reach on arithmetic. */
const ARITHMETIC_FLOOR: Limit = { kind: 'at least', value: 150, text: '150 M insn/s' };

/** One row per loop: the best of several rounds, after the host has compiled what is hot. */
export function benchMachine(): Row[] {
  return LOOPS.map(({ name, what, source }) => {
    const { machine } = rig({ helpers: { 7: () => 5n } });
    machine.start(programOf(source), 0n);
    machine.run({ fuel: STEPS });
    const milliseconds = best(5, () => machine.run({ fuel: STEPS }));
    const rate = STEPS / milliseconds / 1000;
    const limit = name === 'arithmetic' ? { limit: ARITHMETIC_FLOOR } : {};
    return { name, what, value: rate, text: `${rate.toFixed(0)} M insn/s`, ...limit };
  });
}

/** What looking at each instruction costs: a debugger's single steps, a watchpoint tried after each. */
export function benchSteps(): Row[] {
  const { machine } = rig();
  machine.start(programOf(LOOPS[0]!.source), 0n);
  const steps = 200_000;
  const milliseconds = best(3, () => {
    for (let i = 0; i < steps; i++) machine.run({ fuel: 1 });
  });
  const rate = steps / milliseconds / 1000;
  return [
    {
      name: 'single steps',
      what: 'run one instruction and come back, again and again',
      value: rate,
      text: `${rate.toFixed(1)} M insn/s`,
    },
  ];
}

/** What a checkpoint costs while a program goes over a megabyte of its stack and maps. */
export function benchCheckpoints(): Row[] {
  const { machine, memory } = rig();
  const size = 1 << 20;
  const at = memory.allocate(size, { label: 'a map' });
  const source = `r2 = ${memory.pointer(at)} ll\nr1 = 0\nr3 = r1\nr3 &= ${size - 8}\nr4 = r2\nr4 += r3\n*(u64 *)(r4 +0) = r1\nr1 += 4096\ngoto pc-7`;
  machine.start(programOf(source), 0n);
  machine.run({ fuel: 100_000 });
  const first = machine.checkpoint();
  const rounds = 20;
  const all = best(3, () => {
    for (let i = 0; i < rounds; i++) {
      machine.run({ fuel: 7 * 256 });
      machine.checkpoint();
    }
  });
  const one = best(3, () => {
    for (let i = 0; i < rounds; i++) {
      machine.run({ fuel: 7 });
      machine.checkpoint();
    }
  });
  const back = best(3, () => {
    for (let i = 0; i < rounds; i++) {
      machine.run({ fuel: 7 * 256 });
      machine.restore(first);
    }
  });
  const row = (name: string, what: string, total: number): Row => {
    const micro = (total * 1000) / rounds;
    return { name, what, value: micro, text: `${micro.toFixed(0)} µs` };
  };
  return [
    row('checkpoint, 1 page changed', 'run 7 instructions, take a checkpoint', one),
    row('checkpoint, 256 pages changed', 'run 1,792 instructions that write to 1 MiB, take a checkpoint', all),
    row('restore, 256 pages changed', 'the same, and go back to the first checkpoint', back),
  ];
}
