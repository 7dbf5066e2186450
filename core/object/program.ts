/**
 * What comes out of `core/object`: the types that every later stage reads. An {@link ObjectFile} is plain data but for its two {@link Btf} views, and nothing in it
 * changes after `loadObject` has returned.
 */
import type { BpfTarget } from './bpf-target.ts';
import type { BailoutError } from '../errors.ts';
import type { Instructions } from '../isa/instructions.ts';
import type { Btf } from './btf/btf.ts';

/** Program types, named as the kernel names them (`BPF_PROG_TYPE_XDP` is `xdp`). The position in this list is the kernel's number. */
export const programTypeNames = [
  'unspec',
  'socket_filter',
  'kprobe',
  'sched_cls',
  'sched_act',
  'tracepoint',
  'xdp',
  'perf_event',
  'cgroup_skb',
  'cgroup_sock',
  'lwt_in',
  'lwt_out',
  'lwt_xmit',
  'sock_ops',
  'sk_skb',
  'cgroup_device',
  'sk_msg',
  'raw_tracepoint',
  'cgroup_sock_addr',
  'lwt_seg6local',
  'lirc_mode2',
  'sk_reuseport',
  'flow_dissector',
  'cgroup_sysctl',
  'raw_tracepoint_writable',
  'cgroup_sockopt',
  'tracing',
  'struct_ops',
  'ext',
  'lsm',
  'sk_lookup',
  'syscall',
  'netfilter',
] as const;

export type ProgramTypeName = (typeof programTypeNames)[number];

/** Attach types, named as the kernel names them (`BPF_TRACE_FENTRY` is `trace_fentry`). The position in this list is the kernel's number. */
export const attachTypeNames = [
  'cgroup_inet_ingress',
  'cgroup_inet_egress',
  'cgroup_inet_sock_create',
  'cgroup_sock_ops',
  'sk_skb_stream_parser',
  'sk_skb_stream_verdict',
  'cgroup_device',
  'sk_msg_verdict',
  'cgroup_inet4_bind',
  'cgroup_inet6_bind',
  'cgroup_inet4_connect',
  'cgroup_inet6_connect',
  'cgroup_inet4_post_bind',
  'cgroup_inet6_post_bind',
  'cgroup_udp4_sendmsg',
  'cgroup_udp6_sendmsg',
  'lirc_mode2',
  'flow_dissector',
  'cgroup_sysctl',
  'cgroup_udp4_recvmsg',
  'cgroup_udp6_recvmsg',
  'cgroup_getsockopt',
  'cgroup_setsockopt',
  'trace_raw_tp',
  'trace_fentry',
  'trace_fexit',
  'modify_return',
  'lsm_mac',
  'trace_iter',
  'cgroup_inet4_getpeername',
  'cgroup_inet6_getpeername',
  'cgroup_inet4_getsockname',
  'cgroup_inet6_getsockname',
  'xdp_devmap',
  'cgroup_inet_sock_release',
  'xdp_cpumap',
  'sk_lookup',
  'xdp',
  'sk_skb_verdict',
  'sk_reuseport_select',
  'sk_reuseport_select_or_migrate',
  'perf_event',
  'trace_kprobe_multi',
  'lsm_cgroup',
  'struct_ops',
  'netfilter',
  'tcx_ingress',
  'tcx_egress',
  'trace_uprobe_multi',
  'cgroup_unix_connect',
  'cgroup_unix_sendmsg',
  'cgroup_unix_recvmsg',
  'cgroup_unix_getpeername',
  'cgroup_unix_getsockname',
  'netkit_primary',
  'netkit_peer',
  'trace_kprobe_session',
] as const;

export type AttachTypeName = (typeof attachTypeNames)[number];

/** `func_info` gives a subprogram its linkage; `extern` stays in the type because BTF has it, though no code can carry it. */
export type Linkage = 'static' | 'global' | 'extern';

/** One function inside a linked program. `end` is exclusive. */
export interface Subprogram {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly linkage: Linkage;
  /** BTF id of the FUNC in the object's own BTF, 0 when the object has no func_info for it. */
  readonly funcTypeId: number;
}

/** Where an instruction came from. Holds for every following instruction until the next entry. */
export interface LineInfo {
  readonly insn: number;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly text: string;
}

/** The struct_ops member that a program implements. */
export interface StructOpsMember {
  /** Kernel struct, such as `tcp_congestion_ops`. */
  readonly structName: string;
  readonly member: string;
  readonly memberIndex: number;
}

/**
 * An instruction that a loader replaced by a call of a helper that does not exist, because what it needs is not in the kernel. Code that checks
 * first never gets there, and is removed as dead.
 */
export interface PoisonedInstruction {
  readonly insn: number;
  readonly kind: 'core' | 'map' | 'kfunc';
  /** What is missing, in libbpf's words: `<byte_off> [12] struct task_struct.gone (0:1 @ offset 8)`, or the map's or kfunc's name. */
  readonly what: string;
}

