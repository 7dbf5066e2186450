/**
 * Open-coded iterators. Their state lies in the program's stack slots, as the kernel keeps it; the ledger knows an open
 * iterator by the address of its first slot. One whose constructor failed is empty, and still has to be destroyed.
 */
import type { Behaviour, Call } from './behaviour.ts';
import { errno } from './behaviour.ts';
import { fillBytes } from './bytes.ts';
import { E2BIG, EFAULT, EINVAL } from './errno.ts';
import { arg, s32, u32 } from './helpers/arguments.ts';
import type { Kernel } from './kernel.ts';
import { MAX_LOOPS } from './kernel-limits.ts';
import type { LedgerEntry } from './ledger.ts';
import { allCgroupIds, allPids, cgroupOfTask, taskScenario } from './objects/tasks.ts';

/** Sizes of the structs, which programs have on their stacks. */
const SIZES: Readonly<Record<string, number>> = {
  bpf_iter_num: 8,
  bpf_iter_bits: 16,
  bpf_iter_task: 24,
  bpf_iter_css: 16,
  bpf_iter_css_task: 8,
  bpf_iter_task_vma: 8,
  bpf_iter_kmem_cache: 8,
  bpf_iter_dmabuf: 8,
};

/** Offset of the slots, which the ledger then counts as an open iterator. */
function open(call: Call, name: string): number {
  const at = call.kernel.offset(arg(call, 0));
  fillBytes(call.kernel.memory, at, SIZES[name] ?? 8, 0);
  call.kernel.acquire(call, 'iterator', `struct ${name}`, arg(call, 0), `${name}_destroy`);
  return at;
}

function state(call: Call): number {
  return call.kernel.offset(arg(call, 0));
}

/** Ends an iterator, as its destructor or an unwinding does. */
export function destroyIterator(kernel: Kernel, entry: LedgerEntry, by: string): void {
  kernel.ledger.releaseEntry(entry.id, by);
  const name = entry.typeName.replace('struct ', '');
  const at = kernel.offset(entry.value);
  const bits = name === 'bpf_iter_bits' ? kernel.memory.readU64(at) : 0n;
  if (bits !== 0n) kernel.memory.free(kernel.offset(bits));
  fillBytes(kernel.memory, at, SIZES[name] ?? 8, 0);
}

const destroy: Behaviour = (call) => {
  const entry = call.kernel.ledger.find('iterator', arg(call, 0));
  if (entry === undefined) call.kernel.ledger.release('iterator', arg(call, 0), call.name);
  else destroyIterator(call.kernel, entry, call.name);
  return 0n;
};

// ---- numbers ----------------------------------------------------------------------------------------------------------

const numNew: Behaviour = (call) => {
  const { memory } = call.kernel;
  const at = open(call, 'bpf_iter_num');
  const start = s32(call, 1);
  const end = s32(call, 2);
  if (start > end) return errno(EINVAL);
  if (end - start > MAX_LOOPS) return errno(E2BIG);
  // The first call of next steps onto the start.
  memory.writeU32(at, (start - 1) >>> 0);
  memory.writeU32(at + 4, end >>> 0);
  return 0n;
};

const numNext: Behaviour = (call) => {
  const { memory } = call.kernel;
  const at = state(call);
  const next = (memory.readU32(at) | 0) + 1;
  if ((next | 0) >= (memory.readU32(at + 4) | 0)) {
    fillBytes(memory, at, 8, 0);
    return 0n;
  }
  memory.writeU32(at, next >>> 0);
  return memory.pointer(at);
};

// ---- bits -------------------------------------------------------------------------------------------------------------

/** Words of 64 bits that an iterator may go over (BITS_ITER_NR_WORDS_MAX). */
const MAX_BIT_WORDS = 511;

