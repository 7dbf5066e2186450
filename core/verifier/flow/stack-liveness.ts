/**
 * Which stack slots may still be read, per instruction and call chain.
 *
 * While paths are explored each instruction notes the slots that it may read and those that it always writes. Whenever a
 * path ends, the marks are propagated backwards through the function (live variables), and from a function's entry to
 * the calls that lead to it. A state whose paths have all ended can then forget the slots that nobody will read. Slot sets are 64
 * bits: two words.
 */
import type { Env } from '../context.ts';
import { type Postorder, subprogramAt, successorsOf } from './control-flow.ts';
import type { State } from '../state/state.ts';

const MAY_READ = 0;
const MUST_WRITE = 2;
const MUST_WRITE_ACC = 4;
const LIVE_BEFORE = 6;
const WORDS = 8;

/** The marks of one function in one call chain. */
class Instance {
  /** Call instructions that lead here, then the function's first instruction. */
  readonly chain: readonly number[];
  readonly start: number;
  readonly length: number;
  readonly subprogram: number;
  /** By frame, outermost first; made when the first mark is set. */
  readonly frames: (Int32Array | undefined)[] = [];
  readonly written: Uint8Array;
  /** By frame: instructions (by position in the postorder) whose masks must be computed again, one bit each. */
  readonly dirty: (Int32Array | undefined)[] = [];
  updated = false;
  mustWriteDropped = false;

  constructor(chain: readonly number[], start: number, length: number, subprogram: number) {
    this.chain = chain;
    this.start = start;
    this.length = length;
    this.subprogram = subprogram;
    this.written = new Uint8Array(length);
  }

  get depth(): number {
    return this.chain.length - 1;
  }

  masks(frame: number): Int32Array {
    let masks = this.frames[frame];
    if (masks === undefined) {
      masks = this.frames[frame] = new Int32Array(this.length * WORDS);
      this.dirty[frame] = new Int32Array((this.length + 31) >> 5);
    }
    return masks;
  }
}

function maskText(low: number, high: number): string {
  const parts: string[] = [];
  for (let slot = 0; slot < 64; slot++) {
    const word = slot < 32 ? low : high;
    if ((word & (1 << (slot & 31))) !== 0) parts.push(String(-(slot + 1) * 8));
  }
  return parts.join(',');
}

/** Edges of the control flow graph in arrays: they are followed very often. */
class Graph {
  /** Position in the postorder of its subprogram, by instruction. */
  readonly position: Int32Array;
  /** Up to two successors per instruction; -1 where there is none. */
  readonly next: Int32Array;
  /** Predecessors of instruction i: `previous[from[i]]` up to `previous[from[i + 1] - 1]`. */
  readonly previous: Int32Array;
  readonly from: Int32Array;

  constructor(env: Env, { order, starts }: Postorder) {
    const { length } = env.insns;
    this.position = new Int32Array(length).fill(-1);
    this.next = new Int32Array(2 * length).fill(-1);
    this.from = new Int32Array(length + 1);
    for (let s = 0; s + 1 < starts.length; s++) {
      for (let i = starts[s]!; i < starts[s + 1]!; i++) this.position[order[i]!] = i - starts[s]!;
    }
    const edges = new Int32Array(2);
    for (const insn of order) {
      const count = successorsOf(env, insn, edges);
      for (let e = 0; e < count; e++) {
        this.next[2 * insn + e] = edges[e]!;
        this.from[edges[e]! + 1]!++;
      }
    }
    for (let i = 0; i < length; i++) this.from[i + 1]! += this.from[i]!;
    this.previous = new Int32Array(this.from[length]!);
    const filled = this.from.slice(0, length);
    for (const insn of order) {
      for (let e = 0; e < 2; e++) {
        const to = this.next[2 * insn + e]!;
        if (to >= 0) this.previous[filled[to]!++] = insn;
      }
    }
  }
}

export class StackLiveness {
  readonly #env: Env;
  readonly #postorder: Postorder;
  readonly #instances = new Map<string, Instance>();
  #current: Instance | undefined;
  /** Slots that the instruction being verified writes, by frame. */
  readonly #writes = new Int32Array(16);
  #writeInsn = 0;
  #query: Instance[] = [];
  #queryInsn = 0;
  readonly #graph: Graph;

  constructor(env: Env, postorder: Postorder) {
    this.#env = env;
    this.#postorder = postorder;
    this.#graph = new Graph(env, postorder);
  }

