/**
 * Kernel configuration as programs see it through `__kconfig` externs.
 *
 * Where no configuration is given, programs are told that of the reference kernel, a Linux 6.18 for x86-64: the options below, which are the ones that programs ask
 * about. What is not listed is unset there, so a weak extern reads zero and a strong one refuses the object, as a loader would on that kernel.
 */
import { BailoutError } from '../errors.ts';
import type { KconfigExtern } from './externs.ts';
import { bundledKernelVersion } from './kernel-btf.ts';

/** Options that are `y` on the reference kernel, without `CONFIG_`. */
const enabled = `
  THREAD_INFO_IN_TASK NO_HZ_COMMON NO_HZ_IDLE NO_HZ HIGH_RES_TIMERS BPF HAVE_EBPF_JIT BPF_SYSCALL BPF_JIT
  BPF_JIT_ALWAYS_ON BPF_JIT_DEFAULT_ON BPF_UNPRIV_DEFAULT_OFF BPF_LSM PREEMPT_BUILD PREEMPT_NONE PREEMPT_COUNT
  PREEMPTION PREEMPT_DYNAMIC TREE_RCU PREEMPT_RCU TASKS_RCU_GENERIC TASKS_RCU RCU_STALL_COMMON CGROUPS MEMCG
  BLK_CGROUP CGROUP_SCHED FAIR_GROUP_SCHED CFS_BANDWIDTH CGROUP_PIDS CGROUP_FREEZER CPUSETS CGROUP_DEVICE
  CGROUP_CPUACCT CGROUP_BPF NAMESPACES UTS_NS IPC_NS USER_NS PID_NS NET_NS KALLSYMS PERF_EVENTS TRACEPOINTS 64BIT
  X86_64 X86 MMU SMP PARAVIRT KVM_GUEST NUMA CPU_FREQ SCHED_SMT SCHED_MC JUMP_LABEL UPROBES VMAP_STACK
  PREEMPT_NOTIFIERS ARCH_HAS_SYSCALL_WRAPPER SWAP SLUB TRANSPARENT_HUGEPAGE NET XDP_SOCKETS INET TCP_CONG_ADVANCED
  TCP_CONG_CUBIC TCP_CONG_BBR IPV6 IPV6_MULTIPLE_TABLES IPV6_SUBTREES IPV6_SEG6_BPF MPTCP NETFILTER
  NETFILTER_BPF_LINK NF_CONNTRACK NF_CONNTRACK_MARK NET_SCHED NET_CLS_BPF NET_CLS_ACT CGROUP_NET_PRIO
  CGROUP_NET_CLASSID BPF_STREAM_PARSER LWTUNNEL LWTUNNEL_BPF SECURITY SECURITYFS SECURITY_NETWORK SECURITY_PATH
  SECURITY_SELINUX SECURITY_LANDLOCK CRYPTO DEBUG_INFO DEBUG_INFO_BTF STACKTRACE TRACING FTRACE FUNCTION_TRACER
  DYNAMIC_FTRACE DYNAMIC_FTRACE_WITH_REGS DYNAMIC_FTRACE_WITH_DIRECT_CALLS DYNAMIC_FTRACE_WITH_ARGS UPROBE_EVENTS
  BPF_EVENTS UNWINDER_ORC
`;

/** Options with a value of their own. */
const valued = `
  PGTABLE_LEVELS=5
  NR_CPUS=256
  HZ=250
  DEFAULT_TCP_CONG="bbr"
`;

/** The reference kernel's configuration, in the form of `/proc/config.gz`. */
export const defaultKconfig: string = [
  ...enabled
    .trim()
    .split(/\s+/)
    .map((option) => `CONFIG_${option}=y`),
  ...valued
    .trim()
    .split('\n')
    .map((line) => `CONFIG_${line.trim()}`),
].join('\n');

/** Variables that are no options but answers of the loader about the kernel. */
const virtualVariables: ReadonlyMap<string, bigint> = new Map([
  ['LINUX_KERNEL_VERSION', BigInt(bundledKernelVersion)],
  ['LINUX_HAS_BPF_COOKIE', 1n],
  ['LINUX_HAS_SYSCALL_WRAPPER', 1n],
]);

function fail(extern: KconfigExtern, trouble: string): never {
  throw new BailoutError('KCONFIG_VALUE', `Extern ${extern.name} (kconfig): ${trouble}.`);
}

