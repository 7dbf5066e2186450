/**
 * The states that a timeline keeps to reach others from, within a budget of memory. When there are too many, those that stay lie evenly
 * over the work of going through all runs, so that nothing is far from one, be it in one long run or among thousands of short ones.
 */
import { outputBytes } from '../kernel/output.ts';
import type { MachineCheckpoint } from '../machine/machine.ts';
import type { PageTree } from '../machine/page-tree.ts';
import { pageTreeBytes } from '../machine/page-tree.ts';
import type { Position } from './timeline.ts';
import { comparePositions } from './timeline.ts';

export interface Kept {
  readonly position: Position;
  readonly checkpoint: MachineCheckpoint;
  /** From the beginning of all runs up to here, in instructions. */
  readonly work: number;
  /** What lies before it cannot be run again up to here. */
  readonly pinned: boolean;
  /** What it holds that the checkpoint before it does not. */
  bytes: number;
}

/** Instructions between checkpoints, to begin with: what runs again in a few milliseconds. */
export const SPACING = 250_000;
/** What a checkpoint takes beside its pages, roughly. */
const CHECKPOINT_BYTES = 16 * 1024;
export const DEFAULT_BUDGET = 256 * 1024 * 1024;
/**
 * Copying a byte takes as long as so many instructions. Checkpoints may take as long as what runs between them: with programs that write
 * all over memory they come less often.
 */
const STEPS_PER_BYTE = 1 / 3;
/** But no further apart than what runs again in some hundredths of a second. */
const MAX_SPACING = 16_000_000;
/** Where instructions take long, as calls of the kernel do, checkpoints come closer than {@link SPACING}: what runs again takes so long. */
const RERUN_MS = 10;
const MIN_SPACING = 15_625;
/** In a millisecond so many cheap instructions would run: copying for a checkpoint is weighed against them. */
const STEPS_PER_MS = 100_000;
/** When the budget is used up, this much of it stays in use: the next one too many is not to come at once. */
const THINNED = 0.9;

export class Checkpoints {
  readonly #budget: number;
  /** In the order of time. The first and the newest are always there. */
  #kept: Kept[] = [];
  #spacing: number;
  #bytes = 0;
  /** Bytes copied and instructions gone since spacing was last changed: what checkpoints cost. */
  #copied = 0;
  #covered = 0;
  /** Whether they come closer where instructions take long. Not when somebody chose the spacing, or the budget was ever used up. */
  #comesCloser: boolean;

  constructor(options: { readonly spacing?: number; readonly budgetBytes?: number }) {
    this.#spacing = options.spacing ?? SPACING;
    this.#comesCloser = options.spacing === undefined;
    this.#budget = options.budgetBytes ?? DEFAULT_BUDGET;
  }

  get count(): number {
    return this.#kept.length;
  }

  /** Instructions between checkpoints of one run. */
  get spacing(): number {
    return this.#spacing;
  }

  /** The newest one at a position or before it. */
  upTo(position: Position): Kept | undefined {
    return this.#kept[this.#indexAfter(position) - 1];
  }

  /** The newest one strictly before a position. */
  before(position: Position): Kept | undefined {
    const index = this.#indexAfter(position) - 1;
    const kept = this.#kept[index];
    return kept !== undefined && comparePositions(kept.position, position) === 0 ? this.#kept[index - 1] : kept;
  }

