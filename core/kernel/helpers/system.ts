/** Helpers about time, chance, the running task, locks and objects. */
import type { Behaviour, Call } from '../behaviour.ts';
import { KernelFault, errno } from '../behaviour.ts';
import { latin1, writeBytes } from '../bytes.ts';
import { EBADF, EINVAL, ENAMETOOLONG, ENOENT, EOPNOTSUPP, EPERM } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { cgroupAncestor, cgroupId, cgroupOfTask, copyComm, taskScenario } from '../objects/tasks.ts';
import { spinLock, spinUnlock } from '../regions.ts';
import { integer } from '../scenario.ts';
import { arg, s32, size, text, u32, writable } from './arguments.ts';

const COARSE_TICK = 1_000_000n;
const HZ = 250n;
const INITIAL_JIFFIES = 4294892296n;
/** TAI is ahead of UTC by so many seconds since 2017. */
const TAI_OFFSET = 37_000_000_000n;

function currentTask(kernel: Kernel): number {
  return kernel.world.currentTask;
}

const pidTgid: Behaviour = ({ kernel }) => {
  const task = taskScenario(kernel.world, kernel.world.currentPid);
  const pid = kernel.world.currentPid;
  return (BigInt(task?.tgid ?? pid) << 32n) | BigInt(pid);
};

const uidGid: Behaviour = ({ kernel }) => {
  const task = taskScenario(kernel.world, kernel.world.currentPid);
  return (BigInt(task?.gid ?? 0) << 32n) | BigInt(task?.uid ?? 0);
};

const comm: Behaviour = (call) => {
  const room = u32(call, 1);
  copyComm(call.kernel.world, currentTask(call.kernel), writable(call, 0, room), room);
  return 0n;
};

const nsPidTgid: Behaviour = (call) => {
  const { kernel } = call;
  if (u32(call, 3) !== 8) return errno(EINVAL);
  const task = taskScenario(kernel.world, kernel.world.currentPid);
  const at = writable(call, 2, 8);
  kernel.memory.writeU32(at, task?.vpid ?? kernel.world.currentPid);
  kernel.memory.writeU32(at + 4, task?.tgid ?? task?.vpid ?? kernel.world.currentPid);
  return 0n;
};

const cgroupIdOfCurrent: Behaviour = ({ kernel }) =>
  cgroupId(kernel.world, cgroupOfTask(kernel.world, currentTask(kernel)));

const ancestorCgroupId: Behaviour = (call) => {
  const { world } = call.kernel;
  const ancestor = cgroupAncestor(world, cgroupOfTask(world, currentTask(call.kernel)), s32(call, 0));
  return ancestor === 0 ? 0n : cgroupId(world, ancestor);
};

// ---- locks and objects ------------------------------------------------------------------------------------------------

const lock: Behaviour = (call) => {
  spinLock(call, 'spin_lock', arg(call, 0), 'bpf_spin_unlock');
  return 0n;
};

const unlock: Behaviour = (call) => {
  spinUnlock(call.kernel, 'spin_lock', arg(call, 0), call.name);
  return 0n;
};

/** bpf_kptr_xchg(dst, ptr): what the program held goes into the map or object, what lay there comes out to the program. */
const kptrXchg: Behaviour = (call) => {
  const { kernel } = call;
  const at = writable(call, 0, 8);
  const incoming = arg(call, 1);
  const outgoing = kernel.memory.readU64(at);
  if (incoming !== 0n) {
    const type = kernel.ledger.find('object', incoming) === undefined ? 'reference' : 'object';
    kernel.ledger.store(type, incoming, `kptr at 0x${arg(call, 0).toString(16)}`, call.name);
  }
  kernel.memory.writeU64(at, incoming);
  if (outgoing !== 0n) takeOut(call, outgoing);
  return outgoing;
};

/** What lay in a kptr is the program's from here on. */
function takeOut(call: Call, value: bigint): void {
  const { kernel } = call;
  const stored = kernel.ledger.takeStored(value);
  if (stored !== undefined) {
    kernel.acquire(call, stored.type, stored.typeName, value, stored.release);
    return;
  }
  // A scenario put it there.
  const object = kernel.world.behind(value);
  if (object === undefined)
    throw new KernelFault('BAD_POINTER', `${call.name} at insn ${call.insn}: 0x${value.toString(16)} is no object`);
  kernel.acquire(call, 'reference', `struct ${object.struct}`, value, releaseOf(object.struct));
}

