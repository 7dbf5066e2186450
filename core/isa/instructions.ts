/**
 * A sequence of instructions as a structure of arrays: one row per 8-byte slot.
 *
 * A 64-bit immediate load takes two slots (RFC 9669, section 3.1), so it takes two rows, the second with opcode 0 and the
 * upper half in `imm`. Jump offsets, line numbers and the kernel's log all count slots; so do all indices in Bailout.
 */
import { BailoutError } from '../errors.ts';
import { OPCODE_LD_IMM64, SLOT_SIZE } from './opcodes.ts';

export interface ByteOrder {
  /** For programs compiled with `-target bpfeb`: fields big-endian, and the two register nibbles swapped. */
  readonly bigEndian?: boolean;
}

/** One slot as a record, for code that handles single instructions and is not in a hurry. */
export interface Instruction {
  readonly code: number;
  readonly dst: number;
  readonly src: number;
  readonly off: number;
  readonly imm: number;
}

export class Instructions {
  /** Number of slots. */
  readonly length: number;
  readonly code: Uint8Array;
  readonly dst: Uint8Array;
  readonly src: Uint8Array;
  readonly off: Int16Array;
  readonly imm: Int32Array;

  /** Makes `length` slots, all zero. The arrays may be written by whoever made it. */
  constructor(length: number) {
    this.length = length;
    this.code = new Uint8Array(length);
    this.dst = new Uint8Array(length);
    this.src = new Uint8Array(length);
    this.off = new Int16Array(length);
    this.imm = new Int32Array(length);
  }

  /** Decodes slots. Every combination of bits is representable, so only a length that is no multiple of 8 is an error. */
  static fromBytes(bytes: Uint8Array, options: ByteOrder = {}): Instructions {
    if (bytes.length % SLOT_SIZE !== 0)
      throw new BailoutError(
        'ISA_TRUNCATED',
        `The code is ${bytes.length} bytes long, which is not a multiple of ${SLOT_SIZE}: its last instruction is cut off.`,
        { offset: bytes.length - (bytes.length % SLOT_SIZE) },
      );
    const bigEndian = options.bigEndian === true;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const result = new Instructions(bytes.length / SLOT_SIZE);
    for (let i = 0, at = 0; i < result.length; i++, at += SLOT_SIZE) {
      const registers = view.getUint8(at + 1);
      result.code[i] = view.getUint8(at);
      result.dst[i] = bigEndian ? registers >> 4 : registers & 0x0f;
      result.src[i] = bigEndian ? registers & 0x0f : registers >> 4;
      result.off[i] = view.getInt16(at + 2, !bigEndian);
      result.imm[i] = view.getInt32(at + 4, !bigEndian);
    }
    return result;
  }

  /** Makes a sequence from records; numbers are cut to the width of their field. */
  static of(...rows: readonly Partial<Instruction>[]): Instructions {
    const result = new Instructions(rows.length);
    rows.forEach((row, i) => result.set(i, row));
    return result;
  }

  /** The sequences one after the other. */
  static concat(...parts: readonly Instructions[]): Instructions {
    const result = new Instructions(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      result.code.set(part.code, at);
      result.dst.set(part.dst, at);
      result.src.set(part.src, at);
      result.off.set(part.off, at);
      result.imm.set(part.imm, at);
      at += part.length;
    }
    return result;
  }

  toBytes(options: ByteOrder = {}): Uint8Array {
    const bigEndian = options.bigEndian === true;
    const bytes = new Uint8Array(this.length * SLOT_SIZE);
    const view = new DataView(bytes.buffer);
    for (let i = 0, at = 0; i < this.length; i++, at += SLOT_SIZE) {
      const { code, dst, src, off, imm } = this.at(i);
      view.setUint8(at, code);
      view.setUint8(at + 1, bigEndian ? (dst << 4) | src : (src << 4) | dst);
      view.setInt16(at + 2, off, !bigEndian);
      view.setInt32(at + 4, imm, !bigEndian);
    }
    return bytes;
  }

  /** A copy of the slots from `start` up to, not including, `end`. */
  slice(start: number, end: number = this.length): Instructions {
    const from = Math.max(0, Math.min(start, this.length));
    const to = Math.max(from, Math.min(end, this.length));
    const result = new Instructions(to - from);
    result.code.set(this.code.subarray(from, to));
    result.dst.set(this.dst.subarray(from, to));
    result.src.set(this.src.subarray(from, to));
    result.off.set(this.off.subarray(from, to));
    result.imm.set(this.imm.subarray(from, to));
    return result;
  }

  /** Slot `i` as a record; all zero beyond the end, which no legal instruction is. */
  at(i: number): Instruction {
    return {
      code: this.code[i] ?? 0,
      dst: this.dst[i] ?? 0,
      src: this.src[i] ?? 0,
      off: this.off[i] ?? 0,
      imm: this.imm[i] ?? 0,
    };
  }

  /** Writes the given fields of slot `i`, keeping the others. */
  set(i: number, row: Partial<Instruction>): void {
    if (row.code !== undefined) this.code[i] = row.code;
    if (row.dst !== undefined) this.dst[i] = row.dst & 0x0f;
    if (row.src !== undefined) this.src[i] = row.src & 0x0f;
    if (row.off !== undefined) this.off[i] = row.off;
    if (row.imm !== undefined) this.imm[i] = row.imm;
  }

  /** Whether a 64-bit immediate load begins at slot `i`, so that slot `i + 1` is no instruction of its own. */
  isLdImm64(i: number): boolean {
    return this.code[i] === OPCODE_LD_IMM64;
  }

  /** Slots of the instruction that begins at `i`: 1 or 2. */
  slots(i: number): 1 | 2 {
    return this.code[i] === OPCODE_LD_IMM64 ? 2 : 1;
  }

  /** The 64-bit immediate, unsigned, of the load that begins at slot `i`. */
  imm64(i: number): bigint {
    const low = BigInt((this.imm[i] ?? 0) >>> 0);
    const high = BigInt((this.imm[i + 1] ?? 0) >>> 0);
    return (high << 32n) | low;
  }
}
