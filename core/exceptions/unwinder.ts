/**
 * Unwinding a program's stack after a throw (docs/exceptions.md, "Frame descriptors and unwinding").
 *
 * At the throw every frame stands still, so the whole unwinding can be written down before its first step is
 * taken: a plan. The machine then carries out one step after the other, each a phase with a position of its
 * own, and a user can walk the plan in both directions. A plan is plain data: a checkpoint taken in the middle
 * of an unwinding keeps it as it is.
 */
import type { DescriptorEntry, FrameDescriptor, Place, ResourceType } from './descriptor.ts';
import { formatPlace } from './descriptor.ts';
import type { Profile } from './profile.ts';
import { profileRules } from './profile.ts';

/** Where the value of a place was found: an outer frame's registers live where an inner frame saved them. */
export type Found =
  | { readonly kind: 'live-register' }
  | {
      readonly kind: 'saved-register';
      /** Index of the frame that saved it, 0 = main. */ readonly frame: number;
      /** Relative to that frame's pointer. */ readonly offset: number;
    }
  | { readonly kind: 'slot' }
  | { readonly kind: 'region' };

/** A frame as the machine shows it to the unwinder. */
export interface UnwindFrame {
  /** 0 is the main program's frame. */
  readonly frame: number;
  readonly subprogram: number;
  readonly name: string;
  /** The throw in the innermost frame, the call in the others. */
  readonly insn: number;
}

/** A resource that the kernel's ledger counts as held. */
export interface HeldResource {
  /** Ascending in the order of acquisition. */
  readonly id: number;
  readonly type: ResourceType;
  readonly typeName: string;
  /** The value by which the program names it: a pointer, or for regions 0. */
  readonly value: bigint;
  /** Who acquired it: the instruction, and how many were executed before it. */
  readonly at: { readonly insn: number; readonly step: number };
  /** True when the entry was in force before the program began: not the program's to release. */
  readonly before: boolean;
}

/** What the unwinder asks of the machine. */
export interface UnwindPort {
  /** From the innermost frame to the main frame: the walk ends at the first main frame (a tail call's target is its own boundary). */
  frames(): readonly UnwindFrame[];
  /**
   * What a place of a frame holds. A dynptr, an iterator and a saved irq flag *are* their slots: for these the
   * value is the slot's address; for all others it is the 64-bit word in the register or slot.
   */
  readPlace(frame: number, place: Place, resource: ResourceType): { readonly value: bigint; readonly found: Found };
  held(): readonly HeldResource[];
}

/** One step of an unwinding. Its index in the plan is its phase. */
export type UnwindStep =
  | { readonly kind: 'throw'; readonly cookie: bigint; readonly insn: number; readonly subprogram: number }
  | { readonly kind: 'enter-frame'; readonly frame: UnwindFrame; readonly entries: number }
  | {
      readonly kind: 'release';
      readonly frame: number;
      readonly entry: DescriptorEntry;
      readonly place: string;
      readonly value: bigint;
      readonly found: Found;
      readonly resource: HeldResource;
    }
  | {
      readonly kind: 'skip';
      readonly frame: number;
      readonly entry: DescriptorEntry;
      readonly place: string;
      readonly found: Found;
      readonly reason: 'empty' | 'already-released';
    }
  | { readonly kind: 'leave-frame'; readonly frame: UnwindFrame }
  /** The program's own callback runs from here, on the main program's frame, until it exits. */
  | { readonly kind: 'callback'; readonly subprogram: number; readonly cookie: bigint }
  /** The callback that every program has: takes no step of the machine. */
  | { readonly kind: 'default-callback'; readonly value: bigint };

export interface UnwindPlan {
  readonly cookie: bigint;
  readonly steps: readonly UnwindStep[];
}

/** A descriptor that does not describe what the frame really holds: a defect of the verifier, and never silent. */
export interface UnwindDefect {
  readonly code: 'UNWIND_NOT_HELD' | 'UNWIND_LEFT_BEHIND';
  readonly message: string;
}

/** How a program's stack is unwound. A third strategy (landing pads in the program) can come beside these two. */
export interface UnwindStrategy {
  plan(port: UnwindPort, cookie: bigint): UnwindPlan | UnwindDefect;
}

export interface UnwindOptions {
  readonly profile: Profile;
  readonly descriptors: readonly FrameDescriptor[];
  /** Index of the exception callback's subprogram, where the program has one. */
  readonly callback: number | undefined;
}

/** The strategy of a profile; made once when a program is loaded, so that a throw looks its tables up by instruction. */
export function unwindStrategy(options: UnwindOptions): UnwindStrategy {
  const byInsn = new Map<number, FrameDescriptor>();
  if (profileRules(options.profile).heldAtThrow === 'release') {
    for (const descriptor of options.descriptors) byInsn.set(descriptor.insn, descriptor);
  }
  return { plan: (port, cookie) => plan(port, cookie, byInsn, options) };
}

