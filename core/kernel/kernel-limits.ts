/** Limits of the kernel that more than one part of the simulation obeys. */

/** Tail calls that one run may make (MAX_TAIL_CALL_CNT). */
export const MAX_TAIL_CALLS = 33;
/** Rounds of bpf_loop and of a numeric iterator (BPF_MAX_LOOPS). */
export const MAX_LOOPS = 8 * 1024 * 1024;
