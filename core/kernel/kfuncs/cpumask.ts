/** kfuncs on sets of CPUs. A mask is 8 KB of bits in a kernel built for 8192 CPUs; only those that exist are ever set. */
import type { Behaviour, Call } from '../behaviour.ts';
import { errno } from '../behaviour.ts';
import { copyWithin, fillBytes } from '../bytes.ts';
import { EACCES, EINVAL } from '../errno.ts';
import { arg, readable, u32 } from '../helpers/arguments.ts';
import { handOut, handOutNew, releaseArgument } from './kernel.ts';

function at(call: Call, index: number): number {
  return call.kernel.offset(arg(call, index));
}

/** The CPUs of a mask, as the bits of a number (a scenario has at most 64). */
function bits(call: Call, index: number): bigint {
  return call.kernel.memory.readU64(at(call, index));
}

function all(call: Call): bigint {
  return (1n << BigInt(call.kernel.cpus)) - 1n;
}

function setBits(call: Call, index: number, value: bigint): void {
  call.kernel.memory.writeU64(at(call, index), value & all(call));
}

function lowest(call: Call, mask: bigint): bigint {
  for (let cpu = 0; cpu < call.kernel.cpus; cpu++) if ((mask & (1n << BigInt(cpu))) !== 0n) return BigInt(cpu);
  // None: the number of possible CPUs.
  return BigInt(call.kernel.cpus);
}

function weight(mask: bigint): bigint {
  let count = 0n;
  for (let rest = mask; rest !== 0n; rest &= rest - 1n) count++;
  return count;
}

const bool = (value: boolean): bigint => (value ? 1n : 0n);

const create: Behaviour = (call) => {
  const { world } = call.kernel;
  const mask = world.make('bpf_cpumask', '', { temporary: true });
  world.set(mask, 'bpf_cpumask', 'usage.refs.counter', 1);
  return handOutNew(call, world.at(mask)!);
};

const acquire: Behaviour = (call) => handOut(call, at(call, 0));

/** A CPU's bit, or 0n for one that does not exist. */
function cpuBit(call: Call, index: number): bigint {
  const cpu = u32(call, index);
  return cpu < call.kernel.cpus ? 1n << BigInt(cpu) : 0n;
}

const setCpu: Behaviour = (call) => {
  setBits(call, 1, bits(call, 1) | cpuBit(call, 0));
  return 0n;
};

const clearCpu: Behaviour = (call) => {
  setBits(call, 1, bits(call, 1) & ~cpuBit(call, 0));
  return 0n;
};

const testAnd =
  (set: boolean): Behaviour =>
  (call) => {
    const bit = cpuBit(call, 0);
    const before = bits(call, 1);
    setBits(call, 1, set ? before | bit : before & ~bit);
    return bool((before & bit) !== 0n);
  };

/** bpf_cpumask_and and friends: destination, two sources; of `and` also whether anything is left. */
const combine =
  (operation: (a: bigint, b: bigint) => bigint): Behaviour =>
  (call) => {
    const result = operation(bits(call, 1), bits(call, 2)) & all(call);
    setBits(call, 0, result);
    return bool(result !== 0n);
  };

const populate: Behaviour = (call) => {
  const { kernel } = call;
  const length = Number(arg(call, 2));
  const size = kernel.layouts.struct('cpumask').size;
  if (length < Math.ceil(kernel.cpus / 8)) return errno(EACCES);
  if (arg(call, 1) % 8n !== 0n) return errno(EINVAL);
  const from = readable(call, 1, length);
  fillBytes(kernel.memory, at(call, 0), size, 0);
  copyWithin(kernel.memory, at(call, 0), from, Math.min(length, size));
  setBits(call, 0, bits(call, 0));
  return 0n;
};

const noResult =
  (behaviour: Behaviour): Behaviour =>
  (call) => {
    behaviour(call);
    return 0n;
  };

export const cpumaskKfuncs: Readonly<Record<string, Behaviour>> = {
  bpf_cpumask_create: create,
  bpf_cpumask_acquire: acquire,
  bpf_cpumask_release: releaseArgument,
  bpf_cpumask_first: (call) => lowest(call, bits(call, 0)),
  bpf_cpumask_first_zero: (call) => lowest(call, ~bits(call, 0) & all(call)),
  bpf_cpumask_first_and: (call) => lowest(call, bits(call, 0) & bits(call, 1)),
  bpf_cpumask_set_cpu: setCpu,
  bpf_cpumask_clear_cpu: clearCpu,
  bpf_cpumask_test_cpu: (call) => bool((bits(call, 1) & cpuBit(call, 0)) !== 0n),
  bpf_cpumask_test_and_set_cpu: testAnd(true),
  bpf_cpumask_test_and_clear_cpu: testAnd(false),
  bpf_cpumask_setall: (call) => {
    setBits(call, 0, all(call));
    return 0n;
  },
  bpf_cpumask_clear: (call) => {
    setBits(call, 0, 0n);
    return 0n;
  },
  bpf_cpumask_and: combine((a, b) => a & b),
  bpf_cpumask_or: noResult(combine((a, b) => a | b)),
  bpf_cpumask_xor: noResult(combine((a, b) => a ^ b)),
  bpf_cpumask_equal: (call) => bool(bits(call, 0) === bits(call, 1)),
  bpf_cpumask_intersects: (call) => bool((bits(call, 0) & bits(call, 1)) !== 0n),
  bpf_cpumask_subset: (call) => bool((bits(call, 0) & ~bits(call, 1)) === 0n),
  bpf_cpumask_empty: (call) => bool(bits(call, 0) === 0n),
  bpf_cpumask_full: (call) => bool(bits(call, 0) === all(call)),
  bpf_cpumask_copy: (call) => {
    setBits(call, 0, bits(call, 1));
    return 0n;
  },
  bpf_cpumask_any_distribute: (call) => lowest(call, bits(call, 0)),
  bpf_cpumask_any_and_distribute: (call) => lowest(call, bits(call, 0) & bits(call, 1)),
  bpf_cpumask_weight: (call) => weight(bits(call, 0)),
  bpf_cpumask_populate: populate,
};
