/**
 * Columns of whole numbers as bytes. Rows of a recording resemble each other: a column is one number for all rows, or what each
 * differs from the one before, or, where neither is shorter, the numbers as they are. The packing of the chunk then has little to
 * look at, which takes less time than packing whole columns.
 */
import { altered } from './bytes.ts';
import type { Chunk } from './bytes.ts';

/** All rows have the same number, which follows. */
const SAME = 0;
/** Differences to the row before, the first to 0, each as a varint of twice its size, odd when it is negative. */
const DIFFERENCES = 1;
/** 32 bits for each row. */
const WORDS = 2;

const MAX_VARINT = 8;

/** Numbers that can be told one by one. */
export type Numbers = ArrayLike<number>;

export class ColumnWriter {
  #bytes = new Uint8Array(4096);
  #at = 0;

  /** What was written. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  /** `count` numbers from `from` on, `stride` places apart. Words are never longer than 32 bits each. */
  column(values: Numbers, from: number, count: number, stride = 1): void {
    if (count === 0) return;
    const first = values[from]!;
    const end = from + count * stride;
    let same = true;
    for (let at = from + stride; at < end && same; at += stride) same = values[at] === first;
    this.#room(1 + MAX_VARINT);
    if (same) {
      this.#bytes[this.#at++] = SAME;
      this.number(first);
      return;
    }
    const start = this.#at;
    this.#bytes[this.#at++] = DIFFERENCES;
    this.#room(count * MAX_VARINT);
    let before = 0;
    for (let at = from; at < end; at += stride) {
      const value = values[at]!;
      this.#varint(value - before);
      before = value;
    }
    if (!(values instanceof Uint32Array) || this.#at - start <= count * 4) return;
    this.#at = start;
    this.#bytes[this.#at++] = WORDS;
    for (let at = from; at < end; at += stride) this.#word(values[at]!);
  }

  number(value: number): void {
    this.#room(MAX_VARINT);
    this.#varint(value);
  }

  #varint(difference: number): void {
    let value = difference < 0 ? -2 * difference - 1 : 2 * difference;
    const bytes = this.#bytes;
    while (value >= 0x80000000) {
      bytes[this.#at++] = (value % 128) | 128;
      value = Math.floor(value / 128);
    }
    while (value >= 128) {
      bytes[this.#at++] = (value & 127) | 128;
      value >>>= 7;
    }
    bytes[this.#at++] = value;
  }

  #word(value: number): void {
    const bytes = this.#bytes;
    bytes[this.#at++] = value;
    bytes[this.#at++] = value >>> 8;
    bytes[this.#at++] = value >>> 16;
    bytes[this.#at++] = value >>> 24;
  }

  #room(size: number): void {
    if (this.#at + size <= this.#bytes.length) return;
    const bytes = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + size));
    bytes.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = bytes;
  }
}

/** Reads what {@link ColumnWriter} wrote, or what somebody made of it. */
export class PackedReader {
  readonly #chunk: Chunk;
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(chunk: Chunk) {
    this.#chunk = chunk;
    this.#bytes = chunk.bytes;
  }

  /** Whole numbers from `least` to `most`, `stride` places apart from `from` on. */
  column(into: { [row: number]: number }, from: number, count: number, least: number, most: number, stride = 1): void {
    if (count === 0) return;
    const how = this.#byte();
    const end = from + count * stride;
    if (how === SAME) {
      const value = this.number(least, most);
      for (let at = from; at < end; at += stride) into[at] = value;
    } else if (how === DIFFERENCES) {
      let value = 0;
      for (let at = from; at < end; at += stride) {
        value += this.#varint();
        if (!(value >= least && value <= most)) throw this.#wrong('a number is out of its range');
        into[at] = value;
      }
    } else if (how === WORDS) {
      for (let at = from; at < end; at += stride) {
        const value = (this.#byte() | (this.#byte() << 8) | (this.#byte() << 16) | (this.#byte() << 24)) >>> 0;
        if (!(value >= least && value <= most)) throw this.#wrong('a number is out of its range');
        into[at] = value;
      }
    } else throw this.#wrong(`a column is packed in way ${how}, which there is not`);
  }

  number(least: number, most: number): number {
    const value = this.#varint();
    if (!(value >= least && value <= most)) throw this.#wrong('a number is out of its range');
    return value;
  }

  end(): void {
    const left = this.#bytes.length - this.#at;
    if (left !== 0) throw this.#wrong(`${left} bytes are left over`);
  }

  #varint(): number {
    let value = 0;
    let scale = 1;
    for (let length = 0; length < MAX_VARINT; length++) {
      const byte = this.#byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      scale *= 128;
    }
    throw this.#wrong('a number is too long');
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw this.#wrong('a column is cut off');
    return byte;
  }

  #wrong(why: string): Error {
    return altered(this.#chunk.offset, why);
  }
}