/** One program, linked and relocated: what a loader would hand to the kernel. */
export interface Program {
  readonly name: string;
  readonly section: string;
  readonly type: ProgramTypeName;
  /** expected_attach_type; absent where the type has none. */
  readonly attachType?: AttachTypeName;
  /** What follows the section's prefix: kernel function, tracepoint, LSM hook, struct_ops member… */
  readonly attachTarget?: string;
  readonly sleepable: boolean;
  /** False for `SEC("?…")` and for struct_ops programs that no map uses. */
  readonly autoload: boolean;
  readonly license: string;
  /** prog_flags: BPF_F_SLEEPABLE, BPF_F_XDP_HAS_FRAGS… */
  readonly flags: number;
  /** After relocation: the main program first, then the subprograms in the order in which libbpf appends them. */
  readonly instructions: Instructions;
  /** In order of `start`; [0] is the main program. */
  readonly subprograms: readonly Subprogram[];
  /** Sorted by `insn`. */
  readonly lineInfo: readonly LineInfo[];
  /** The object's maps. A ld_imm64 of BPF_PSEUDO_MAP_FD or BPF_PSEUDO_MAP_VALUE has the index into this array as its imm (negative: a descriptor that the code gives itself). */
  readonly maps: readonly MapDefinition[];
  readonly btf?: Btf;
  readonly kernelBtf: Btf;
  /** In kernelBtf: the target of fentry, fexit, fmod_ret, tp_btf, lsm, iter; for struct_ops the kernel struct. */
  readonly attachBtfId?: number;
  readonly structOps?: StructOpsMember;
  /** The function of another BPF program that it replaces, or runs before or after (attachToProgram). */
  readonly bpfTarget?: BpfTarget;
  /** Instructions that could not be relocated and were made invalid, in order; they only matter where they can be reached. */
  readonly poisoned: readonly PoisonedInstruction[];
  /** Why a loader would refuse the program before the kernel sees it. Its instructions are then as far relocated as possible. */
  readonly loadError?: BailoutError;
}

/** What a map was made from. */
export type MapOrigin = 'user' | 'data' | 'rodata' | 'bss' | 'kconfig' | 'struct_ops' | 'arena';

/** A statically initialised slot of a map-in-map or a program array. */
export interface InnerValue {
  readonly slot: number;
  readonly kind: 'map' | 'program';
  readonly name: string;
}

/** The value of a struct_ops map: a kernel struct of function pointers, some of which programs fill in. */
export interface StructOpsValue {
  /** Kernel struct, such as `tcp_congestion_ops`. */
  readonly structName: string;
  readonly kernelTypeId: number;
  /** Of the wrapper `bpf_struct_ops_<structName>`. */
  readonly kernelValueTypeId: number;
  /** Member name to program name. */
  readonly programs: ReadonlyMap<string, string>;
  /** From `.struct_ops.link`: attached through a link. */
  readonly link: boolean;
}

export interface MapDefinition {
  readonly index: number;
  /** The symbol's, or the section's for globals (`.rodata`), without the object's prefix. */
  readonly name: string;
  /** As the kernel knows it: 15 characters at most, for global data with the object's name before the section's (`except_.rodata`). */
  readonly kernelName: string;
  /** A BPF_MAP_TYPE_* number. */
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  /** 0 when the object leaves it to the loader. */
  readonly maxEntries: number;
  readonly flags: number;
  readonly extra: bigint;
  readonly numaNode: number;
  /** In the object's BTF; 0 when unknown. */
  readonly keyTypeId: number;
  readonly valueTypeId: number;
  readonly inner?: MapDefinition;
  /** Static slots of a map-in-map or program array. */
  readonly innerValues?: readonly InnerValue[];
  readonly pinning: 'none' | 'by-name';
  /** False for struct_ops maps of `SEC("?.struct_ops")`: nobody creates them unless asked, and loads of them are poisoned. */
  readonly autocreate: boolean;
  readonly origin: MapOrigin;
  /** Section that the definition stands in. */
  readonly section: string;
  /** Contents at load of a global data map, an arena's globals or a struct_ops value. */
  readonly initialData?: Uint8Array;
  /** The loader freezes it: the program's view of it is constant. */
  readonly frozen: boolean;
  readonly structOps?: StructOpsValue;
}

/** A symbol that the object takes from the kernel. */
export interface ExternSymbol {
  readonly name: string;
  readonly kind: 'kconfig' | 'function' | 'variable';
  readonly isWeak: boolean;
  /** `[12345]` for a type of the kernel BTF, `0xffff…` for an address, a configuration value; undefined when there is none. */
  readonly value?: string;
}

/** A whole object file. */
export interface ObjectFile {
  readonly name: string;
  readonly license: string;
  readonly programs: readonly Program[];
  readonly maps: readonly MapDefinition[];
  readonly btf?: Btf;
  readonly kernelBtf: Btf;
  /** Why a loader would refuse the object as a whole; every program then has it as its own. */
  readonly loadError?: BailoutError;
  /** Kernel configuration and symbols that the object expects, and what they were resolved to. */
  readonly externs: readonly ExternSymbol[];
  /** Remarks that stop nothing. */
  readonly notes: readonly string[];
}
