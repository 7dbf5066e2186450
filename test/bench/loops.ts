/**
 * Loops, each of little but one sort of event: what recording costs has to hold for programs that nobody
 * has seen, and these are the worst of their kind.
 */
import { ObjectBuilder } from '../../core/object/testing/object-builder.ts';
import { BTF_FUNC_EXTERN } from '../../core/object/btf/kinds.ts';
import type { Scenario } from '../../core/kernel/scenario.ts';
import type { RecordingSource } from '../../core/trace/recording.ts';

export interface Loop {
  readonly name: string;
  readonly what: string;
  readonly source: RecordingSource;
}

interface LoopSpec {
  readonly name: string;
  readonly what: string;
  /** Before the loop, with R6 to R9 free to be used but for R8, which counts. */
  readonly before?: readonly string[];
  readonly body: readonly string[];
  /** Steps of one round; the loop itself takes two of them. Without functions that are called it is the body's. */
  readonly steps?: number;
  /** Functions of the program that the body calls: `call NAME`. */
  readonly functions?: Readonly<Record<string, readonly string[]>>;
  /** Kernel functions: the kinds of their arguments, and of what they return last. */
  readonly kfuncs?: Readonly<Record<string, readonly ('void' | 'int' | 'pointer')[]>>;
  readonly maps?: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly scenario?: Scenario;
  /** Of what the kernel does so much for each step that a fifth of the steps will do; the limits are harder to keep then. */
  readonly isSlow?: boolean;
}

/** R6 becomes the next of a series that no way of packing sees through. */
const RANDOM = ['r6 ^= r7', 'r6 *= 1103515245', 'r6 += 12345', 'r7 = r6', 'r7 >>= 17', 'r7 ^= r6'] as const;

