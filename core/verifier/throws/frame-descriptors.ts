/**
 * What every live frame holds when an exception comes from the current instruction, written into the program's frame
 * descriptors (docs/exceptions.md, "Frame descriptors and unwinding"; profile `proposal`).
 *
 * A reference is let go from one place. Where several hold it, the outermost frame's is chosen: a callee's copy is a
 * borrowed argument as a rule, and the next caller may pass something else. Within a frame the order is R6 to R9, then
 * the slots from the frame pointer down.
 */
import type { CalleeSaved, Place } from '../../exceptions/descriptor.ts';
import { CALLEE_SAVED } from '../../exceptions/descriptor.ts';
import type { Held, PlaceView } from '../../exceptions/merge.ts';
import { conflictLines } from '../../exceptions/merge.ts';
import type { ReleaseRule } from '../../exceptions/releases.ts';
import {
  REGIONS,
  RINGBUF_DYNPTR,
  RINGBUF_RECORD,
  iteratorRelease,
  objectRelease,
  referenceRelease,
} from '../../exceptions/releases.ts';
import { type Env, reg } from '../context.ts';
import { markPlacesPrecise } from '../paths/precision.ts';
import {
  AUX0,
  AUX1,
  type Frame,
  REF_IRQ,
  REF_LOCK,
  REF_OBJ_ID,
  REF_POINTER,
  REF_RES_LOCK,
  REF_RES_LOCK_IRQ,
  type Reference,
  TYPE,
  isNull,
  slotBase,
  slotKind,
  slotType,
} from '../state/state.ts';
import {
  BASE_TYPE_MASK,
  MEM_ALLOC,
  MEM_PERCPU,
  MEM_RINGBUF,
  PTR_MAYBE_NULL,
  PTR_TO_BTF_ID,
  PTR_TO_MEM,
  PTR_TO_SOCKET,
  PTR_TO_SOCK_COMMON,
  PTR_TO_TCP_SOCK,
  STACK_DYNPTR,
  STACK_IRQ_FLAG,
  STACK_ITER,
  STACK_SPILL,
  STACK_ZERO,
} from '../state/types.ts';

/**
 * Records what all live frames hold at an instruction from which an exception can come: a throw, or the call of a global
 * subprogram that may throw (what happens inside it is recorded when that subprogram is verified). To be called before the
 * call overwrites anything. The program is rejected where something could not be released.
 */
export function recordHeldResources(env: Env): void {
  const { frames } = env.state;
  const owners = new Owners(env.state.refs);
  const views = frames.map((frame) => viewsOf(env, frame, owners));
  const lost = owners.unowned();
  if (lost !== undefined) env.fail(`Unreleased reference id=${lost.id} alloc_insn=${lost.insn}`);
  frames.forEach((frame, index) => {
    const insn = frames[index + 1]?.callsite ?? env.insn;
    const conflict = env.descriptors.add(frame.subprogram, insn, views[index] ?? []);
    if (conflict === undefined) return;
    env.conflicts.push(conflict);
    const [last, ...before] = conflictLines(conflict).reverse();
    for (const line of before.reverse()) env.verbose(`${line}\n`);
    env.fail(last ?? '');
  });
}

/** Which frame lets each reference go. */
class Owners {
  /** What registers and slots name by id. A lock's id is that of what it lies in, 0 for a global one, and no reference's. */
  readonly #refs = new Map<number, Reference>();
  readonly #owners = new Map<number, Frame>();
  readonly locks: readonly Reference[];

  constructor(refs: readonly Reference[]) {
    for (const ref of refs) if (ref.kind === REF_POINTER || ref.kind === REF_IRQ) this.#refs.set(ref.id, ref);
    this.locks = refs.filter((ref) => lockRule(ref.kind) !== undefined);
  }

  find(id: number): Reference | undefined {
    return this.#refs.get(id);
  }