const RELEASES: Readonly<Record<string, string>> = {
  task_struct: 'bpf_task_release',
  cgroup: 'bpf_cgroup_release',
  bpf_cpumask: 'bpf_cpumask_release',
  cpumask: 'bpf_cpumask_release',
  file: 'bpf_put_file',
  bpf_key: 'bpf_key_put',
  bpf_crypto_ctx: 'bpf_crypto_ctx_release',
  nf_conn: 'bpf_ct_release',
};

export function releaseOf(struct: string): string {
  return Object.hasOwn(RELEASES, struct) ? RELEASES[struct]! : 'bpf_sk_release';
}

const perCpuPointer: Behaviour = (call) => {
  const cpu = u32(call, 1);
  return cpu >= call.kernel.cpus ? 0n : perCpuAddress(call, cpu);
};

const thisCpuPointer: Behaviour = (call) => perCpuAddress(call, call.kernel.cpu);

function perCpuAddress(call: Call, cpu: number): bigint {
  const { kernel } = call;
  const base = arg(call, 0);
  const offset = kernel.offset(base);
  const object = kernel.heap.at(offset);
  const stride = object?.perCpu === true ? kernel.heap.stride(object.size) : kernel.world.perCpuStride(offset);
  if (stride === undefined)
    throw new KernelFault('BAD_ARGUMENT', `${call.name} at insn ${call.insn}: 0x${base.toString(16)} is not per-CPU`);
  return base + BigInt(cpu * stride);
}

// ---- tracing ----------------------------------------------------------------------------------------------------------

const funcArg: Behaviour = (call) => {
  const { kernel } = call;
  const value = kernel.contexts.functionArgument(Number(arg(call, 1)));
  if (value === undefined) return errno(EINVAL);
  kernel.memory.writeU64(writable(call, 2, 8), value);
  return 0n;
};

const funcRet: Behaviour = (call) => {
  const value = call.kernel.contexts.functionResult();
  if (value === undefined) return errno(EOPNOTSUPP);
  call.kernel.memory.writeU64(writable(call, 1, 8), value);
  return 0n;
};

const attachCookie: Behaviour = ({ kernel }) => integer(kernel.scenario.context?.cookie ?? 0);

/** The stack of the program, which is all there is: one entry, the place of the call. */
const getStack: Behaviour = (call) => {
  const { kernel } = call;
  const room = u32(call, 2);
  const entry = kernel.world.symbol(`${call.program.name}+${call.insn}`);
  if (room < 8) return errno(EINVAL);
  kernel.memory.writeU64(writable(call, 1, room), entry);
  return 8n;
};

const stackId: Behaviour = (call) => {
  const { kernel } = call;
  const target = kernel.maps.byAddress(arg(call, 1));
  if (target === undefined) return errno(EINVAL);
  const entry = kernel.world.symbol(`${call.program.name}+${call.insn}`);
  const key = kernel.scratch(8 + target.valueSize);
  kernel.memory.writeU32(key, call.insn);
  kernel.memory.writeU64(key + 8, entry);
  const done = target.update(key, key + 8, 0n);
  return done < 0 ? errno(-done) : BigInt(call.insn);
};

const sendSignal: Behaviour = (call) => {
  call.kernel.print({
    kind: 'trace',
    text: `signal ${u32(call, 0)} to pid ${call.kernel.world.currentPid}`,
    at: call.kernel.position(call),
  });
  return 0n;
};

const dPath: Behaviour = (call) => {
  const { kernel } = call;
  const room = u32(call, 2);
  if (room === 0) return 0n;
  const path = kernel.world.text(kernel.offset(arg(call, 0)));
  if (path === undefined) return errno(ENOENT);
  const bytes = latin1(`${path}\0`);
  if (bytes.length > room) return errno(ENAMETOOLONG);
  writeBytes(kernel.memory, writable(call, 1, room), bytes);
  return BigInt(bytes.length);
};