const SPECS: readonly LoopSpec[] = [
  {
    name: 'arithmetic',
    what: 'additions, shifts, a branch',
    body: ['r7 += r8', 'r7 ^= 77', 'w1 = w7', 'r7 <<= 1', 'r1 += r7', 'r7 >>= 3'],
  },
  {
    name: 'scattered stores',
    what: 'a store to another page of a 16 MiB array in seven steps',
    before: ['*(u32 *)(r10 -4) = 0', 'r1 = map:big', 'r2 = r10', 'r2 += -4', 'call 1', 'r9 = r0', 'r7 = 0'],
    body: ['r7 += 4168', 'r7 &= 16777208', 'r1 = r9', 'r1 += r7', '*(u64 *)(r1 +0) = r8'],
    maps: { big: { type: 2, key_size: 4, value_size: 16_777_216, max_entries: 1 } },
  },
  {
    name: 'calls',
    what: 'calls of a function that returns at once',
    body: ['call leaf'],
    steps: 4,
    functions: { leaf: ['exit'] },
  },
  {
    name: 'nested calls',
    what: 'calls four deep, on paths that chance decides',
    before: ['r6 = 1', 'r7 = 5'],
    body: [...RANDOM, 'if r6 & 64 goto pc+1', 'call a', 'if r6 & 4096 goto pc+1', 'call b'],
    steps: 16,
    functions: { a: ['call b', 'exit'], b: ['call c', 'exit'], c: ['exit'] },
  },
  { name: 'helper calls', what: 'calls of the cheapest helper', body: ['call 8'] },
  {
    name: 'helper calls, arguments',
    what: 'the same with five arguments that are different each time',
    before: ['r6 = 1', 'r7 = 5'],
    body: [
      ...RANDOM,
      'r1 = r6',
      'r2 = r7',
      'r3 = r6',
      'r3 *= r7',
      'r4 = r3',
      'r4 ^= r6',
      'r5 = r4',
      'r5 *= r6',
      'call 8',
    ],
  },
  {
    name: 'array updates',
    isSlow: true,
    what: 'bpf_map_update_elem on an array',
    before: ['r9 = map:array'],
    body: [
      'r1 = r8',
      'r1 &= 255',
      '*(u32 *)(r10 -4) = r1',
      '*(u64 *)(r10 -16) = r8',
      'r1 = r9',
      'r2 = r10',
      'r2 += -4',
      'r3 = r10',
      'r3 += -16',
      'r4 = 0',
      'call 2',
    ],
    maps: { array: { type: 2, key_size: 4, value_size: 8, max_entries: 256 } },
  },
  {
    name: 'hash updates',
    isSlow: true,
    what: 'bpf_map_update_elem and bpf_map_delete_elem on a hash',
    before: ['r9 = map:hash'],
    body: [
      'r1 = r8',
      'r1 &= 255',
      '*(u32 *)(r10 -4) = r1',
      '*(u64 *)(r10 -16) = r8',
      'r1 = r9',
      'r2 = r10',
      'r2 += -4',
      'r3 = r10',
      'r3 += -16',
      'r4 = 0',
      'call 2',
      'r1 = r9',
      'r2 = r10',
      'r2 += -4',
      'call 3',
    ],
    maps: { hash: { type: 1, key_size: 4, value_size: 8, max_entries: 512 } },
  },
  {
    name: 'acquire and release',
    isSlow: true,
    what: 'pairs of bpf_task_from_pid and bpf_task_release',
    body: ['r1 = 1', 'call bpf_task_from_pid', 'r1 = r0', 'call bpf_task_release'],
    kfuncs: { bpf_task_from_pid: ['int', 'pointer'], bpf_task_release: ['pointer', 'void'] },
    scenario: { tasks: [{ pid: 1, comm: 'init' }], currentTask: 1 },
  },
  {
    name: 'RCU sections',
    isSlow: true,
    what: 'pairs of bpf_rcu_read_lock and bpf_rcu_read_unlock, the cheapest pair',
    body: ['call bpf_rcu_read_lock', 'call bpf_rcu_read_unlock'],
    kfuncs: { bpf_rcu_read_lock: ['void'], bpf_rcu_read_unlock: ['void'] },
  },
  {
    name: 'callbacks',
    isSlow: true,
    what: 'bpf_loop with a callback that returns at once',
    body: ['r1 = 8388608', 'r2 = function:callback', 'r3 = 0', 'r4 = 0', 'call 181'],
    steps: 2 * 8_388_608 + 7,
    functions: { callback: ['r0 = 0', 'exit'] },
  },
  {
    name: 'prints',
    isSlow: true,
    what: 'bpf_trace_printk of a number that is different each time',
    before: ['*(u32 *)(r10 -16) = 622869792', '*(u32 *)(r10 -12) = 117', 'r6 = 1', 'r7 = 5'],
    body: [...RANDOM, 'r1 = r10', 'r1 += -16', 'r2 = 8', 'r3 = r6', 'call 6'],
  },
  {
    name: 'ring buffer',
    isSlow: true,
    what: 'bpf_ringbuf_output of 16 bytes, of which user space reads nothing while it runs',
    before: ['r9 = map:ring'],
    body: [
      '*(u64 *)(r10 -16) = r8',
      '*(u64 *)(r10 -8) = r8',
      'r1 = r9',
      'r2 = r10',
      'r2 += -16',
      'r3 = 16',
      'r4 = 0',
      'call 130',
    ],
    maps: { ring: { type: 27, max_entries: 65_536 } },
  },
  {
    name: 'large hash',
    isSlow: true,
    what: 'bpf_map_update_elem on a hash of 65,536 entries, with keys that chance chooses',
    before: ['r9 = map:large', 'r6 = 1', 'r7 = 5'],
    body: [
      ...RANDOM,
      'r1 = r6',
      'r1 &= 65535',
      '*(u32 *)(r10 -4) = r1',
      '*(u64 *)(r10 -16) = r8',
      'r1 = r9',
      'r2 = r10',
      'r2 += -4',
      'r3 = r10',
      'r3 += -16',
      'r4 = 0',
      'call 2',
    ],
    maps: { large: { type: 1, key_size: 4, value_size: 8, max_entries: 65_536 } },
  },
  {
    name: 'random stores',
    what: 'stores to places of a 16 MiB array that chance chooses',
    before: ['*(u32 *)(r10 -4) = 0', 'r1 = map:wide', 'r2 = r10', 'r2 += -4', 'call 1', 'r9 = r0', 'r6 = 1', 'r7 = 5'],
    body: [...RANDOM, 'r1 = r6', 'r1 &= 16777208', 'r2 = r9', 'r2 += r1', '*(u64 *)(r2 +0) = r6'],
    maps: { wide: { type: 2, key_size: 4, value_size: 16_777_216, max_entries: 1 } },
  },
  {
    name: 'mixed',
    what: 'arithmetic, a call, a lookup and a store in each round',
    before: ['r9 = map:array'],
    body: [
      ...Array.from({ length: 24 }, (_, i) => [
        'r7 += r8',
        'r7 ^= 77',
        '*(u64 *)(r10 -8) = r7',
        `r7 >>= ${1 + (i % 5)}`,
      ]).flat(),
      'call leaf',
      'r1 = r8',
      'r1 &= 255',
      '*(u32 *)(r10 -12) = r1',
      'r1 = r9',
      'r2 = r10',
      'r2 += -12',
      'call 1',
    ],
    steps: 96 + 8 + 2 + 2,
    functions: { leaf: ['r0 = r1', 'exit'] },
    maps: { array: { type: 2, key_size: 4, value_size: 8, max_entries: 256 } },
  },
];

