/**
 * The world that a program runs in: packet or other context, tasks, cgroups, network, map contents, time, chance.
 *
 * A run is a function of the program, the scenario and nothing else. Every part may be left out: the defaults are one
 * device, one task (pid 1000, `bpf`), two CPUs, a 64-byte Ethernet frame with an IPv4 header and a seed of 0.
 * This file holds the types; reading, checking and the JSON schema of scenario files stand beside it.
 */

/** A whole number; as a string (`"0xffff800000000000"`, `"-1"`) where JSON's numbers do not reach. */
export type ScenarioInteger = number | bigint | string;

/** Bytes as hex digits; white space and colons between them are ignored. */
export type HexBytes = string;

/**
 * What a field, argument or map value holds: a number, a text (for character arrays), bytes (`{ hex }`), a pointer to
 * a new or named object, or the members of a struct or the elements of an array in place.
 */
export type ScenarioValue =
  | ScenarioInteger
  | boolean
  | null
  | { readonly hex: HexBytes }
  /** An object that the scenario names: `task:1000`, `cgroup:7`, `socket:web`, `device:2`, `file:/bin/sh`, `map:NAME`, or one of {@link Scenario.objects}. */
  | { readonly ref: string }
  /** A new object of a kernel struct, to which the field points. */
  | { readonly struct: string; readonly fields?: Readonly<Record<string, ScenarioValue>> }
  | { readonly fields: Readonly<Record<string, ScenarioValue>> }
  | readonly ScenarioValue[];

export interface TaskScenario {
  readonly pid: number;
  /** Thread group; the pid when left out. */
  readonly tgid?: number;
  readonly comm?: string;
  readonly uid?: number;
  readonly gid?: number;
  /** pid of the parent; tasks without one are children of pid 1. */
  readonly parent?: number;
  /** Id of its cgroup; the root when left out. */
  readonly cgroup?: number;
  /** Number in its own pid namespace, for bpf_task_from_vpid. */
  readonly vpid?: number;
  /** Path of the executable. */
  readonly exe?: string;
  readonly flags?: number;
  /** Further fields of struct task_struct. */
  readonly fields?: Readonly<Record<string, ScenarioValue>>;
}

export interface CgroupScenario {
  readonly id: number;
  /** Id of the parent; the root (1) when left out. */
  readonly parent?: number;
  readonly name?: string;
}

export interface DeviceScenario {
  readonly ifindex: number;
  readonly name?: string;
  readonly mtu?: number;
  readonly mac?: HexBytes;
}

export interface SocketScenario {
  readonly name: string;
  readonly protocol: 'tcp' | 'udp';
  readonly family?: 'inet' | 'inet6';
  readonly local: string;
  readonly localPort: number;
  /** Left out: a listener. */
  readonly remote?: string;
  readonly remotePort?: number;
  /** BPF_TCP_* number. */
  readonly state?: number;
  readonly mark?: number;
  readonly fields?: Readonly<Record<string, ScenarioValue>>;
}

export interface RouteScenario {
  /** `10.0.0.0/8` or `fd00::/8`. */
  readonly to: string;
  readonly ifindex: number;
  readonly via?: string;
  /** Of the next hop. */
  readonly mac?: HexBytes;
  /** BPF_FIB_LKUP_RET_* other than success. */
  readonly result?: number;
  readonly mtu?: number;
}

export interface ConnectionScenario {
  readonly protocol: 'tcp' | 'udp';
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  readonly status?: number;
  readonly timeout?: number;
}

export interface MapEntryScenario {
  /** Left out for queues, stacks and bloom filters. */
  readonly key?: ScenarioValue;
  /** For per-CPU maps an array with one value per CPU, or one for all. */
  readonly value: ScenarioValue;
  /** For local storage: the object that the value belongs to, as in `{ ref }`. */
  readonly owner?: string;
}

export interface MapScenario {
  readonly entries?: readonly MapEntryScenario[];
  /** Overrides max_entries where the object leaves it to the loader. */
  readonly maxEntries?: number;
  /** For a user ring buffer: the samples that wait in it. */
  readonly samples?: readonly HexBytes[];
  /** For a program array or map in map: slot to name. */
  readonly slots?: Readonly<Record<string, string>>;
}

/** The socket buffer or frame that networking programs see. */
export interface PacketScenario {
  readonly data?: HexBytes;
  /** A packet of a capture instead, the first being 1; scenario-file.ts puts its bytes into `data`. */
  readonly pcap?: { readonly file: string; readonly packet?: number };
  /** Bytes of XDP metadata before the packet. */
  readonly meta?: HexBytes;
  readonly ifindex?: number;
  readonly ingressIfindex?: number;
  readonly rxQueue?: number;
  readonly mark?: number;
  readonly priority?: number;
  readonly hash?: number;
  readonly queueMapping?: number;
  readonly pktType?: number;
  readonly vlanTci?: number;
  readonly tcIndex?: number;
  /** Name of a socket of the scenario. */
  readonly socket?: string;
  /** Further fields of struct sk_buff. */
  readonly fields?: Readonly<Record<string, ScenarioValue>>;
}