const ktimeCoarse: Behaviour = ({ kernel }) => (kernel.time / COARSE_TICK) * COARSE_TICK;

const kallsyms: Behaviour = (call) => {
  const { kernel } = call;
  if (arg(call, 2) !== 0n) return errno(EINVAL);
  const at = writable(call, 3, 8);
  const name = text(call, 0, size(call, 1));
  if (kernel.btf.findByName(name) === 0) {
    kernel.memory.writeU64(at, 0n);
    return errno(ENOENT);
  }
  kernel.memory.writeU64(at, kernel.world.symbol(name));
  return 0n;
};

const taskPtRegs: Behaviour = ({ kernel }) =>
  kernel.memory.pointer(kernel.world.find('ptregs') || kernel.world.make('pt_regs', 'ptregs'));

/** struct bpf_pidns_info and friends need nothing of the kernel; sys_bpf from a program loads nothing here. */
const sysBpf: Behaviour = () => errno(EPERM);

const btfFindByName: Behaviour = (call) => {
  if (arg(call, 3) !== 0n) return errno(EINVAL);
  const id = call.kernel.btf.findByName(text(call, 0, s32(call, 1)), u32(call, 2));
  return id === 0 ? errno(ENOENT) : BigInt(id);
};

const bprmOpts: Behaviour = (call) => ((arg(call, 1) & ~1n) === 0n ? 0n : errno(EINVAL));

const imaHash: Behaviour = () => errno(EOPNOTSUPP);

export const systemHelpers: Readonly<Record<string, Behaviour>> = {
  ktime_get_ns: ({ kernel }) => kernel.time,
  ktime_get_boot_ns: ({ kernel }) => kernel.time,
  ktime_get_coarse_ns: ktimeCoarse,
  ktime_get_tai_ns: ({ kernel }) => kernel.realTime + TAI_OFFSET,
  jiffies64: ({ kernel }) => INITIAL_JIFFIES + (kernel.time * HZ) / 1_000_000_000n,
  get_prandom_u32: ({ kernel }) => BigInt(kernel.random.next()),
  get_smp_processor_id: ({ kernel }) => BigInt(kernel.cpu),
  get_numa_node_id: () => 0n,
  get_current_pid_tgid: pidTgid,
  get_current_uid_gid: uidGid,
  get_current_comm: comm,
  get_ns_current_pid_tgid: nsPidTgid,
  get_current_task: ({ kernel }) => kernel.memory.pointer(currentTask(kernel)),
  get_current_task_btf: ({ kernel }) => kernel.memory.pointer(currentTask(kernel)),
  task_pt_regs: taskPtRegs,
  get_current_cgroup_id: cgroupIdOfCurrent,
  get_current_ancestor_cgroup_id: ancestorCgroupId,
  spin_lock: lock,
  spin_unlock: unlock,
  kptr_xchg: kptrXchg,
  per_cpu_ptr: perCpuPointer,
  this_cpu_ptr: thisCpuPointer,
  get_func_ip: ({ kernel }) => kernel.contexts.functionAddress(),
  get_func_arg: funcArg,
  get_func_ret: funcRet,
  get_func_arg_cnt: ({ kernel }) => BigInt(kernel.contexts.functionArgumentCount()),
  get_attach_cookie: attachCookie,
  get_stack: getStack,
  get_task_stack: getStack,
  get_stackid: stackId,
  send_signal: sendSignal,
  send_signal_thread: sendSignal,
  d_path: dPath,
  kallsyms_lookup_name: kallsyms,
  sys_bpf: sysBpf,
  sys_close: () => errno(EBADF),
  btf_find_by_name_kind: btfFindByName,
  bprm_opts_set: bprmOpts,
  ima_inode_hash: imaHash,
  ima_file_hash: imaHash,
  override_return: (call) => {
    call.kernel.contexts.overrideReturn(arg(call, 1));
    return 0n;
  },
  get_branch_snapshot: () => errno(ENOENT),
  read_branch_records: () => errno(ENOENT),
  perf_prog_read_value: () => errno(EOPNOTSUPP),
  set_retval: (call) => {
    call.kernel.contexts.setResult(BigInt(s32(call, 0)));
    return 0n;
  },
  get_retval: ({ kernel }) => kernel.contexts.result(),
};
