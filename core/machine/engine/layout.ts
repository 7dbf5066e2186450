/**
 * Where everything lies in linear memory. Read by the engine (AssemblyScript) and by TypeScript alike, so it holds
 * plain constants only. docs/machine.md draws the same picture.
 *
 *     0x0000_1000  control block: registers, step counter, what a stop was about
 *     0x0000_2000  the allocator's heads: one row per size class
 *     0x0001_0000  dirty map: one byte per page of 4 KiB
 *     0x0003_0000  how many calls and returns there were; the hash of a page
 *     0x0004_0000  span table: to which allocation span a unit of 16 KiB belongs
 *     0x0008_0000  log of calls and returns
 *     0x000c_0000  how often instructions were executed
 *     0x0010_0000  shadow: one byte per 8 bytes of the whole address space
 *     0x0410_0000  stack, growing downwards from STACK_TOP
 *     0x0414_0000  heap: code, maps, contexts, objects of the kernel
 *     0x2000_0000  end of the address space
 */

/** Offsets that exist at all: 512 MiB. */
export const ADDRESS_LIMIT = 0x20000000;

export const PAGE_SHIFT = 12;
export const PAGE_SIZE = 4096;

// The control block
export const REGS = 0x1000;
/** Instructions executed so far (u64). */
export const STEP = 0x1080;
/** The step before which the engine has to stop (u64). */
export const STEP_LIMIT = 0x1088;
/** The step at which a breakpoint is passed over once (u64). */
export const SKIP_BREAK = 0x1090;
/** Address of the decoded instruction that runs next (u32). */
export const PC = 0x1098;
/** Set: a load of bytes that were never written is a fault. Linux allows it to privileged programs since 6.3 (u32). */
export const STRICT_UNINITIALISED = 0x109c;
/** The value that an access on the slow path loads or stores (u64). */
export const VALUE = 0x10a0;
/** The access that the engine could not grant: address (u64), size (u32), 1 for a write (u32). */
export const FAULT_ADDRESS = 0x10a8;
export const FAULT_SIZE = 0x10b0;
export const FAULT_WRITE = 0x10b4;
/** Lowest frame pointer since the last start: below it the stack is untouched (u32). */
export const STACK_LOW = 0x10bc;
/** Log of calls and returns: next free row, end; both 0 when nobody wants rows, and they are only counted (u32). */
export const LOG_NEXT = 0x10c0;
export const LOG_END = 0x10c4;
/** The upper half of the addresses at which user space sees the arena (u32). */
export const ARENA_USER_HIGH = 0x10c8;

// The allocator
export const ALLOCATOR = 0x2000;
export const DIRTY = 0x10000;
/** Marks of the dirty map: written; only shadow bytes changed; hashed since then. Whoever writes puts the first in the place of all. */
export const MARK_WRITTEN = 1;
export const MARK_SHADED = 2;
export const MARK_HASHED = 4;
export const SPANS = 0x40000;
export const SPAN_SHIFT = 14;
export const SPAN_SIZE = 16384;

/** How many calls and exits there were that have no rows (u32 each). Like the log outside of what checkpoints hold. */
export const FLOW_COUNTS = 0x30000;

/** The hashes of the pages that were hashed last, four at most: two halves each (u32). Likewise outside. */
export const PAGE_HASH = 0x30010;

/** The log of calls and returns. Outside of what checkpoints hold: it is the observer's, not the program's. */
export const LOG_BASE = 0x80000;
export const LOG_LIMIT = 0xc0000;

/**
 * How often instructions were executed: slots of address (u32, 0 for an empty one) and count (u32). The slot of an instruction
 * is its address by INSN_SIZE, modulo HIT_SLOTS; who finds another's address in it hands that one's count to TypeScript.
 */
export const HITS = 0xc0000;
export const HIT_SLOTS = 32768;
export const HIT_SHIFT = 3;