export interface SockaddrScenario {
  readonly family?: 'inet' | 'inet6' | 'unix';
  readonly address?: string;
  readonly port?: number;
  readonly path?: string;
  /** For sendmsg: the source address. */
  readonly source?: string;
}

export interface ContextScenario {
  readonly packet?: PacketScenario;
  /** Arguments of a traced function, tracepoint, LSM hook or struct_ops member, in order or by name. */
  readonly args?: readonly ScenarioValue[] | Readonly<Record<string, ScenarioValue>>;
  /** What the traced function returned (fexit, kretprobe). */
  readonly ret?: ScenarioValue;
  /** Registers of a kprobe, uprobe or perf event, by x86 name: `di`, `si`, `ip`, `sp`… */
  readonly regs?: Readonly<Record<string, ScenarioInteger>>;
  /** The bytes of a syscall program's context, or of a tracepoint's record. */
  readonly bytes?: HexBytes;
  /** Fields of a context struct by the name that programs use, where the parts above do not say it. */
  readonly fields?: Readonly<Record<string, ScenarioInteger>>;
  readonly socket?: string;
  readonly address?: SockaddrScenario;
  readonly sysctl?: {
    readonly name?: string;
    readonly value?: string;
    readonly newValue?: string;
    readonly write?: boolean;
    readonly position?: number;
  };
  readonly sockopt?: {
    readonly level?: number;
    readonly name?: number;
    readonly value?: HexBytes;
    readonly ret?: number;
  };
  /** bpf_get_attach_cookie. */
  readonly cookie?: ScenarioInteger;
}

/** Makes one call of a helper or kfunc answer something of the user's choice: how rare failures are tried out. */
export interface AnswerScenario {
  /** `bpf_ringbuf_reserve`, `bpf_obj_new_impl`… */
  readonly call: string;
  /** The first, second… call of that name in a run; each one when left out. */
  readonly occurrence?: number;
  /** What it returns instead of doing anything. */
  readonly result: ScenarioInteger;
}

export interface Scenario {
  readonly version?: 1;
  /** Of the random numbers. */
  readonly seed?: number;
  readonly cpus?: number;
  /** On which the program runs. */
  readonly cpu?: number;
  /** Nanoseconds since boot at the start; 1,000 s when left out. */
  readonly time?: ScenarioInteger;
  /** Nanoseconds between the epoch and boot. */
  readonly bootTime?: ScenarioInteger;
  /** Nanoseconds that one instruction takes on the virtual clock; 1 when left out. */
  readonly nsPerInsn?: number;
  readonly context?: ContextScenario;
  readonly tasks?: readonly TaskScenario[];
  /** pid of the task that the program runs in. */
  readonly currentTask?: number;
  readonly cgroups?: readonly CgroupScenario[];
  readonly devices?: readonly DeviceScenario[];
  readonly sockets?: readonly SocketScenario[];
  readonly routes?: readonly RouteScenario[];
  readonly connections?: readonly ConnectionScenario[];
  /** Keys by serial number. */
  readonly keys?: Readonly<Record<string, { readonly data?: HexBytes }>>;
  /** By map name. */
  readonly maps?: Readonly<Record<string, MapScenario>>;
  /** Global variables of the object by name. */
  readonly globals?: Readonly<Record<string, ScenarioValue>>;
  /** Kernel variables by name (`jiffies`, `nr_cpu_ids`…). */
  readonly variables?: Readonly<Record<string, ScenarioValue>>;
  /** Further kernel objects by name, for `{ ref }`. */
  readonly objects?: Readonly<
    Record<string, { readonly struct: string; readonly fields?: Readonly<Record<string, ScenarioValue>> }>
  >;
  readonly answers?: readonly AnswerScenario[];
  /** User memory that bpf_probe_read_user and bpf_copy_from_user find, by address. */
  readonly userMemory?: readonly { readonly address: ScenarioInteger; readonly bytes: HexBytes }[];
}

/** A frame to run on when a scenario brings none: 64 bytes, type IPv4, UDP from 192.0.2.1:1234 to 192.0.2.2:80. */
export const defaultPacket: HexBytes =
  '000000000000 020000000001 0800' + '45000032000100004011f6b6c0000201c0000202' + '04d20050001e0000' + '00'.repeat(22);

/** Reads a {@link ScenarioInteger} as an unsigned 64-bit number. */
export function integer(value: ScenarioInteger): bigint {
  return BigInt.asUintN(64, typeof value === 'bigint' ? value : parseInteger(value));
}

function parseInteger(value: number | string): bigint {
  if (typeof value === 'number') return BigInt(Math.trunc(value));
  const text = value.trim();
  return text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text);
}

/** Reads {@link HexBytes}; an odd digit at the end and anything that is no digit end the bytes. */
export function hexBytes(text: HexBytes): Uint8Array {
  const digits = text.replace(/[\s:]+/g, '').replace(/^0x/, '');
  const bytes = new Uint8Array(digits.length >> 1);
  for (let i = 0; i < bytes.length; i++) {
    const byte = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16);
    if (Number.isNaN(byte)) return bytes.slice(0, i);
    bytes[i] = byte;
  }
  return bytes;
}
