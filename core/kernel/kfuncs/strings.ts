/** The string kfuncs of Linux 6.17. A string that cannot be read is EFAULT; one longer than 4096 bytes E2BIG. */
import type { Behaviour, Call } from '../behaviour.ts';
import { errno } from '../behaviour.ts';
import { E2BIG, EFAULT, ENOENT } from '../errno.ts';
import { arg, s32 } from '../helpers/arguments.ts';
import { probeText } from '../helpers/memory.ts';

/** XATTR_SIZE_MAX / 16: how far the kernel looks. */
const MAX_LENGTH = 4096;

/** A string, or the error. */
function read(call: Call, index: number): string | bigint {
  const text = probeText(call.kernel, arg(call, index), MAX_LENGTH);
  if (text === undefined) return errno(EFAULT);
  return text.length >= MAX_LENGTH ? errno(E2BIG) : text;
}

function signed(value: number): bigint {
  return BigInt.asUintN(64, BigInt(value));
}

const withText =
  (run: (text: string, call: Call) => number): Behaviour =>
  (call) => {
    const text = read(call, 0);
    if (typeof text === 'bigint') return text;
    const result = run(text, call);
    return result === -1 ? errno(ENOENT) : signed(result);
  };

const withTexts =
  (run: (a: string, b: string, call: Call) => number, notFound: boolean): Behaviour =>
  (call) => {
    const a = read(call, 0);
    const b = read(call, 1);
    if (typeof a === 'bigint') return a;
    if (typeof b === 'bigint') return b;
    const result = run(a, b, call);
    return notFound && result === -1 ? errno(ENOENT) : signed(result);
  };

function character(call: Call, index: number): string {
  return String.fromCharCode(s32(call, index) & 0xff);
}

/** A search for NUL finds the end. */
function find(text: string, c: string): number {
  return c === '\0' ? text.length : text.indexOf(c);
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

function lower(text: string): string {
  return text.replace(/[A-Z]/g, (c) => c.toLowerCase());
}

/** Length of the part of `a` at its start that consists (or does not consist) of characters of `set`. */
function span(a: string, set: string, inSet: boolean): number {
  let length = 0;
  while (length < a.length && set.includes(a[length]!) === inSet) length++;
  return length;
}

function limit(call: Call, index: number): number {
  const count = arg(call, index);
  return count > BigInt(MAX_LENGTH) ? MAX_LENGTH : Number(count);
}

export const stringKfuncs: Readonly<Record<string, Behaviour>> = {
  bpf_strcmp: withTexts(compare, false),
  bpf_strcasecmp: withTexts((a, b) => compare(lower(a), lower(b)), false),
  bpf_strchr: withText((text, call) => find(text, character(call, 1))),
  bpf_strchrnul: withText((text, call) => {
    const at = find(text, character(call, 1));
    return at < 0 ? text.length : at;
  }),
  bpf_strnchr: withText((text, call) => find(text.slice(0, limit(call, 1)), character(call, 2))),
  bpf_strrchr: withText((text, call) =>
    character(call, 1) === '\0' ? text.length : text.lastIndexOf(character(call, 1)),
  ),
  bpf_strlen: withText((text) => text.length),
  bpf_strnlen: withText((text, call) => Math.min(text.length, limit(call, 1))),
  bpf_strspn: withTexts((a, b) => span(a, b, true), false),
  bpf_strcspn: withTexts((a, b) => span(a, b, false), false),
  bpf_strstr: withTexts((a, b) => a.indexOf(b), true),
  bpf_strnstr: withTexts((a, b, call) => a.slice(0, limit(call, 2)).indexOf(b), true),
};