export function isDefect(result: UnwindPlan | UnwindDefect): result is UnwindDefect {
  return 'code' in result;
}

function plan(
  port: UnwindPort,
  cookie: bigint,
  byInsn: ReadonlyMap<number, FrameDescriptor>,
  options: UnwindOptions,
): UnwindPlan | UnwindDefect {
  const frames = port.frames();
  const thrower = frames[0];
  if (thrower === undefined) return { code: 'UNWIND_LEFT_BEHIND', message: 'a throw without a frame' };
  const ledger = new Unreleased(port.held());
  const steps: UnwindStep[] = [{ kind: 'throw', cookie, insn: thrower.insn, subprogram: thrower.subprogram }];
  for (const frame of frames) {
    const entries = byInsn.get(frame.insn)?.entries ?? [];
    steps.push({ kind: 'enter-frame', frame, entries: entries.length });
    const defect = planFrame(port, frame, entries, ledger, steps);
    if (defect !== undefined) return defect;
    steps.push({ kind: 'leave-frame', frame });
  }
  const left = ledger.rest();
  if (left.length > 0) {
    const names = left.map((resource) => `${resource.typeName} #${resource.id}`).join(', ');
    return {
      code: 'UNWIND_LEFT_BEHIND',
      message: `after unwinding ${frames.length} frame(s) the program still holds ${names}`,
    };
  }
  if (options.callback !== undefined) steps.push({ kind: 'callback', subprogram: options.callback, cookie });
  else
    steps.push({
      kind: 'default-callback',
      value: profileRules(options.profile).defaultCallbackReturns === 'cookie' ? cookie : 0n,
    });
  return { cookie, steps };
}

function planFrame(
  port: UnwindPort,
  frame: UnwindFrame,
  entries: readonly DescriptorEntry[],
  ledger: Unreleased,
  steps: UnwindStep[],
): UnwindDefect | undefined {
  const releases: Extract<UnwindStep, { kind: 'release' }>[] = [];
  const skips: UnwindStep[] = [];
  // Two references to one object have one value: the entry acquired last takes the newest.
  for (const entry of [...entries].sort((a, b) => latest(b) - latest(a))) {
    const { value, found } = port.readPlace(frame.frame, entry.place, entry.resource);
    const place = formatPlace(entry.place);
    const resource = ledger.take(entry, value);
    if (resource !== undefined) {
      releases.push({ kind: 'release', frame: frame.frame, entry, place, value, found, resource });
    } else if (ledger.wasTaken(entry, value)) {
      skips.push({ kind: 'skip', frame: frame.frame, entry, place, found, reason: 'already-released' });
    } else if (mayBeEmpty(entry, value)) {
      skips.push({ kind: 'skip', frame: frame.frame, entry, place, found, reason: 'empty' });
    } else {
      return {
        code: 'UNWIND_NOT_HELD',
        message: `the descriptor of insn ${frame.insn} names ${entry.typeName} in ${place} of ${frame.name}, but 0x${value.toString(16)} is not held`,
      };
    }
  }
  releases.sort((a, b) => b.resource.id - a.resource.id);
  steps.push(...skips, ...releases);
  return undefined;
}

function latest(entry: DescriptorEntry): number {
  return entry.acquiredAt[entry.acquiredAt.length - 1] ?? -1;
}

/** A pointer may be null on the path taken; an iterator or dynptr whose constructor failed is there but holds nothing. */
function mayBeEmpty(entry: DescriptorEntry, value: bigint): boolean {
  if (entry.place.kind === 'region') return false;
  return value === 0n || entry.resource === 'iterator' || entry.resource === 'dynptr';
}

/** The ledger as the plan goes on: what is still to be released, and what an earlier step released. */
class Unreleased {
  readonly #held: HeldResource[];
  readonly #taken: HeldResource[] = [];

  constructor(held: readonly HeldResource[]) {
    this.#held = held.filter((resource) => !resource.before).sort((a, b) => b.id - a.id);
  }

  /** Takes the resource that an entry means: by its value, or for a region the newest of its kind. */
  take(entry: DescriptorEntry, value: bigint): HeldResource | undefined {
    const at = this.#held.findIndex((resource) => names(entry, value, resource));
    if (at < 0) return undefined;
    const [resource] = this.#held.splice(at, 1);
    if (resource !== undefined) this.#taken.push(resource);
    return resource;
  }

  wasTaken(entry: DescriptorEntry, value: bigint): boolean {
    return this.#taken.some((resource) => names(entry, value, resource));
  }

  rest(): readonly HeldResource[] {
    return this.#held;
  }
}

function names(entry: DescriptorEntry, value: bigint, resource: HeldResource): boolean {
  if (entry.resource !== resource.type) return false;
  return entry.place.kind === 'region' || resource.value === value;
}