const bitsNew: Behaviour = (call) => {
  const { memory } = call.kernel;
  const at = open(call, 'bpf_iter_bits');
  const wordCount = u32(call, 2);
  if (arg(call, 1) === 0n || wordCount === 0) return errno(EINVAL);
  if (wordCount > MAX_BIT_WORDS) return errno(E2BIG);
  if (memory.check(arg(call, 1), wordCount * 8, 'read') !== undefined) return errno(EFAULT);
  const from = call.kernel.offset(arg(call, 1));
  const copy = memory.allocate(wordCount * 8 + 4, { access: 'ro', label: 'bits of an iterator' });
  memory.bytes.copyWithin(copy, from, from + wordCount * 8);
  memory.touch(copy, wordCount * 8);
  memory.writeU64(at, memory.pointer(copy));
  memory.writeU32(at + 8, wordCount * 64);
  memory.writeU32(at + 12, 0xffffffff);
  return 0n;
};

const bitsNext: Behaviour = (call) => {
  const { memory } = call.kernel;
  const at = state(call);
  const count = memory.readU32(at + 8);
  if (count === 0) return 0n;
  const bits = call.kernel.offset(memory.readU64(at));
  for (let bit = (memory.readU32(at + 12) | 0) + 1; bit < count; bit++) {
    if ((memory.readU8(bits + (bit >> 3)) & (1 << (bit & 7))) === 0) continue;
    memory.writeU32(at + 12, bit);
    memory.writeU32(bits + (count >> 3), bit);
    return memory.pointer(bits + (count >> 3));
  }
  memory.writeU32(at + 8, 0);
  return 0n;
};

// ---- tasks ------------------------------------------------------------------------------------------------------------

const ALL_PROCESSES = 0;
const ALL_THREADS = 1;
const PROCESS_THREADS = 2;

const taskNew: Behaviour = (call) => {
  const { memory } = call.kernel;
  const at = open(call, 'bpf_iter_task');
  const flags = u32(call, 2);
  if (flags > PROCESS_THREADS) return errno(EINVAL);
  if (flags === PROCESS_THREADS && arg(call, 1) === 0n) return errno(EINVAL);
  memory.writeU64(at + 8, flags === PROCESS_THREADS ? arg(call, 1) : 0n);
  memory.writeU32(at + 16, flags);
  memory.writeU32(at, 1);
  return 0n;
};

function walkedTasks(kernel: Kernel, at: number): readonly number[] {
  const { world, memory } = kernel;
  const flags = memory.readU32(at + 16);
  const tgidOf = (pid: number): number => taskScenario(world, pid)?.tgid ?? pid;
  const pids = allPids(world);
  if (flags === ALL_PROCESSES) return pids.filter((pid) => tgidOf(pid) === pid);
  if (flags === ALL_THREADS) return pids;
  const task = kernel.offset(memory.readU64(at + 8));
  const tgid = Number(world.get(task, 'task_struct', 'tgid'));
  return pids.filter((pid) => tgidOf(pid) === tgid);
}

const taskNext: Behaviour = (call) => {
  const { memory, world } = call.kernel;
  const at = state(call);
  const position = memory.readU32(at);
  const pid = position === 0 ? undefined : walkedTasks(call.kernel, at)[position - 1];
  if (pid === undefined) return 0n;
  memory.writeU32(at, position + 1);
  return memory.pointer(world.find(`task:${pid}`));
};

// ---- cgroups ----------------------------------------------------------------------------------------------------------

const CSS_SELF_ONLY = 1;
const CSS_DESCENDANTS_PRE = 2;
const CSS_DESCENDANTS_POST = 3;
const CSS_ANCESTORS_UP = 4;

const cssNew: Behaviour = (call) => {
  const { memory } = call.kernel;
  const at = open(call, 'bpf_iter_css');
  const flags = u32(call, 2);
  // A walk that visits nothing but its start is no order of descent.
  if (flags < CSS_DESCENDANTS_PRE || flags > CSS_ANCESTORS_UP || flags === CSS_SELF_ONLY) return errno(EINVAL);
  memory.writeU64(at, arg(call, 1));
  memory.writeU32(at + 8, flags);
  memory.writeU32(at + 12, 0);
  return 0n;
};

