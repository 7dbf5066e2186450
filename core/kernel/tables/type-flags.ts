/**
 * The vocabulary of types: what a register may hold, what an argument wants, what a helper returns.
 *
 * A type is a small base number in the low eight bits and a set of flags above them, shared by the three families (registers,
 * arguments, results), so that a rule such as "may be null" is written once. The numbering is private to this program.
 */

export const BASE_TYPE_BITS = 8;
const BASE_TYPE_MASK = (1 << BASE_TYPE_BITS) - 1;

/** The type without its flags. */
export function baseType(type: number): number {
  return type & BASE_TYPE_MASK;
}

/** The flags without the base type. */
export function typeFlags(type: number): number {
  return type & ~BASE_TYPE_MASK;
}

/** The pointer may be null until a test has shown otherwise. */
export const PTR_MAYBE_NULL = 1 << 8;
/** Memory may only be read; as an argument: read-only memory will do. */
export const MEM_RDONLY = 1 << 9;
/** A record reserved in a ring buffer. */
export const MEM_RINGBUF = 1 << 10;
/** Memory of user space. */
export const MEM_USER = 1 << 11;
/** A per-CPU object: only reachable through bpf_per_cpu_ptr and its like. */
export const MEM_PERCPU = 1 << 12;
/** The argument is let go by the call. */
export const OBJ_RELEASE = 1 << 13;
/** May be dereferenced (faults read zero), must not be passed to the kernel. */
export const PTR_UNTRUSTED = 1 << 14;
/** The callee fills the memory: it need not be initialised. */
export const MEM_UNINIT = 1 << 15;
export const DYNPTR_TYPE_LOCAL = 1 << 16;
export const DYNPTR_TYPE_RINGBUF = 1 << 17;
/** The memory's size is part of the prototype. */
export const MEM_FIXED_SIZE = 1 << 18;
/** An object allocated by the program with a type of the program's BTF. */
export const MEM_ALLOC = 1 << 19;
/** Valid as long as the program runs: handed in by the kernel or acquired. */
export const PTR_TRUSTED = 1 << 20;
/** Valid inside an RCU read-side section. */
export const MEM_RCU = 1 << 21;
/** A reference to a list or tree node that somebody else owns. */
export const NON_OWN_REF = 1 << 22;
export const DYNPTR_TYPE_SKB = 1 << 23;
export const DYNPTR_TYPE_XDP = 1 << 24;
/** Fixed-size memory that must be aligned to its size. */
export const MEM_ALIGNED = 1 << 25;
/** The callee writes the memory. */
export const MEM_WRITE = 1 << 26;
export const DYNPTR_TYPE_SKB_META = 1 << 27;

/** All dynptr kinds. */
export const DYNPTR_TYPE_FLAG_MASK =
  DYNPTR_TYPE_LOCAL | DYNPTR_TYPE_RINGBUF | DYNPTR_TYPE_SKB | DYNPTR_TYPE_XDP | DYNPTR_TYPE_SKB_META;

/* Register types. */
export const NOT_INIT = 0;
export const SCALAR_VALUE = 1;
export const PTR_TO_CTX = 2;
export const CONST_PTR_TO_MAP = 3;
export const PTR_TO_MAP_VALUE = 4;
export const PTR_TO_MAP_KEY = 5;
export const PTR_TO_STACK = 6;
export const PTR_TO_PACKET_META = 7;
export const PTR_TO_PACKET = 8;
export const PTR_TO_PACKET_END = 9;
export const PTR_TO_FLOW_KEYS = 10;
export const PTR_TO_SOCKET = 11;
export const PTR_TO_SOCK_COMMON = 12;
export const PTR_TO_TCP_SOCK = 13;
export const PTR_TO_TP_BUFFER = 14;
export const PTR_TO_XDP_SOCK = 15;
export const PTR_TO_BTF_ID = 16;
export const PTR_TO_MEM = 17;
export const PTR_TO_ARENA = 18;
export const PTR_TO_BUF = 19;
export const PTR_TO_FUNC = 20;
export const CONST_PTR_TO_DYNPTR = 21;

/* Argument types of helpers. */
export const ARG_DONTCARE = 0;
export const ARG_CONST_MAP_PTR = 1;
export const ARG_PTR_TO_MAP_KEY = 2;
export const ARG_PTR_TO_MAP_VALUE = 3;
export const ARG_PTR_TO_MEM = 4;
export const ARG_PTR_TO_ARENA = 5;
export const ARG_CONST_SIZE = 6;
export const ARG_CONST_SIZE_OR_ZERO = 7;
export const ARG_PTR_TO_CTX = 8;
export const ARG_ANYTHING = 9;
export const ARG_PTR_TO_SPIN_LOCK = 11;
export const ARG_PTR_TO_SOCK_COMMON = 12;
export const ARG_PTR_TO_SOCKET = 13;
export const ARG_PTR_TO_BTF_ID = 14;
export const ARG_PTR_TO_RINGBUF_MEM = 15;
export const ARG_CONST_ALLOC_SIZE_OR_ZERO = 16;
export const ARG_PTR_TO_BTF_ID_SOCK_COMMON = 17;
export const ARG_PTR_TO_PERCPU_BTF_ID = 18;
export const ARG_PTR_TO_FUNC = 19;
export const ARG_PTR_TO_STACK = 20;
export const ARG_PTR_TO_CONST_STR = 21;
export const ARG_PTR_TO_TIMER = 22;
export const ARG_KPTR_XCHG_DEST = 23;
export const ARG_PTR_TO_DYNPTR = 24;

/* Results of helpers. */
export const RET_INTEGER = 0;
export const RET_VOID = 1;
export const RET_PTR_TO_MAP_VALUE = 2;
export const RET_PTR_TO_SOCKET = 3;
export const RET_PTR_TO_TCP_SOCK = 4;
export const RET_PTR_TO_SOCK_COMMON = 5;
export const RET_PTR_TO_MEM = 6;
export const RET_PTR_TO_MEM_OR_BTF_ID = 7;
export const RET_PTR_TO_BTF_ID = 8;