// Shadow bytes
export const SHADOW = 0x100000;
/** Low four bits: how many of the eight bytes exist, from the first on. */
export const SHADOW_COUNT = 0x0f;
export const SHADOW_READ_ONLY = 0x10;
export const SHADOW_UNINITIALISED = 0x20;
export const SHADOW_TRAP = 0x40;
export const SHADOW_FREED = 0x80;
/** All eight bytes, to read and write. */
export const SHADOW_FULL = 0x08;

// The stack
export const STACK_BASE = 0x4100000;
export const STACK_TOP = 0x4140000;
/** Frame pointer of the outermost frame. */
export const FIRST_FRAME = 0x413ffc0;
/** Bytes below the frame pointer that are the program's (MAX_BPF_STACK). */
export const FRAME_STACK = 512;
/** Program's bytes and frame record. */
export const FRAME_STRIDE = 576;
/** Frames of one program, callbacks among them (MAX_CALL_FRAMES). */
export const MAX_CALL_FRAMES = 8;
export const HEAP_BASE = 0x4140000;

// The frame record, below the program's bytes; offsets from the frame pointer. Its shadow is 0: no program reaches it.
export const SAVED_R6 = -520;
export const SAVED_R7 = -528;
export const SAVED_R8 = -536;
export const SAVED_R9 = -544;
/** Address of the decoded call that made the frame (u32). */
export const FRAME_CALL = -552;
/** What kind of frame it is (u32). */
export const FRAME_KIND = -548;
/** Frame pointer of the caller (u32), 0 in the outermost frame. */
export const FRAME_CALLER = -560;
/** Index of the loaded program whose code it runs (u32). */
export const FRAME_PROGRAM = -556;
/** Iterations that the frame's may_goto have left (u64). */
export const FRAME_MAY_GOTO = -568;
/** Lowest frame pointer that calls from here may reach (u32). */
export const FRAME_FLOOR = -576;
/** FLAG_* (u32). */
export const FRAME_FLAGS = -572;

// Kinds of frames. Leaving a frame of a static or global call is the engine's business, all others are TypeScript's.
export const KIND_CALL = 0;
export const KIND_CALLBACK = 1;
export const KIND_MAIN = 2;
/** A function whose end a tracing program waits for; what it would be otherwise attachments.ts knows. */
export const KIND_TRACED = 3;
/** The first frame of a program, also when it was entered by a tail call: an unwinding ends here. */
export const FLAG_BOUNDARY = 1;
/** The frame runs the exception callback. */
export const FLAG_EXCEPTION_CALLBACK = 2;

/** BPF_MAX_LOOPS: what a frame's may_goto grant. */
export const MAY_GOTO_LIMIT = 0x800000;

// Decoded instructions: 16 bytes each, one per slot
export const INSN_SIZE = 16;
export const INSN_SHIFT = 4;
/** Opcode of the engine (ops.ts). */
export const INSN_OP = 0;
/** Byte offsets of the registers within REGS. */
export const INSN_DST = 1;
export const INSN_SRC = 2;
/** The opcode under a breakpoint. */
export const INSN_ORIGINAL = 3;
/** Offset of a memory access; address of the instruction *before* the target of a jump or call; index of a call site. */
export const INSN_OFFSET = 4;
export const INSN_IMM = 8;

// Why the engine stopped
export const STOP_FUEL = 0;
export const STOP_BREAK = 1;
/** TypeScript asked for it; it knows why. */
export const STOP_CALLED_OUT = 2;
export const STOP_ILLEGAL = 3;
export const STOP_DEPTH = 4;

// What a call out answers
/** Done: go on with the next instruction. */
export const OUT_NEXT = 0;
/** Done, and PC says where to go on. */
export const OUT_JUMPED = 1;
/** Done, and stop. */
export const OUT_STOP = 2;
/** The instruction could not be carried out: stop before it. */
export const OUT_FAULT = 3;
/** Done, and the frame ends as if by an exit instruction. */
export const OUT_EXIT = 4;

/** One row of the log: step (u64), address of the instruction (u32), 0 call or 1 return (u32). */
export const LOG_ROW = 16;
