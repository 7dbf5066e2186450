/**
 * The formats of bpf_trace_printk, bpf_snprintf, bpf_seq_printf and the streams (kernel: bpf_bprintf_prepare and
 * bstr_printf): a small part of printf, whose arguments are 64-bit words.
 */
import { E2BIG, EINVAL } from './errno.ts';

/** What formatting asks of memory. */
export interface FormatSource {
  /** The bytes of a string up to its NUL, as Latin-1 text; undefined when it cannot be read. */
  text(pointer: bigint): string | undefined;
  /** Exactly `size` bytes, or undefined. */
  bytes(pointer: bigint, size: number): Uint8Array | undefined;
  /** Name of a symbol at an address, for %ps. */
  symbol(pointer: bigint): string | undefined;
}

/** The formatted text, or an errno. */
export type Formatted = { readonly text: string } | { readonly errno: number };

/** Room for one formatted text (MAX_BPRINTF_BUF). */
export const FORMAT_BUFFER = 1024;
/** Arguments that one format may have (MAX_BPRINTF_VARARGS). */
export const MAX_FORMAT_ARGUMENTS = 12;

const FAIL: Formatted = { errno: EINVAL };

interface Spec {
  readonly left: boolean;
  readonly zero: boolean;
  readonly plus: boolean;
  readonly space: boolean;
  readonly width: number;
}

const SPEC = /^([0+\- ]*)([1-9][0-9]*)?/;
const POINTER = /^(?:([ku])s|([KxsSB])|([iI])([46]))/;

/** Formats, or says EINVAL for what the kernel's own check refuses. Text is Latin-1: one character per byte. */
export function format(pattern: string, args: readonly bigint[], source: FormatSource): Formatted {
  if (args.length > MAX_FORMAT_ARGUMENTS) return { errno: E2BIG };
  let text = '';
  let next = 0;
  let i = 0;
  while (i < pattern.length) {
    const c = pattern[i]!;
    if (!isPlain(c)) return FAIL;
    i++;
    if (c !== '%') {
      text += c;
      continue;
    }
    if (pattern[i] === '%') {
      text += '%';
      i++;
      continue;
    }
    const arg = args[next++];
    if (arg === undefined) return FAIL;
    const match = SPEC.exec(pattern.slice(i))!;
    i += match[0].length;
    const spec = readSpec(match[1] ?? '', match[2]);
    const rest = pattern.slice(i);
    const converted = convert(rest, spec, arg, source);
    if (converted === undefined) return FAIL;
    text += converted.text;
    i += converted.length;
  }
  return { text };
}

function isPlain(c: string): boolean {
  const code = c.charCodeAt(0);
  // Bytes above ASCII pass, so that UTF-8 comes through; control characters do not.
  return code >= 0x80 || (code >= 0x20 && code < 0x7f) || (code >= 9 && code <= 13);
}

function readSpec(flags: string, width: string | undefined): Spec {
  return {
    left: flags.includes('-'),
    zero: flags.includes('0') && !flags.includes('-'),
    plus: flags.includes('+'),
    space: flags.includes(' '),
    width: Math.min(Number(width ?? 0), FORMAT_BUFFER),
  };
}

function convert(
  rest: string,
  spec: Spec,
  arg: bigint,
  source: FormatSource,
): { text: string; length: number } | undefined {
  const kind = rest[0];
  if (kind === 'p') return convertPointer(rest, spec, arg, source);
  if (kind === 's') {
    if (!ends(rest[1])) return undefined;
    return { text: pad(source.text(arg) ?? '', spec), length: 1 };
  }
  if (kind === 'c') return { text: pad(String.fromCharCode(Number(arg & 0xffn)), spec), length: 1 };
  const longs = /^l{0,2}/.exec(rest)![0].length;
  const bits = longs === 0 ? 32 : 64;
  switch (rest[longs]) {
    case 'd':
    case 'i':
      return { text: integerText(BigInt.asIntN(bits, arg), 10, spec), length: longs + 1 };
    case 'u':
      return {
        text: integerText(BigInt.asUintN(bits, arg), 10, { ...spec, plus: false, space: false }),
        length: longs + 1,
      };
    case 'x':
      return {
        text: integerText(BigInt.asUintN(bits, arg), 16, { ...spec, plus: false, space: false }),
        length: longs + 1,
      };
    case 'X':
      return {
        text: integerText(BigInt.asUintN(bits, arg), 16, { ...spec, plus: false, space: false }).toUpperCase(),
        length: longs + 1,
      };
    default:
      return undefined;
  }
}

function convertPointer(
  rest: string,
  spec: Spec,
  arg: bigint,
  source: FormatSource,
): { text: string; length: number } | undefined {
  const after = rest[1];
  const match = POINTER.exec(rest.slice(1));
  if (match === null) {
    // The kernel hashes plain %p; here an address is no secret.
    return ends(after) ? { text: pad(hex16(arg), spec), length: 1 } : undefined;
  }
  const length = 1 + match[0].length;
  if (match[1] !== undefined)
    return ends(rest[length]) ? { text: pad(source.text(arg) ?? '', spec), length } : undefined;
  if (match[2] !== undefined) {
    const symbol = /[sSB]/.test(match[2]) ? source.symbol(arg) : undefined;
    return {
      text: pad(symbol ?? (match[2] === 'x' || match[2] === 'K' ? hex16(arg) : `0x${arg.toString(16)}`), spec),
      length,
    };
  }
  const size = match[4] === '4' ? 4 : 16;
  const bytes = source.bytes(arg, size) ?? new Uint8Array(size);
  const text = size === 4 ? ip4(bytes, match[3] === 'i') : ip6(bytes, match[3] === 'i');
  return { text: pad(text, spec), length };
}

function ends(c: string | undefined): boolean {
  return c === undefined || /[\s!-/:-@[-`{-~]/.test(c);
}

function pad(text: string, spec: Spec): string {
  return spec.left ? text.padEnd(spec.width) : text.padStart(spec.width);
}

function integerText(value: bigint, base: number, spec: Spec): string {
  const sign = value < 0n ? '-' : spec.plus ? '+' : spec.space ? ' ' : '';
  const digits = (value < 0n ? -value : value).toString(base);
  if (spec.zero) return sign + digits.padStart(spec.width - sign.length, '0');
  return pad(sign + digits, spec);
}

function hex16(value: bigint): string {
  return value.toString(16).padStart(16, '0');
}

function ip4(bytes: Uint8Array, zeros: boolean): string {
  return [...bytes].map((byte) => (zeros ? String(byte).padStart(3, '0') : String(byte))).join('.');
}

function ip6(bytes: Uint8Array, compact: boolean): string {
  const groups = Array.from({ length: 8 }, (_, i) =>
    ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16).padStart(4, '0'),
  );
  // %pi6 has no colons (kernel: printk-formats.rst).
  return groups.join(compact ? '' : ':');
}