  /** The first frame to ask is the owner; frames are asked from the outermost inwards. */
  claim(id: number, frame: Frame): Held['owner'] {
    const owner = this.#owners.get(id);
    if (owner === undefined) this.#owners.set(id, frame);
    return owner === undefined || owner === frame ? 'frame' : 'outer';
  }

  /** What nobody can let go any more: no place has it, or the frame whose slot had the flags has returned. */
  unowned(): Reference | undefined {
    for (const ref of this.#refs.values()) if (!this.#owners.has(ref.id)) return ref;
    return undefined;
  }
}

function viewsOf(env: Env, frame: Frame, owners: Owners): PlaceView[] {
  const views: PlaceView[] = [];
  const nullRegisters: CalleeSaved[] = [];
  const nullSlots: number[] = [];
  for (const register of CALLEE_SAVED) {
    const place: Place = { kind: 'register', register };
    if (isNull(frame.w, reg(register))) {
      nullRegisters.push(register);
      views.push({ kind: 'null', place });
    } else {
      const view = pointerView(env, frame, reg(register), place, owners);
      if (view !== undefined) views.push(view);
    }
  }
  for (let slot = 0; slot < frame.slots; slot++) {
    const base = slotBase(slot);
    const place: Place = { kind: 'slot', offset: -8 * (slot + 1) };
    const view = slotView(env, frame, base, place, owners);
    if (view === 'null') {
      if (slotKind(frame.w, base) === STACK_SPILL) nullSlots.push(slot);
      views.push({ kind: 'null', place });
    } else if (view !== undefined) views.push(view);
  }
  // A null that stands in for a pointer decides what is released: another path with another number there is not the same.
  markPlacesPrecise(env, frame.frameno, nullRegisters, nullSlots);
  views.push(...regionViews(env, frame, owners));
  return views;
}

function slotView(env: Env, frame: Frame, base: number, place: Place, owners: Owners): PlaceView | 'null' | undefined {
  const w = frame.w;
  switch (slotKind(w, base)) {
    case STACK_SPILL:
      if (slotType(w, base, 0) !== STACK_SPILL) return undefined;
      return isNull(w, base) ? 'null' : pointerView(env, frame, base, place, owners);
    case STACK_ZERO:
      for (let byte = 0; byte < 8; byte++) if (slotType(w, base, byte) !== STACK_ZERO) return undefined;
      return 'null';
    case STACK_ITER: {
      // Only the slot at the iterator's address has the reference; the rest of it is told by that one.
      const ref = owners.find(w[base + REF_OBJ_ID]!);
      if (ref === undefined) return undefined;
      return held(frame, place, iteratorRelease(btfName(env, w, base)), ref, owners);
    }
    case STACK_DYNPTR: {
      const ref = owners.find(w[base + REF_OBJ_ID]!);
      if (ref === undefined || w[base + AUX1] !== 1) return undefined;
      return held(frame, place, RINGBUF_DYNPTR, ref, owners, { identity: `dynptr ${w[base + AUX0]}` });
    }
    case STACK_IRQ_FLAG: {
      const ref = owners.find(w[base + REF_OBJ_ID]!);
      if (ref === undefined) return undefined;
      return held(frame, place, w[base + AUX0] === IRQ_FLAG_OF_LOCK ? REGIONS.irq_res_lock : REGIONS.irq, ref, owners);
    }
    default:
      return undefined;
  }
}

/** In AUX0 of an irq flag slot: the flags were saved by bpf_res_spin_lock_irqsave. */
const IRQ_FLAG_OF_LOCK = 2;

function pointerView(env: Env, frame: Frame, base: number, place: Place, owners: Owners): Held | undefined {
  const w = frame.w;
  const ref = owners.find(w[base + REF_OBJ_ID]!);
  if (ref === undefined) return undefined;
  const rule = pointerRelease(env, w, base);
  if (rule === 'not-its-own') return undefined;
  if (rule === undefined)
    env.fail(`frame_desc: no function releases ${btfName(env, w, base)}, acquired at insn ${ref.insn}`);
  return held(frame, place, rule, ref, owners, { mayBeNull: (w[base + TYPE]! & PTR_MAYBE_NULL) !== 0 });
}

function held(
  frame: Frame,
  place: Place,
  rule: ReleaseRule,
  ref: Reference,
  owners: Owners,
  more: { readonly mayBeNull?: boolean; readonly identity?: string } = {},
): Held {
  const owner = owners.claim(ref.id, frame);
  const { mayBeNull = false, identity = '' } = more;
  return { kind: 'held', place, ...rule, acquiredAt: ref.insn, id: ref.id, owner, identity, mayBeNull };
}

/** What lets go of the resource that a pointer names; `not-its-own` for a view into something else (a slice of a dynptr). */
function pointerRelease(env: Env, w: Int32Array, base: number): ReleaseRule | 'not-its-own' | undefined {
  const type = w[base + TYPE]!;
  switch (type & BASE_TYPE_MASK) {
    case PTR_TO_BTF_ID:
      return type & MEM_ALLOC
        ? objectRelease(btfName(env, w, base), (type & MEM_PERCPU) !== 0)
        : referenceRelease(btfName(env, w, base));
    case PTR_TO_MEM:
      return type & MEM_RINGBUF ? RINGBUF_RECORD : 'not-its-own';
    case PTR_TO_SOCKET:
      return referenceRelease('bpf_sock');
    case PTR_TO_SOCK_COMMON:
      return referenceRelease('sock_common');
    case PTR_TO_TCP_SOCK:
      return referenceRelease('bpf_tcp_sock');
    default:
      return undefined;
  }
}

/** The name of the struct that a BTF pointer or an iterator's slot is of. */
function btfName(env: Env, w: Int32Array, base: number): string {
  return env.btfs[w[base + AUX1] === 1 ? 1 : 0]?.name(w[base + AUX0]!) ?? '';
}

/**
 * Sections that began in this frame, or in one that it called and that has returned. The kernel knows that they are in
 * force, so their place is no register or slot. Several can be nested: the n-th of a kind in a frame is one thing on all paths.
 */
function regionViews(env: Env, frame: Frame, owners: Owners): Held[] {
  const views: Held[] = [];
  const add = (rule: ReleaseRule, acquiredAt: number, id: number, identity: string): void => {
    const place: Place = { kind: 'region' };
    views.push({ kind: 'held', place, ...rule, acquiredAt, id, owner: 'frame', identity, mayBeNull: false });
  };
  const counts = { rcu: 0, preempt: 0 };
  env.state.regions.forEach((region, index) => {
    if (region.frameno !== frame.frameno) return;
    // Reference ids are positive, so these are nobody else's.
    add(REGIONS[region.kind], region.insn, -1 - index, String(counts[region.kind]++));
  });
  const sections = env.state.regions.length;
  owners.locks.forEach((ref, index) => {
    const rule = lockRule(ref.kind);
    if (rule === undefined || ref.frameno !== frame.frameno) return;
    // Two elements of one map have locks of one kind: as with sections, the n-th is one thing on all paths.
    const nth = owners.locks.slice(0, index).filter(({ object }) => object === ref.object).length;
    add(rule, ref.insn, -1 - sections - index, nth === 0 ? ref.object : `${ref.object} ${nth}`);
  });
  return views;
}

function lockRule(kind: number): ReleaseRule | undefined {
  switch (kind) {
    case REF_LOCK:
      return REGIONS.spin_lock;
    case REF_RES_LOCK:
      return REGIONS.res_spin_lock;
    case REF_RES_LOCK_IRQ:
      return REGIONS.res_spin_lock_irq;
    case REF_POINTER:
    case REF_IRQ:
    default:
      return undefined;
  }
}
