/**
 * What programs say to the outside: the newest lines, and how many there were in all. A program may print millions of lines; earlier ones
 * are to be had by going back to when they were new.
 *
 * Lines stand in chunks that are only ever appended to, so that checkpoints share them and remember how far they went.
 */
import type { OutputLine } from './behaviour.ts';

/** A line, and when it came: the run, counted by {@link Kernel.begin}, and the instructions before. */
export interface PrintedLine extends OutputLine {
  readonly run: number;
  readonly step: number;
}

export interface OutputChunk {
  readonly lines: PrintedLine[];
  /** What they take, roughly. */
  bytes: number;
}

export interface OutputState {
  readonly chunks: readonly OutputChunk[];
  /** Lines of the last chunk that had come by then. */
  readonly used: number;
  readonly total: number;
}

const LINES = 1024;
const BYTES = 256 * 1024;
/** Chunks that are kept: at least 7,168 lines, or 1.75 MB of long ones. */
const CHUNKS = 8;
/** Of a line, beside its text. */
const LINE_BYTES = 200;

export class Output {
  #chunks: readonly OutputChunk[] = [];
  #used = 0;
  #total = 0;

  /** Of all lines, those that are not kept any more included. */
  get total(): number {
    return this.#total;
  }

  push(line: PrintedLine): void {
    const chunk = this.#room();
    chunk.lines.push(line);
    chunk.bytes += LINE_BYTES + 2 * line.text.length + (line.bytes?.length ?? 0);
    this.#used++;
    this.#total++;
  }

  /** The newest lines; before them there were so many that are not kept. */
  newest(): { readonly lines: readonly PrintedLine[]; readonly earlier: number } {
    const last = this.#chunks.length - 1;
    const lines = this.#chunks.flatMap((chunk, i) => (i === last ? chunk.lines.slice(0, this.#used) : chunk.lines));
    return { lines, earlier: this.#total - lines.length };
  }

  checkpoint(): OutputState {
    return { chunks: this.#chunks, used: this.#used, total: this.#total };
  }

  restore({ chunks, used, total }: OutputState): void {
    this.#chunks = chunks;
    this.#used = used;
    this.#total = total;
  }

  /** The chunk that the next line goes into. */
  #room(): OutputChunk {
    const last = this.#chunks.at(-1);
    if (last !== undefined && this.#used === last.lines.length && last.lines.length < LINES && last.bytes < BYTES)
      return last;
    let next: OutputChunk = { lines: [], bytes: 0 };
    let before = this.#chunks;
    if (last !== undefined && this.#used < last.lines.length) {
      // One went back: the lines that came later are those of other checkpoints still.
      next = { lines: last.lines.slice(0, this.#used), bytes: last.bytes };
      before = before.slice(0, -1);
    }
    this.#chunks = [...before.slice(1 - CHUNKS), next];
    this.#used = next.lines.length;
    return next;
  }
}

/** What a checkpoint holds of lines that another does not. */
export function outputBytes(state: OutputState, other: OutputState | undefined): number {
  let sum = 0;
  for (const chunk of state.chunks) if (other?.chunks.includes(chunk) !== true) sum += chunk.bytes;
  return sum;
}