  #lookup(chain: number[], start: number): Instance {
    const key = chain.join();
    let instance = this.#instances.get(key);
    if (instance === undefined) {
      const subprogram = subprogramAt(this.#env, start);
      const { end } = this.#env.subprograms[subprogram]!;
      instance = new Instance(chain, start, end - start, subprogram);
      this.#instances.set(key, instance);
    }
    return instance;
  }

  /** The instance of a frame of a state. */
  #instanceOf(state: State, frameno: number): Instance {
    const chain: number[] = [];
    for (let i = 1; i <= frameno; i++) chain.push(state.frames[i]!.callsite);
    const start = this.#env.subprograms[state.frames[frameno]!.subprogram]!.start;
    chain.push(start);
    return this.#lookup(chain, start);
  }

  #currentInstance(): Instance {
    const { state } = this.#env;
    return (this.#current ??= this.#instanceOf(state, state.frames.length - 1));
  }

  /** Says that the call chain has changed. */
  chainChanged(): void {
    this.#current = undefined;
  }

  /** An instruction may read slots (two words of a set) of a frame. */
  markRead(frame: number, insn: number, low: number, high: number): void {
    this.#markRead(this.#currentInstance(), frame, insn, low, high);
  }

  #markRead(instance: Instance, frame: number, insn: number, low: number, high: number): void {
    const masks = instance.masks(frame);
    const at = (insn - instance.start) * WORDS;
    const newLow = masks[at + MAY_READ]! | low;
    const newHigh = masks[at + MAY_READ + 1]! | high;
    if (
      (newLow !== masks[at + MAY_READ] || newHigh !== masks[at + MAY_READ + 1]) &&
      ((newLow & ~masks[at + LIVE_BEFORE]!) | (newHigh & ~masks[at + LIVE_BEFORE + 1]!)) !== 0
    )
      instance.updated = true;
    if (newLow === masks[at + MAY_READ] && newHigh === masks[at + MAY_READ + 1]) return;
    masks[at + MAY_READ] = newLow;
    masks[at + MAY_READ + 1] = newHigh;
    this.#touch(instance, frame, insn);
  }

  /** Has the masks of an instruction computed again. */
  #touch(instance: Instance, frame: number, insn: number): void {
    const position = this.#graph.position[insn]!;
    if (position >= 0) instance.dirty[frame]![position >> 5]! |= 1 << (position & 31);
  }

  markReadSlot(frame: number, insn: number, slot: number): void {
    if (slot < 32) this.markRead(frame, insn, 1 << slot, 0);
    else this.markRead(frame, insn, 0, 1 << (slot - 32));
  }

  /** All slots of all frames may be read at an instruction: the stack can be unwound from it. */
  markAllRead(insn: number): void {
    const instance = this.#currentInstance();
    for (let frame = 0; frame <= instance.depth; frame++) this.#markRead(instance, frame, insn, -1, -1);
  }

  /** Before an instruction: nothing written yet. */
  beginWrites(insn: number): void {
    this.#currentInstance();
    this.#writeInsn = insn;
    this.#writes.fill(0);
  }

  /** The instruction writes a whole slot of a frame. */
  markWrite(frame: number, slot: number): void {
    if (slot < 32) this.#writes[frame * 2]! |= 1 << slot;
    else this.#writes[frame * 2 + 1]! |= 1 << (slot - 32);
  }

  /** After an instruction: a slot is always written only when every visit wrote it. */
  commitWrites(): void {
    if (this.#current !== undefined) this.#commit(this.#current);
  }

  #commit(instance: Instance): void {
    const insn = this.#writeInsn - instance.start;
    if (insn < 0 || insn >= instance.length) return;
    const seen = instance.written[insn] === 1;
    const at = insn * WORDS;
    for (let frame = 0; frame <= instance.depth; frame++) {
      let low = this.#writes[frame * 2]!;
      let high = this.#writes[frame * 2 + 1]!;
      if ((low | high) === 0 && !seen) continue;
      if (seen && instance.frames[frame] === undefined) continue;
      const masks = instance.masks(frame);
      const oldLow = masks[at + MUST_WRITE]!;
      const oldHigh = masks[at + MUST_WRITE + 1]!;
      if (seen) {
        low &= oldLow;
        high &= oldHigh;
      }
      if (oldLow !== low || oldHigh !== high) {
        masks[at + MUST_WRITE] = low;
        masks[at + MUST_WRITE + 1] = high;
        this.#touch(instance, frame, this.#writeInsn);
        instance.updated = true;
      }
      if (((oldLow & ~low) | (oldHigh & ~high)) !== 0) instance.mustWriteDropped = true;
    }
    instance.written[insn] = 1;
    this.#writeInsn = 0;
  }

  /** Brings the call chain of the current state up to date; called whenever a path ends or a function returns. */
  update(): void {
    const { state } = this.#env;
    this.#current = undefined;
    for (let frame = state.frames.length - 1; frame >= 0; frame--) {
      const instance = this.#instanceOf(state, frame);
      if (!instance.updated) continue;
      this.#propagate(instance);
      instance.updated = false;
      instance.mustWriteDropped = false;
    }
  }

  #propagate(instance: Instance): void {
    if (instance.mustWriteDropped) this.#forgetWritten(instance);
    let rounds = 0;
    let changed: boolean;
    do {
      rounds++;
      changed = false;
      for (let frame = 0; frame <= instance.depth; frame++) {
        if (instance.frames[frame] !== undefined && this.#pass(instance, frame)) changed = true;
      }
    } while (changed);
    if (this.#env.log.level >= 2)
      this.#env.verbose(`(${instance.chain.join(',')}) live stack update done in ${rounds} iterations\n`);
    if (instance.depth > 0) this.#propagateToCaller(instance);
  }

  /** What was always written has to be found out anew. */
  #forgetWritten(instance: Instance): void {
    for (const [frame, masks] of instance.frames.entries()) {
      if (masks === undefined) continue;
      for (let at = 0; at < masks.length; at += WORDS) {
        masks[at + MUST_WRITE_ACC] = 0;
        masks[at + MUST_WRITE_ACC + 1] = 0;
      }
      instance.dirty[frame]!.fill(-1);
    }
  }

  /**
   * One pass over a function in postorder. An instruction for which nothing has changed since it was last computed would
   * give what it gave then, so it is passed over.
   */
  #pass(instance: Instance, frame: number): boolean {
    const masks = instance.frames[frame]!;
    const dirty = instance.dirty[frame]!;
    const first = this.#postorder.starts[instance.subprogram]!;
    const count = this.#postorder.starts[instance.subprogram + 1]! - first;
    const { order } = this.#postorder;
    let changed = false;
    for (let word = 0; word < dirty.length; word++) {
      // Bits may be set again below the current one: those are for the next pass.
      for (let ahead = -1; (dirty[word]! & ahead) !== 0;) {
        const bits = dirty[word]! & ahead;
        const bit = 31 - Math.clz32(bits & -bits);
        dirty[word]! &= ~(1 << bit);
        ahead = bit === 31 ? 0 : -1 << (bit + 1);
        const position = (word << 5) + bit;
        if (position < count && this.#updateInsn(instance, frame, masks, order[first + position]!)) changed = true;
      }
    }
    return changed;
  }

  #updateInsn(instance: Instance, frame: number, masks: Int32Array, insn: number): boolean {
    const { next, previous, from } = this.#graph;
    if (next[2 * insn]! < 0) return false;
    const at = (insn - instance.start) * WORDS;
    let afterLow = 0;
    let afterHigh = 0;
    let accLow = -1;
    let accHigh = -1;
    for (let e = 0; e < 2; e++) {
      const successor = next[2 * insn + e]!;
      if (successor < 0) break;
      const to = (successor - instance.start) * WORDS;
      afterLow |= masks[to + LIVE_BEFORE]!;
      afterHigh |= masks[to + LIVE_BEFORE + 1]!;
      accLow &= masks[to + MUST_WRITE_ACC]!;
      accHigh &= masks[to + MUST_WRITE_ACC + 1]!;
    }
    accLow |= masks[at + MUST_WRITE]!;
    accHigh |= masks[at + MUST_WRITE + 1]!;
    const low = (afterLow & ~masks[at + MUST_WRITE]!) | masks[at + MAY_READ]!;
    const high = (afterHigh & ~masks[at + MUST_WRITE + 1]!) | masks[at + MAY_READ + 1]!;
    const changed =
      low !== masks[at + LIVE_BEFORE] ||
      high !== masks[at + LIVE_BEFORE + 1] ||
      accLow !== masks[at + MUST_WRITE_ACC] ||
      accHigh !== masks[at + MUST_WRITE_ACC + 1];
    if (!changed) return false;
    if (this.#env.log.level >= 2) this.#logChange(instance, frame, masks, insn, low, high, accLow, accHigh);
    masks[at + LIVE_BEFORE] = low;
    masks[at + LIVE_BEFORE + 1] = high;
    masks[at + MUST_WRITE_ACC] = accLow;
    masks[at + MUST_WRITE_ACC + 1] = accHigh;
    for (let i = from[insn]!; i < from[insn + 1]!; i++) this.#touch(instance, frame, previous[i]!);
    return true;
  }

  #logChange(
    instance: Instance,
    frame: number,
    masks: Int32Array,
    insn: number,
    low: number,
    high: number,
    accLow: number,
    accHigh: number,
  ): void {
    const at = (insn - instance.start) * WORDS;
    const interesting =
      (masks[at + MAY_READ]! | masks[at + MAY_READ + 1]! | masks[at + MUST_WRITE]! | masks[at + MUST_WRITE + 1]!) !==
        0 ||
      insn === instance.start ||
      this.#env.facts.prunePoint[insn] === 1;
    if (!interesting) return;
    const write = (name: string, field: number, newLow: number, newHigh: number): void => {
      const changedLow = masks[at + field]! ^ newLow;
      const changedHigh = masks[at + field + 1]! ^ newHigh;
      if ((changedLow | changedHigh) === 0) return;
      let text = `(${instance.chain.join(',')}) frame ${frame} insn ${insn} `;
      if (((newLow & changedLow) | (newHigh & changedHigh)) !== 0)
        text += `+${name} ${maskText(newLow & changedLow, newHigh & changedHigh)} `;
      if (((~newLow & changedLow) | (~newHigh & changedHigh)) !== 0)
        text += `-${name} ${maskText(~newLow & changedLow, ~newHigh & changedHigh)}`;
      this.#env.verbose(text + '\n');
    };
    write('live', LIVE_BEFORE, low, high);
    write('written', MUST_WRITE_ACC, accLow, accHigh);
  }

  #propagateToCaller(instance: Instance): void {
    const chain = instance.chain.slice(0, -1);
    const callsite = chain[chain.length - 1]!;
    const start = this.#env.subprograms[subprogramAt(this.#env, callsite)]!.start;
    chain[chain.length - 1] = start;
    const caller = this.#lookup(chain, start);
    this.#writeInsn = callsite;
    this.#writes.fill(0);
    for (let frame = 0; frame < instance.depth; frame++) {
      const masks = instance.frames[frame];
      if (masks === undefined) continue;
      this.#writes[frame * 2] = masks[MUST_WRITE_ACC]!;
      this.#writes[frame * 2 + 1] = masks[MUST_WRITE_ACC + 1]!;
      this.#markRead(caller, frame, callsite, masks[LIVE_BEFORE]!, masks[LIVE_BEFORE + 1]!);
    }
    this.#commit(caller);
  }

  /** Prepares `isLive` for a state. */
  beginQuery(state: State): void {
    this.#query = state.frames.map((_, frame) => this.#instanceOf(state, frame));
    this.#queryInsn = state.insn;
  }

  /** Whether every slot that is live here is live in one of the others. */
  isWithin(others: readonly StackLiveness[]): boolean {
    for (const [key, instance] of this.#instances) {
      const known = others.map((other) => other.#instances.get(key));
      for (const [frame, masks] of instance.frames.entries()) {
        if (masks === undefined) continue;
        for (let at = LIVE_BEFORE; at < masks.length; at += WORDS) {
          let low = masks[at]!;
          let high = masks[at + 1]!;
          for (const other of known) {
            low &= ~(other?.frames[frame]?.[at] ?? 0);
            high &= ~(other?.frames[frame]?.[at + 1] ?? 0);
          }
          if ((low | high) !== 0) return false;
        }
      }
    }
    return true;
  }

  /** Whether a slot of a frame may be read from the queried state on. */
  isLive(state: State, frameno: number, slot: number): boolean {
    const innermost = this.#query.length - 1;
    if (this.#liveBefore(this.#query[innermost]!, this.#queryInsn, frameno, slot)) return true;
    for (let i = frameno; i < innermost; i++) {
      const callsite = state.frames[i + 1]!.callsite;
      const at = this.#env.facts.callsCallback[callsite] === 1 ? callsite : callsite + 1;
      if (this.#liveBefore(this.#query[i]!, at, frameno, slot)) return true;
    }
    return false;
  }

  #liveBefore(instance: Instance, insn: number, frame: number, slot: number): boolean {
    const masks = instance.frames[frame];
    if (masks === undefined) return false;
    const at = (insn - instance.start) * WORDS + LIVE_BEFORE;
    return (masks[slot < 32 ? at : at + 1]! & (1 << (slot & 31))) !== 0;
  }
}