  /** Keeps where a run begins; the one that was the newest goes when it lies near the one before it. */
  addFirst(position: Position, work: number, checkpoint: MachineCheckpoint, pinned: boolean): void {
    const [before, newest] = this.#kept.slice(-2);
    if (before !== undefined && newest !== undefined && !newest.pinned && this.#isNear(before, newest)) {
      this.#kept.pop();
      this.#bytes -= newest.bytes;
    }
    this.#insert(this.#kept.length, { position, checkpoint, work, pinned, bytes: 0 });
    if (this.#bytes > this.#budget) this.#thin();
  }

  /** Keeps a moment within a run. `msPerStep`: how long instructions took lately. */
  add(position: Position, work: number, checkpoint: MachineCheckpoint, msPerStep: number): void {
    const kept = { position, checkpoint, work, pinned: false, bytes: 0 };
    this.#insert(this.#indexAfter(position), kept);
    this.#copied += kept.bytes;
    this.#covered += Math.max(this.#spacing, this.#spacing * msPerStep * STEPS_PER_MS);
    if (this.#bytes > this.#budget) this.#thin();
    else if (this.#isTooFar(msPerStep, kept.bytes)) this.#setSpacing(this.#spacing / 2);
    else if (this.#isTooNear(msPerStep)) this.#spaceOut();
    else if (this.#copied * STEPS_PER_BYTE > this.#covered && this.#spacing < MAX_SPACING) this.#spaceOut();
  }

  #insert(index: number, kept: Kept): void {
    kept.bytes = costOf(kept.checkpoint, this.#kept[index - 1]?.checkpoint);
    this.#bytes += kept.bytes;
    if (index === this.#kept.length) this.#kept.push(kept);
    else this.#kept.splice(index, 0, kept);
  }

  /** Those go that are closer to another than they need be; when that is not enough, about every second one. */
  #thin(): void {
    this.#comesCloser = false;
    for (let count = Infinity; this.#bytes > this.#budget * THINNED && this.#kept.length < count;) {
      count = this.#kept.length;
      this.#dropNear();
      if (this.#bytes <= this.#budget * THINNED) return;
      this.#spaceOut();
      this.#dropNear();
    }
  }

  #dropNear(): void {
    const newest = this.#kept.at(-1);
    const stay: Kept[] = [];
    for (const kept of this.#kept) {
      const before = stay.at(-1);
      if (before === undefined || kept === newest || kept.pinned || !this.#isNear(before, kept)) stay.push(kept);
    }
    this.#kept = stay;
    this.#bytes = 0;
    stay.forEach((kept, i) => {
      kept.bytes = costOf(kept.checkpoint, stay[i - 1]?.checkpoint);
      this.#bytes += kept.bytes;
    });
  }

  #isNear(a: Kept, b: Kept): boolean {
    return Math.floor(a.work / this.#spacing) === Math.floor(b.work / this.#spacing);
  }

  #spaceOut(): void {
    this.#setSpacing(this.#spacing * 2);
  }

  /** Whether going to a moment just before the next checkpoint takes longer than it should, and another one would cost less. */
  #isTooFar(msPerStep: number, bytes: number): boolean {
    const rerun = this.#spacing * msPerStep;
    if (!this.#comesCloser || this.#spacing / 2 < MIN_SPACING || rerun <= RERUN_MS) return false;
    return bytes * STEPS_PER_BYTE < (rerun / 2) * STEPS_PER_MS;
  }

  /** Instructions were slow, and are not any more: the first ones are, before the host has compiled what runs them. */
  #isTooNear(msPerStep: number): boolean {
    return this.#comesCloser && this.#spacing < SPACING && 2 * this.#spacing * msPerStep < RERUN_MS / 4;
  }

  #setSpacing(spacing: number): void {
    this.#spacing = spacing;
    this.#copied = 0;
    this.#covered = 0;
  }

  /** The index of the first checkpoint after a position. */
  #indexAfter(position: Position): number {
    let low = 0;
    let high = this.#kept.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (comparePositions(this.#kept[middle]!.position, position) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export function costOf(checkpoint: MachineCheckpoint, before: MachineCheckpoint | undefined): number {
  const tree = checkpoint.kernel.memory as PageTree;
  return (
    CHECKPOINT_BYTES +
    pageTreeBytes(tree, before?.kernel.memory as PageTree | undefined) +
    outputBytes(checkpoint.kernel.output, before?.kernel.output)
  );
}
