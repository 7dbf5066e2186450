/** Writing runs of bytes into linear memory: the views change when memory grows, and checkpoints must hear of it. */
import type { Memory } from './memory.ts';

export function writeBytes(memory: Memory, offset: number, bytes: Uint8Array): void {
  if (bytes.length === 0) return;
  memory.bytes.set(bytes, offset);
  memory.touch(offset, bytes.length);
}

export function copyWithin(memory: Memory, to: number, from: number, size: number): void {
  if (size === 0 || to === from) return;
  memory.bytes.copyWithin(to, from, from + size);
  memory.touch(to, size);
}

export function fillBytes(memory: Memory, offset: number, size: number, value: number): void {
  if (size === 0) return;
  memory.bytes.fill(value, offset, offset + size);
  memory.touch(offset, size);
}

/** A copy, which stays what it is when memory changes. */
export function readBytes(memory: Memory, offset: number, size: number): Uint8Array {
  return memory.bytes.slice(offset, offset + size);
}

/** The bytes before the first NUL, as Latin-1 text so that each byte stays one character. */
export function readText(memory: Memory, offset: number, limit: number): string {
  const bytes = memory.bytes;
  let text = '';
  for (let i = offset; i < offset + limit; i++) {
    const byte = bytes[i] ?? 0;
    if (byte === 0) break;
    text += String.fromCharCode(byte);
  }
  return text;
}

export function latin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** Text of a scenario as the bytes that C would hold. */
export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function equalBytes(memory: Memory, a: number, b: number, size: number): boolean {
  const bytes = memory.bytes;
  for (let i = 0; i < size; i++) if (bytes[a + i] !== bytes[b + i]) return false;
  return true;
}

/** A 32-bit hash of a range (FNV-1a, finished as in MurmurHash3 so that low bits are good bucket numbers). */
export function hashBytes(memory: Memory, offset: number, size: number, seed = 0): number {
  const bytes = memory.bytes;
  let hash = 0x811c9dc5 ^ seed;
  for (let i = offset; i < offset + size; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

export function alignUp(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}
