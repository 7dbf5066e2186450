/**
 * What a developer can do about a rejection. One row per kind of message; the verifier's words say what it could not
 * prove, the hint says how programs usually prove it.
 */
interface Hint {
  readonly message: RegExp;
  readonly hint: string;
}

const HINTS: readonly Hint[] = [
  {
    message: /would lead to reference leak/,
    hint: 'Linux cannot release what is held at a throw. Release it before, or verify with --profile proposal.',
  },
  {
    message: /bpf_throw cannot be used inside/,
    hint: 'Linux cannot leave this region at a throw. Leave it before, or verify with --profile proposal.',
  },
  {
    message: /frame_desc: merge/,
    hint: 'Two paths reach this instruction with different resources in one place. Give each a variable of its own.',
  },
  {
    message: /Unreleased reference|reference leak/,
    hint: 'On this path nothing releases what was acquired there: release it before the exit, on every path.',
  },
  {
    message: /unbounded memory access|unbounded min value|min value is (negative|outside)|max value is outside/,
    hint: 'Bound the value before it is used as an offset: bpf_assert_lt(index, N), or bpf_assert_range(index, low, high).',
  },
  {
    message: /invalid access to packet|offset is outside of the packet/,
    hint: 'Compare with the end of the packet first: bpf_assert(pointer + size <= data_end).',
  },
  {
    message: /invalid access to map value/,
    hint: 'The offset can lie outside the value: bound it with bpf_assert_lt(offset, N) before the access.',
  },
  {
    message: /invalid mem access '[a-z_]*(or_null|_or_null)'|invalid mem access 'map_value_or_null'/,
    hint: 'The pointer may be null here: test it, or bpf_assert(pointer).',
  },
  {
    message: /invalid mem access 'scalar'/,
    hint: 'The verifier knows this value as a number, not as a pointer: arithmetic it cannot follow, or a load it does not trust, came before.',
  },
  {
    message: /!read_ok/,
    hint: 'The register was never written on this path, or a call in between has overwritten it (R0 to R5).',
  },
  {
    message: /At program exit the register R0|At callback return the register R0/,
    hint: 'The program type allows only some return values: bring the value into that range, also in the exception callback.',
  },
  {
    message: /At program exit the register R1/,
    hint: 'Without a callback Linux returns the cookie: throw one that the program type may return, or name a callback.',
  },
  {
    message: /BPF program is too large|too many (jumps|states)|infinite loop detected|loop is not bounded/,
    hint: 'The verifier walks through every turn of a loop: give it a constant bound, or use bpf_loop or bpf_for.',
  },
  {
    message: /cannot be called from callback subprog/,
    hint: 'A callback cannot throw: nobody could unwind the kernel function that called it. Let it return a value to stop instead.',
  },
  {
    message: /combined stack size|stack size|exceeds/i,
    hint: 'A call chain has 512 bytes of stack: move large variables into a per-CPU array.',
  },
  {
    message: /calling kernel function .* is not allowed|program of this type cannot use helper|unknown func/,
    hint: 'This program type may not call that function.',
  },
  {
    message: /Caller passes invalid args into func|Possibly NULL pointer passed/,
    hint: 'The pointer may be null here: test it before the call, or bpf_assert(pointer).',
  },
];

/** A sentence of advice for a verifier's message, or undefined where there is none that fits. */
export function hintFor(message: string): string | undefined {
  return HINTS.find((row) => row.message.test(message))?.hint;
}
