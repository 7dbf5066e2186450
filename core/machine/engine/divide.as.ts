/** Division as BPF defines it (RFC 9669, section 4.1): by zero gives 0, the remainder by zero the dividend; nothing traps. */

export function div64(a: u64, b: u64): u64 {
  return b ? a / b : 0;
}

export function mod64(a: u64, b: u64): u64 {
  return b ? a % b : a;
}

/** The one quotient that does not fit is the dividend itself. */
export function sdiv64(a: i64, b: i64): u64 {
  if (b == 0) return 0;
  if (b == -1) return <u64>(0 - a);
  return <u64>(a / b);
}

export function smod64(a: i64, b: i64): u64 {
  if (b == 0) return <u64>a;
  if (b == -1) return 0;
  return <u64>(a % b);
}

export function div32(a: u32, b: u32): u32 {
  return b ? a / b : 0;
}

export function mod32(a: u32, b: u32): u32 {
  return b ? a % b : a;
}

export function sdiv32(a: i32, b: i32): u32 {
  if (b == 0) return 0;
  if (b == -1) return <u32>(0 - a);
  return <u32>(a / b);
}

export function smod32(a: i32, b: i32): u32 {
  if (b == 0) return <u32>a;
  if (b == -1) return 0;
  return <u32>(a % b);
}
