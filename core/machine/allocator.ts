/**
 * The allocator of linear memory. All of its state lies in linear memory itself (heads by size class, a table of spans, a
 * header before each block), so that checkpoints have it without knowing it, and addresses depend on nothing but the
 * order of calls.
 *
 * Blocks of one size class are cut from spans of 16 KiB or more. A freed block goes to the end of its class's queue and is
 * given out again only when {@link QUARANTINE} younger ones stand behind it: until then, a use after free meets its
 * shadow bytes. The 16 bytes of the header are no program's, so that running over the end of a block is caught too.
 */
import { BailoutError } from '../errors.ts';
import { ADDRESS_LIMIT, ALLOCATOR, HEAP_BASE, SPANS, SPAN_SHIFT, SPAN_SIZE } from './engine/layout.ts';

/** Freed blocks of a class that wait before the oldest is used again. */
const QUARANTINE = 64;
/** The same for blocks of which a few are many bytes. */
const LARGE_QUARANTINE = 4;
const LARGE = 65536;

/** Before each block: size u32, state u32, next in queue u32, label u32. */
export const HEADER = 16;
const SIZE = 0;
const STATE = 4;
const NEXT = 8;
const LABEL = 12;
const LIVE = 1;
const FREED = 2;

/** Rows of the heads: cursor u32, end u32, oldest freed u32, youngest freed u32, number freed u32. */
const ROW = 32;
const ROWS = ALLOCATOR + 64;
/** Where the next span begins; 0 before the first. */
const NEXT_SPAN = ALLOCATOR;

/** Sizes of blocks with their header: steps of 16 up to 128, then four to a doubling. */
const CLASSES = (() => {
  const sizes = [32, 48, 64, 80, 96, 112, 128];
  for (let base = 128; base < ADDRESS_LIMIT; base *= 2) for (let i = 1; i <= 4; i++) sizes.push(base + (base / 4) * i);
  return Uint32Array.from(sizes);
})();

export interface Block {
  readonly offset: number;
  readonly size: number;
  readonly label: string;
  readonly freed: boolean;
}

/** What the allocator needs of the memory around it. */
export interface Room {
  readonly view: DataView;
  /** Marks a range as written. */
  touch(offset: number, size: number): void;
  /** Makes memory reach at least to `end`. */
  reach(end: number): void;
}

export class Allocator {
  readonly #room: Room;
  /** Names in the order of their first use: numbers in headers. Going back in time leaves them, since a rerun repeats the order. */
  readonly #labels: string[] = [''];
  readonly #labelIds = new Map<string, number>([['', 0]]);

  constructor(room: Room) {
    this.#room = room;
  }

  /** A block, and whether its bytes may hold something old. */
  allocate(size: number, label: string): { readonly offset: number; readonly used: boolean } {
    if (!(size >= 0 && size < ADDRESS_LIMIT - HEADER)) throw exhausted(size);
    const index = classOf(Math.max(size, 8) + HEADER);
    const row = ROWS + index * ROW;
    const blockSize = CLASSES[index]!;
    let block = this.#recycle(row, blockSize);
    const used = block !== 0;
    if (block === 0) block = this.#carve(row, index, blockSize, size);
    const { view } = this.#room;
    view.setUint32(block + SIZE, size, true);
    view.setUint32(block + STATE, LIVE, true);
    view.setUint32(block + NEXT, 0, true);
    view.setUint32(block + LABEL, this.#labelId(label), true);
    this.#room.touch(block, HEADER);
    return { offset: block + HEADER, used };
  }

  /** The block's size; undefined when there is no live one at this offset. */
  free(offset: number): number | undefined {
    const block = this.#blockAt(offset);
    if (block === undefined || block + HEADER !== offset) return undefined;
    const { view } = this.#room;
    if (view.getUint32(block + STATE, true) !== LIVE) return undefined;
    view.setUint32(block + STATE, FREED, true);
    this.#room.touch(block, HEADER);
    const row = ROWS + this.#classAt(offset) * ROW;
    const youngest = view.getUint32(row + 12, true);
    if (youngest === 0) view.setUint32(row + 8, block, true);
    else {
      view.setUint32(youngest + NEXT, block, true);
      this.#room.touch(youngest, HEADER);
    }
    view.setUint32(row + 12, block, true);
    view.setUint32(row + 16, view.getUint32(row + 16, true) + 1, true);
    this.#room.touch(row, ROW);
    return view.getUint32(block + SIZE, true);
  }

  /** The block that an offset lies in, also when it is freed; undefined outside of all blocks and in headers. */
  at(offset: number): Block | undefined {
    const block = this.#blockAt(offset);
    if (block === undefined || offset < block + HEADER) return undefined;
    const { view } = this.#room;
    const size = view.getUint32(block + SIZE, true);
    const state = view.getUint32(block + STATE, true);
    if (state === 0 || offset >= block + HEADER + Math.max(size, 1)) return undefined;
    const label = this.#labels[view.getUint32(block + LABEL, true)] ?? '';
    return { offset: block + HEADER, size, label, freed: state === FREED };
  }

  /** Where the heap ends at present. */
  end(): number {
    return this.#room.view.getUint32(NEXT_SPAN, true) || HEAP_BASE;
  }

  #recycle(row: number, blockSize: number): number {
    const { view } = this.#room;
    const count = view.getUint32(row + 16, true);
    if (count <= (blockSize < LARGE ? QUARANTINE : LARGE_QUARANTINE)) return 0;
    const block = view.getUint32(row + 8, true);
    view.setUint32(row + 8, view.getUint32(block + NEXT, true), true);
    view.setUint32(row + 16, count - 1, true);
    this.#room.touch(row, ROW);
    return block;
  }