/** The loops, of so many steps each, or a fifth of them. */
export function loops(steps: number): readonly Loop[] {
  return SPECS.map((spec) => ({
    name: spec.name,
    what: spec.what,
    source: sourceOf(spec, spec.isSlow === true ? steps / 5 : steps),
  }));
}

function sourceOf(spec: LoopSpec, steps: number): RecordingSource {
  const object = new ObjectBuilder();
  const { types } = object;
  const rounds = Math.ceil(steps / (spec.steps ?? spec.body.length + 2));
  const lines: string[] = [];
  const references: Record<number, string> = {};
  let slot = 0;
  // The verifier would walk all of the loop; it stops at what nobody wrote, and the machine does not.
  for (const line of ['r0 = r9', `r8 = ${rounds}`, ...(spec.before ?? []), ...spec.body, 'r8 += -1']) {
    const { text, symbol, slots } = resolved(line, spec);
    if (symbol !== undefined) references[slot] = symbol;
    lines.push(text);
    slot += slots;
  }
  const head = 2 + (spec.before ?? []).reduce((sum, line) => sum + resolved(line, spec).slots, 0);
  lines.push(`if r8 != 0 goto pc${head - slot - 1}`, 'r0 = 2', 'exit');
  object.function('xdp', 'main', lines.join('\n'), { references });
  for (const [name, body] of Object.entries(spec.functions ?? {})) {
    const calls = body.map((line) => resolved(line, spec));
    object.function('.text', name, calls.map(({ text }) => text).join('\n'), {
      references: Object.fromEntries(calls.flatMap(({ symbol }, at) => (symbol === undefined ? [] : [[at, symbol]]))),
    });
  }
  const maps = Object.entries(spec.maps ?? {}).map(([name, fields]) => object.map(name, fields));
  if (maps.length > 0) object.describe('.maps', maps);
  const kinds = {
    void: 0,
    int: types.int('int', 4, { signed: true }),
    pointer: types.pointer(types.struct('task_struct', 0, [])),
  };
  const externs = Object.entries(spec.kfuncs ?? {}).map(([name, signature]) => {
    object.extern(name);
    const parameters = signature.slice(0, -1).map((kind) => ({ name: '', type: kinds[kind] }));
    return types.func(name, types.funcProto(kinds[signature.at(-1) ?? 'void'], parameters), BTF_FUNC_EXTERN);
  });
  if (externs.length > 0)
    types.section(
      '.ksyms',
      0,
      externs.map((type) => ({ type, offset: 0, size: 0 })),
    );
  return {
    objectName: 'loop.bpf.o',
    objectBytes: object.bytes(),
    scenario: spec.scenario ?? {},
    requests: [{ program: 'main', context: {} }],
    globals: [],
    maxSteps: 2 * steps,
  };
}

/** A line with its references left to the linker, and how many slots it takes. */
function resolved(line: string, spec: LoopSpec): { text: string; symbol?: string; slots: number } {
  const called = /^call ([a-z]\w*)$/.exec(line)?.[1];
  if (called !== undefined) {
    const local = spec.functions?.[called] !== undefined;
    return { text: local ? 'call -1' : 'call pc-1', symbol: called, slots: 1 };
  }
  const loaded = /^(r\d) = (?:map|function):(\w+)$/.exec(line);
  if (loaded !== null) return { text: `${loaded[1]} = 0 ll`, symbol: loaded[2]!, slots: 2 };
  return { text: line, slots: 1 };
}
