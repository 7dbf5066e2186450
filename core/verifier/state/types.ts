/**
 * Register types, as one 32-bit number: the base type in the low eight bits, flags above.
 *
 * A base type says what a register points to; a flag says what is not certain about it (may be null), or where the
 * memory comes from (ring buffer, user space, per CPU). Linux has the same division, and the log shows it.
 */

export * from '../../kernel/tables/type-flags.ts';
import {
  BASE_TYPE_BITS,
  MEM_ALLOC,
  MEM_PERCPU,
  MEM_RCU,
  MEM_RDONLY,
  MEM_RINGBUF,
  MEM_USER,
  NON_OWN_REF,
  PTR_MAYBE_NULL,
  PTR_TO_BTF_ID,
  PTR_TO_PACKET,
  PTR_TO_PACKET_META,
  PTR_TO_SOCKET,
  PTR_TO_SOCK_COMMON,
  PTR_TO_TCP_SOCK,
  PTR_TO_XDP_SOCK,
  PTR_TRUSTED,
  PTR_UNTRUSTED,
} from '../../kernel/tables/type-flags.ts';

export const BASE_TYPE_MASK = (1 << BASE_TYPE_BITS) - 1;

/** The flags that a BTF pointer may carry and still be safe to use as what it says it is. */
export const TRUSTED_FLAGS = MEM_ALLOC | PTR_TRUSTED | NON_OWN_REF;

/**
 * A link between two scalars that differ by a constant: the id carries one of these bits and the constant is in OFF. The
 * second one says that the addition was 32 bits wide, so that the sum has zeros above.
 */
export const ID_ADD_CONST64 = 0x8000_0000 | 0;
export const ID_ADD_CONST32 = 0x4000_0000;
export const ID_ADD_CONST = ID_ADD_CONST64 | ID_ADD_CONST32;

/** What one byte of a stack slot holds. */
export const STACK_INVALID = 0;
export const STACK_SPILL = 1;
export const STACK_MISC = 2;
export const STACK_ZERO = 3;
export const STACK_DYNPTR = 4;
export const STACK_ITER = 5;
export const STACK_IRQ_FLAG = 6;

/** Letters for a slot's bytes in the log, by slot type. */
export const SLOT_LETTERS = ['?', 'r', 'm', '0', 'd', 'i', 'f'] as const;

export const DYNPTR_INVALID = 0;
export const DYNPTR_LOCAL = 1;
export const DYNPTR_RINGBUF = 2;
export const DYNPTR_SKB = 3;
export const DYNPTR_XDP = 4;
export const DYNPTR_SKB_META = 5;

export const ITER_INVALID = 0;
export const ITER_ACTIVE = 1;
export const ITER_DRAINED = 2;

export const MAX_BPF_REG = 11;
export const BPF_REG_FP = 10;
export const MAX_BPF_STACK = 512;
export const MAX_CALL_FRAMES = 8;
export const CALLER_SAVED = 6;
export const BPF_MAX_VAR_OFF = 1 << 29;
export const BPF_MAX_VAR_SIZ = 1 << 29;

export function typeMayBeNull(type: number): boolean {
  return (type & PTR_MAYBE_NULL) !== 0;
}

export function typeIsPacketPointer(type: number): boolean {
  const base = type & BASE_TYPE_MASK;
  return base === PTR_TO_PACKET || base === PTR_TO_PACKET_META;
}

export function typeIsSocketPointer(type: number): boolean {
  return type === PTR_TO_SOCKET || type === PTR_TO_SOCK_COMMON || type === PTR_TO_TCP_SOCK || type === PTR_TO_XDP_SOCK;
}

export function typeIsReadOnlyMemory(type: number): boolean {
  return (type & MEM_RDONLY) !== 0;
}

export function typeIsPointerAllocated(type: number): boolean {
  return (type & BASE_TYPE_MASK) === PTR_TO_BTF_ID && (type & MEM_ALLOC) !== 0;
}

export function typeIsNonOwningReference(type: number): boolean {
  return (type & MEM_ALLOC) !== 0 && (type & NON_OWN_REF) !== 0;
}

export function dynptrTypeIsReferenced(dynptr: number): boolean {
  return dynptr === DYNPTR_RINGBUF;
}

const BASE_NAMES = [
  '?',
  'scalar',
  'ctx',
  'map_ptr',
  'map_value',
  'map_key',
  'fp',
  'pkt_meta',
  'pkt',
  'pkt_end',
  'flow_keys',
  'sock',
  'sock_common',
  'tcp_sock',
  'tp_buffer',
  'xdp_sock',
  'ptr_',
  'mem',
  'arena',
  'buf',
  'func',
  'dynptr_ptr',
] as const;

/** The name of a register type as the log prints it: `trusted_ptr_or_null_`, `map_value`, `rdonly_mem_or_null`. */
export function regTypeName(type: number): string {
  const base = type & BASE_TYPE_MASK;
  let suffix = '';
  if ((type & PTR_MAYBE_NULL) !== 0) suffix = base === PTR_TO_BTF_ID ? 'or_null_' : '_or_null';
  const prefix =
    (type & MEM_RDONLY ? 'rdonly_' : '') +
    (type & MEM_RINGBUF ? 'ringbuf_' : '') +
    (type & MEM_USER ? 'user_' : '') +
    (type & MEM_PERCPU ? 'percpu_' : '') +
    (type & MEM_RCU ? 'rcu_' : '') +
    (type & PTR_UNTRUSTED ? 'untrusted_' : '') +
    (type & PTR_TRUSTED ? 'trusted_' : '');
  return prefix + (BASE_NAMES[base] ?? '?') + suffix;
}

/** All dynptr kinds as flags. */
export { DYNPTR_TYPE_FLAG_MASK as DYNPTR_TYPE_FLAGS } from '../../kernel/tables/type-flags.ts';