  #carve(row: number, index: number, blockSize: number, size: number): number {
    const { view } = this.#room;
    let cursor = view.getUint32(row, true);
    if (cursor === 0 || cursor + blockSize > view.getUint32(row + 4, true))
      cursor = this.#newSpan(row, index, blockSize, size);
    this.#room.view.setUint32(row, cursor + blockSize, true);
    this.#room.touch(row, ROW);
    return cursor;
  }

  #newSpan(row: number, index: number, blockSize: number, size: number): number {
    const start = this.end();
    const wanted = blockSize < LARGE ? Math.max(blockSize * 8, SPAN_SIZE) : blockSize;
    const length = Math.ceil(wanted / SPAN_SIZE) * SPAN_SIZE;
    if (start + length > ADDRESS_LIMIT) throw exhausted(size);
    // A block at the end of a class need not be there as a whole: only what was asked for has to exist.
    this.#room.reach(blockSize < LARGE ? start + length : Math.min(start + length, start + HEADER + size + SPAN_SIZE));
    const { view } = this.#room;
    for (let unit = start >> SPAN_SHIFT; unit < (start + length) >> SPAN_SHIFT; unit++) {
      view.setUint32(SPANS + unit * 8, start, true);
      view.setUint32(SPANS + unit * 8 + 4, index + 1, true);
    }
    this.#room.touch(SPANS + (start >> SPAN_SHIFT) * 8, (length >> SPAN_SHIFT) * 8);
    view.setUint32(row + 4, start + length, true);
    view.setUint32(NEXT_SPAN, start + length, true);
    this.#room.touch(NEXT_SPAN, 4);
    return start;
  }

  #classAt(offset: number): number {
    return this.#room.view.getUint32(SPANS + (offset >>> SPAN_SHIFT) * 8 + 4, true) - 1;
  }

  #blockAt(offset: number): number | undefined {
    if (!(offset >= HEAP_BASE && offset < this.end())) return undefined;
    const index = this.#classAt(offset);
    const start = this.#room.view.getUint32(SPANS + (offset >>> SPAN_SHIFT) * 8, true);
    const blockSize = CLASSES[index];
    if (blockSize === undefined) return undefined;
    const block = start + Math.floor((offset - start) / blockSize) * blockSize;
    return block + HEADER > this.#room.view.byteLength ? undefined : block;
  }

  #labelId(label: string): number {
    let id = this.#labelIds.get(label);
    if (id === undefined) {
      id = this.#labels.push(label) - 1;
      this.#labelIds.set(label, id);
    }
    return id;
  }
}

/** The first class whose blocks are large enough. */
function classOf(size: number): number {
  let low = 0;
  let high = CLASSES.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (CLASSES[middle]! >= size) high = middle;
    else low = middle + 1;
  }
  return low;
}

function exhausted(size: number): BailoutError {
  return new BailoutError(
    'MEMORY_EXHAUSTED',
    `There is no room for ${size} more bytes in the program's address space of ${ADDRESS_LIMIT >> 20} MiB.`,
    {
      hint: 'Make maps smaller, with max_entries or in the scenario.',
    },
  );
}