/** The cgroups of a walk, in order. */
function walkedCgroups(kernel: Kernel, start: number, order: number): readonly number[] {
  const { world, memory } = kernel;
  const all = allCgroupIds(world).map((id) => world.find(`cgroup:${id}`));
  const parentOf = (cgroup: number): number => memory.offset(world.get(cgroup, 'cgroup', 'self.parent')) ?? 0;
  const walked: number[] = [];
  if (order === CSS_ANCESTORS_UP) {
    for (let cgroup = start; cgroup !== 0; cgroup = parentOf(cgroup)) walked.push(cgroup);
    return walked;
  }
  const visit = (cgroup: number): void => {
    if (order === CSS_DESCENDANTS_PRE) walked.push(cgroup);
    for (const child of all) if (child !== cgroup && parentOf(child) === cgroup) visit(child);
    if (order === CSS_DESCENDANTS_POST) walked.push(cgroup);
  };
  visit(start);
  return walked;
}

const cssNext: Behaviour = (call) => {
  const { kernel } = call;
  const { memory } = kernel;
  const at = state(call);
  const start = memory.readU64(at);
  if (start === 0n) return 0n;
  // struct cgroup begins with its own css, so that both have one address.
  const self = kernel.layouts.struct('cgroup').offset('self');
  const position = memory.readU32(at + 12);
  const cgroup = walkedCgroups(kernel, kernel.offset(start) - self, memory.readU32(at + 8))[position];
  if (cgroup === undefined) return 0n;
  memory.writeU32(at + 12, position + 1);
  return memory.pointer(cgroup + self);
};

const cssTaskNew: Behaviour = (call) => {
  const { kernel } = call;
  const at = open(call, 'bpf_iter_css_task');
  if (u32(call, 2) > 3) return errno(EINVAL);
  // The cgroup's offset fits the lower half, the position goes above it.
  kernel.memory.writeU32(at, kernel.offset(arg(call, 1)) - kernel.layouts.struct('cgroup').offset('self'));
  return 0n;
};

const cssTaskNext: Behaviour = (call) => {
  const { memory, world } = call.kernel;
  const at = state(call);
  const cgroup = memory.readU32(at);
  const position = memory.readU32(at + 4);
  if (cgroup === 0) return 0n;
  const tasks = allPids(world)
    .map((pid) => world.find(`task:${pid}`))
    .filter((task) => cgroupOfTask(world, task) === cgroup);
  const task = tasks[position];
  if (task === undefined) return 0n;
  memory.writeU32(at + 4, position + 1);
  return memory.pointer(task);
};

/** What a scenario has none of: memory areas, slab caches, DMA buffers. */
const emptyNew =
  (name: string): Behaviour =>
  (call) => {
    open(call, name);
    return 0n;
  };

const nothing: Behaviour = () => 0n;

export const iteratorKfuncs: Readonly<Record<string, Behaviour>> = {
  bpf_iter_num_new: numNew,
  bpf_iter_num_next: numNext,
  bpf_iter_num_destroy: destroy,
  bpf_iter_bits_new: bitsNew,
  bpf_iter_bits_next: bitsNext,
  bpf_iter_bits_destroy: destroy,
  bpf_iter_task_new: taskNew,
  bpf_iter_task_next: taskNext,
  bpf_iter_task_destroy: destroy,
  bpf_iter_css_new: cssNew,
  bpf_iter_css_next: cssNext,
  bpf_iter_css_destroy: destroy,
  bpf_iter_css_task_new: cssTaskNew,
  bpf_iter_css_task_next: cssTaskNext,
  bpf_iter_css_task_destroy: destroy,
  bpf_iter_task_vma_new: emptyNew('bpf_iter_task_vma'),
  bpf_iter_task_vma_next: nothing,
  bpf_iter_task_vma_destroy: destroy,
  bpf_iter_kmem_cache_new: emptyNew('bpf_iter_kmem_cache'),
  bpf_iter_kmem_cache_next: nothing,
  bpf_iter_kmem_cache_destroy: destroy,
  bpf_iter_dmabuf_new: emptyNew('bpf_iter_dmabuf'),
  bpf_iter_dmabuf_next: nothing,
  bpf_iter_dmabuf_destroy: destroy,
};