function writeNumber(extern: KconfigExtern, data: DataView, little: boolean, value: bigint): void {
  const { size, offset, type } = extern;
  if (type === 'tristate' || type === 'string') fail(extern, `value ${value} needs an integer type`);
  if (type === 'bool' && value > 1n) fail(extern, `value ${value} is not a boolean`);
  const bits = size * 8;
  const fits = extern.signed
    ? BigInt.asIntN(bits, value) === BigInt.asIntN(64, value)
    : BigInt.asUintN(bits, value) === value;
  if (!fits) fail(extern, `value ${value} does not fit into ${size} bytes`);
  if (size === 8) data.setBigUint64(offset, value, little);
  else if (size === 4) data.setUint32(offset, Number(BigInt.asUintN(32, value)), little);
  else if (size === 2) data.setUint16(offset, Number(BigInt.asUintN(16, value)), little);
  else data.setUint8(offset, Number(BigInt.asUintN(8, value)));
}

function writeTristate(extern: KconfigExtern, data: DataView, little: boolean, value: 'y' | 'n' | 'm'): void {
  const { offset, type } = extern;
  if (type === 'bool') {
    if (value === 'm') fail(extern, 'value m needs a tristate or a character');
    data.setUint8(offset, value === 'y' ? 1 : 0);
  } else if (type === 'tristate') data.setUint32(offset, value === 'y' ? 1 : value === 'm' ? 2 : 0, little);
  else if (type === 'char') data.setUint8(offset, value.charCodeAt(0));
  else fail(extern, `value ${value} needs a boolean, a tristate or a character`);
}

function writeString(extern: KconfigExtern, data: DataView, value: string): void {
  if (extern.type !== 'string') fail(extern, `value ${value} needs an array of characters`);
  if (value.length < 2 || !value.endsWith('"')) fail(extern, `string ${value} has no end`);
  const text = new TextEncoder().encode(value.slice(1, -1)).subarray(0, extern.size - 1);
  text.forEach((byte, i) => data.setUint8(extern.offset + i, byte));
}

function parseInteger(extern: KconfigExtern, text: string): bigint {
  const negative = text.startsWith('-');
  const digits = negative ? text.slice(1) : text;
  if (!/^(0x[0-9a-f]+|\d+)$/i.test(digits)) fail(extern, `value ${text} is not an integer`);
  return BigInt.asUintN(64, negative ? -BigInt(digits) : BigInt(digits));
}

function writeOption(extern: KconfigExtern, data: DataView, little: boolean, value: string): void {
  const first = value[0];
  if (first === 'y' || first === 'n' || first === 'm') writeTristate(extern, data, little, first);
  else if (first === '"') writeString(extern, data, value);
  else {
    if (extern.type !== 'int' && extern.type !== 'char') fail(extern, `value ${value} needs an integer type`);
    writeNumber(extern, data, little, parseInteger(extern, value));
  }
}

/** Values by name; the first line about an option counts. */
function parseConfiguration(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^(CONFIG_[^=]+)=(.+)$/.exec(line.trimEnd());
    if (match !== null && !values.has(match[1]!)) values.set(match[1]!, match[2]!);
  }
  return values;
}

/**
 * Fills the `.kconfig` map.
 *
 * @param configuration text in the form of `/proc/config.gz`
 * @param refuse told of a strong extern that has no value
 * @returns what each extern that has a value was set to
 */
export function resolveKconfig(
  externs: readonly KconfigExtern[],
  bytes: Uint8Array,
  little: boolean,
  configuration: string,
  refuse: (extern: KconfigExtern) => void,
): Map<string, string> {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const options = parseConfiguration(configuration);
  const set = new Map<string, string>();
  for (const extern of externs) {
    const isOption = extern.name.startsWith('CONFIG_');
    const known = virtualVariables.get(extern.name);
    if (!isOption && known === undefined && !(extern.name.startsWith('LINUX_') && extern.isWeak))
      fail(extern, 'this is no variable that a loader knows');
    const value = isOption ? options.get(extern.name) : String(known ?? 0n);
    if (value === undefined) {
      if (!extern.isWeak) refuse(extern);
      continue;
    }
    if (isOption) writeOption(extern, data, little, value);
    else writeNumber(extern, data, little, BigInt(value));
    set.set(extern.name, value);
  }
  return set;
}
