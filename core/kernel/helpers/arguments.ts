/** Reading the arguments of a call. */
import type { Call } from '../behaviour.ts';
import { KernelFault } from '../behaviour.ts';
import { readText } from '../bytes.ts';
import type { FormatSource } from '../format.ts';
import type { Kernel } from '../kernel.ts';
import type { BpfMap } from '../maps/map.ts';

export function arg(call: Call, index: number): bigint {
  return call.args[index]!;
}

/** The lower half of an argument. */
export function u32(call: Call, index: number): number {
  return Number(call.args[index]! & 0xffffffffn);
}

export function s32(call: Call, index: number): number {
  return Number(BigInt.asIntN(32, call.args[index]!));
}

export function s64(call: Call, index: number): bigint {
  return BigInt.asIntN(64, call.args[index]!);
}

/** A size in bytes; one that no memory has is a fault. */
export function size(call: Call, index: number): number {
  const value = call.args[index]!;
  if (value > 0xffffffffn)
    throw new KernelFault('BAD_ARGUMENT', `${call.name} at insn ${call.insn}: size ${value} is out of range`);
  return Number(value);
}

/** The map that an argument points to. */
export function map(call: Call, index: number): BpfMap {
  const found = call.kernel.maps.byAddress(call.args[index]!);
  if (found === undefined) {
    throw new KernelFault(
      'BAD_ARGUMENT',
      `${call.name} at insn ${call.insn}: R${index + 1} (0x${call.args[index]!.toString(16)}) is no map`,
    );
  }
  return found;
}

/** A map of a certain class. */
export function mapOf<T extends BpfMap>(call: Call, index: number, type: abstract new (...args: never[]) => T): T {
  const found = map(call, index);
  if (!(found instanceof type)) {
    throw new KernelFault('BAD_ARGUMENT', `${call.name} at insn ${call.insn}: map ${found.name} is of the wrong type`);
  }
  return found;
}

/** Offset of memory that the callee reads. */
export function readable(call: Call, index: number, bytes: number): number {
  return call.kernel.range(call, call.args[index]!, bytes, 'read');
}

/** Offset of memory that the callee writes. */
export function writable(call: Call, index: number, bytes: number): number {
  return call.kernel.range(call, call.args[index]!, bytes, 'write');
}

/** The first instruction of the function that an argument points to. */
export function callback(call: Call, index: number): number {
  const insn = call.functionAt(call.args[index]!);
  if (insn === undefined) {
    throw new KernelFault(
      'BAD_ARGUMENT',
      `${call.name} at insn ${call.insn}: R${index + 1} is no function of the program`,
    );
  }
  return insn;
}

/** A NUL-terminated text that the program owns. */
export function text(call: Call, index: number, limit = 4096): string {
  return cText(call.kernel, call.args[index]!, limit) ?? '';
}

/** The text at an address, up to a NUL, the limit or the end of what is accessible; undefined when its first byte is not. */
export function cText(kernel: Kernel, pointer: bigint, limit: number): string | undefined {
  const { memory } = kernel;
  if (memory.check(pointer, 1, 'read') !== undefined) return undefined;
  const offset = kernel.offset(pointer);
  const all = readText(memory, offset, limit);
  if (memory.check(pointer, Math.min(all.length + 1, limit), 'read') === undefined) return all;
  let length = 1;
  while (memory.check(pointer, length + 1, 'read') === undefined) length++;
  return all.slice(0, length);
}

/** How formats read their arguments. */
export function formatSource(kernel: Kernel): FormatSource {
  return {
    text: (pointer) => cText(kernel, pointer, 1024),
    bytes: (pointer, count) => {
      if (kernel.memory.check(pointer, count, 'read') !== undefined) return undefined;
      const at = kernel.offset(pointer);
      return kernel.memory.bytes.slice(at, at + count);
    },
    symbol: (pointer) => {
      const offset = kernel.memory.offset(pointer);
      return offset === undefined ? undefined : kernel.memory.allocationAt(offset)?.label;
    },
  };
}

/** 64-bit words that a program passes as the arguments of a format. */
export function words(call: Call, pointerIndex: number, bytes: number): bigint[] {
  const count = bytes >> 3;
  if (count === 0) return [];
  const at = readable(call, pointerIndex, bytes);
  return Array.from({ length: count }, (_, i) => call.kernel.memory.readU64(at + 8 * i));
}
