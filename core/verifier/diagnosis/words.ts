/** Numbers, ranges and kinds of memory in words. */
import type { Env } from '../context.ts';
import { AUX0, AUX1, getS64, getU64, isConst, OFF, SMAX, SMIN, TYPE, UMAX, UMIN, VALUE } from '../state/state.ts';
import {
  BASE_TYPE_MASK,
  CONST_PTR_TO_DYNPTR,
  CONST_PTR_TO_MAP,
  MEM_ALLOC,
  MEM_RINGBUF,
  NOT_INIT,
  PTR_MAYBE_NULL,
  PTR_TO_ARENA,
  PTR_TO_BTF_ID,
  PTR_TO_BUF,
  PTR_TO_CTX,
  PTR_TO_FLOW_KEYS,
  PTR_TO_FUNC,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_PACKET,
  PTR_TO_PACKET_END,
  PTR_TO_PACKET_META,
  PTR_TO_SOCKET,
  PTR_TO_SOCK_COMMON,
  PTR_TO_STACK,
  PTR_TO_TCP_SOCK,
  PTR_TO_TP_BUFFER,
  PTR_TO_XDP_SOCK,
  SCALAR_VALUE,
} from '../state/types.ts';

/** What is said of any offset or size that has no bound. */
export const BOUND_HINT =
  'Bound the value before it is used as an offset: bpf_assert_lt(index, N), or bpf_assert_range(index, low, high).';

/** 34,359,738,360 */
export function grouped(value: bigint | number): string {
  const text = String(value);
  const sign = text.startsWith('-') ? '-' : '';
  return sign + text.slice(sign.length).replace(/\B(?=(\d{3})+$)/g, ',');
}

export function plural(count: bigint | number, word: string): string {
  return `${grouped(count)} ${word}${BigInt(count) === 1n ? '' : 's'}`;
}

/** 1 → `first`; beyond, with letters. */
export function ordinal(number: number): string {
  return ['zeroth', 'first', 'second', 'third', 'fourth', 'fifth'][number] ?? `${number}th`;
}

const S64_MIN = -(1n << 63n);
const S64_MAX = (1n << 63n) - 1n;
const U64_MAX = (1n << 64n) - 1n;

export interface Range {
  readonly smin: bigint;
  readonly smax: bigint;
  readonly umin: bigint;
  readonly umax: bigint;
}

export function rangeOf(w: Int32Array, base = 0): Range {
  return {
    smin: getS64(w, base + SMIN),
    smax: getS64(w, base + SMAX),
    umin: getU64(w, base + UMIN),
    umax: getU64(w, base + UMAX),
  };
}

/** `anything`, `12`, `anything from 160 to 34,359,738,360`, `anything below 0 …`. */
export function rangeWords(w: Int32Array, base = 0): string {
  if (isConst(w, base)) return grouped(getS64(w, base + VALUE));
  const { smin, smax, umin, umax } = rangeOf(w, base);
  if (smin >= 0n) return `anything from ${grouped(smin)} to ${grouped(smax)}`;
  if (umin > 0n && umax < U64_MAX) return `anything from ${grouped(umin)} to ${grouped(umax)}, unsigned`;
  if (smin === S64_MIN && smax === S64_MAX) return 'any 64-bit number';
  if (smin === S64_MIN) return `anything up to ${grouped(smax)}, negative too`;
  if (smax === S64_MAX) return `anything from ${grouped(smin)} up`;
  return `anything from ${grouped(smin)} to ${grouped(smax)}`;
}

export const baseOf = (w: Int32Array, base = 0): number => w[base + TYPE]! & BASE_TYPE_MASK;
export const mayBeNull = (w: Int32Array, base = 0): boolean => (w[base + TYPE]! & PTR_MAYBE_NULL) !== 0;
export const isScalar = (w: Int32Array, base = 0): boolean => w[base + TYPE] === SCALAR_VALUE;

/** The constant part of a pointer's offset: what was added as a constant, and as a variable that is known. */
export function fixedOffset(w: Int32Array, base = 0): bigint {
  return BigInt(w[base + OFF]!) + (isConst(w, base) ? getS64(w, base + VALUE) : 0n);
}

/** Size of the memory behind a pointer in bytes, where it has one. */
export function memorySize(env: Env, w: Int32Array, base = 0): number | undefined {
  switch (baseOf(w, base)) {
    case PTR_TO_MAP_VALUE:
      return env.maps[w[base + AUX0]!]?.valueSize;
    case PTR_TO_MAP_KEY:
      return env.maps[w[base + AUX0]!]?.keySize;
    case PTR_TO_MEM:
      return w[base + AUX0]! >>> 0;
    case PTR_TO_STACK:
      return 512;
    case PTR_TO_BTF_ID: {
      const btf = env.btfs[w[base + AUX1]!];
      return btf?.resolveSize(w[base + AUX0]!);
    }
    default:
      return undefined;
  }
}

/** What a pointer points to: `.bss`, ``a value of map `classes` ``, `the packet`, `struct task_struct`. */
export function memoryWords(env: Env, w: Int32Array, base = 0): string {
  const type = w[base + TYPE]!;
  switch (baseOf(w, base)) {
    case PTR_TO_MAP_VALUE: {
      const map = env.maps[w[base + AUX0]!];
      if (map === undefined) return "a map's value";
      if (map.origin !== 'user' || map.name.startsWith('.')) return map.name;
      return `a value of map ${map.name || 'of maps'}`;
    }
    case PTR_TO_MAP_KEY:
      return `a key of map ${env.maps[w[base + AUX0]!]?.name ?? ''}`.trimEnd();
    case CONST_PTR_TO_MAP:
      return `map ${env.maps[w[base + AUX0]!]?.name ?? ''}`.trimEnd();
    case PTR_TO_CTX:
      return 'the context';
    case PTR_TO_STACK:
      return 'the stack';
    case PTR_TO_PACKET:
      return 'the packet';
    case PTR_TO_PACKET_META:
      return "the packet's metadata";
    case PTR_TO_PACKET_END:
      return "the packet's end";
    case PTR_TO_FLOW_KEYS:
      return 'the flow keys';
    case PTR_TO_SOCKET:
    case PTR_TO_SOCK_COMMON:
    case PTR_TO_XDP_SOCK:
      return 'a socket';
    case PTR_TO_TCP_SOCK:
      return 'a TCP socket';
    case PTR_TO_TP_BUFFER:
      return "the tracepoint's buffer";
    case PTR_TO_BTF_ID: {
      const name = env.btfs[w[base + AUX1]!]?.name(w[base + AUX0]!) ?? '';
      return `${(type & MEM_ALLOC) !== 0 ? 'an allocated ' : ''}struct ${name}`;
    }
    case PTR_TO_MEM:
      return (type & MEM_RINGBUF) !== 0 ? 'a ring buffer record' : 'a piece of memory';
    case PTR_TO_BUF:
      return 'a buffer of the kernel';
    case PTR_TO_ARENA:
      return 'the arena';
    case PTR_TO_FUNC:
      return 'a function';
    case CONST_PTR_TO_DYNPTR:
      return 'a dynptr';
    case NOT_INIT:
      return 'nothing';
    case SCALAR_VALUE:
      return 'a number';
    default:
      return 'memory';
  }
}

/** What a register holds, as a noun: `a number`, `the context`, `a pointer to struct task_struct, or null`. */
export function holdsWords(env: Env, w: Int32Array, base = 0): string {
  switch (baseOf(w, base)) {
    case NOT_INIT:
      return 'nothing';
    case SCALAR_VALUE:
      return isConst(w, base) ? `the number ${grouped(getS64(w, base + VALUE))}` : 'a number';
    case PTR_TO_STACK: {
      if (!isConst(w, base)) return 'a pointer to the stack';
      const offset = fixedOffset(w, base);
      return `the address fp${offset >= 0n ? '+' : ''}${offset} on the stack`;
    }
    default:
      return `a pointer to ${memoryWords(env, w, base)}${mayBeNull(w, base) ? ', or null' : ''}`;
  }
}

/** A message of the verifier as a sentence, without the full stop. */
export function sentenceOf(text: string): string {
  const trimmed = text.trim().replace(/[.,!'\s]+$/, '');
  return trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
}
