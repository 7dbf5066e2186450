/**
 * Backwards along the failing path: where the values came from that a failed check looked at.
 *
 * Like the walk for precision (paths/backtrack.ts), with another aim. That one asks what a number depends on, to be on the
 * safe side; this one asks what a person wants to be told: definitions, copies, spills and fills, arithmetic, the branches
 * that told something, calls that gave or overwrote it. So it follows a value, not everything that it was compared with.
 */
import { isSubprogramCall } from '../../isa/control-flow.ts';
import type { Instructions } from '../../isa/instructions.ts';
import {
  BPF_ALU,
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_CALL,
  BPF_CMPXCHG,
  BPF_EXIT,
  BPF_FETCH,
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  BPF_LDX,
  BPF_LOAD_ACQ,
  BPF_MOV,
  BPF_ST,
  BPF_STX,
  BPF_X,
} from '../../isa/opcodes.ts';
import type { CausalKind } from './diagnosis.ts';
import type { PathRecorder, PlaceCode } from './record.ts';
import { isSlotPlace, placeFrame, placeIndex, registerPlace } from './record.ts';

/** Something on the path that matters; what was known before and after it is looked up later (capture.ts). */
export interface Found {
  readonly kind: CausalKind;
  /** Index on the path. */
  readonly position: number;
  /** The place whose content is meant after the instruction, or at its entry. */
  readonly place: PlaceCode | undefined;
  readonly taken?: boolean;
  /** How often the same instruction mattered in the same way, and where it did first. */
  turns: number;
  oldest: number;
}

/** More than this many different steps help nobody, and a hostile program may have that many. */
const MAX_FOUND = 400;
/** Steps between two looks at the clock. */
const CLOCK_INTERVAL = 0x3fff;

/** What is found, newest first, with the turns of a loop taken together. */
class Findings {
  readonly list: Found[] = [];
  readonly #byKey = new Map<string, Found>();

  add(insn: number, found: Omit<Found, 'turns' | 'oldest'>): void {
    const key = `${insn}:${found.kind}:${found.place ?? ''}:${found.taken ?? ''}`;
    const known = this.#byKey.get(key);
    if (known !== undefined) {
      known.turns++;
      known.oldest = found.position;
      return;
    }
    if (this.list.length >= MAX_FOUND) return;
    const fresh = { ...found, turns: 1, oldest: found.position };
    this.#byKey.set(key, fresh);
    this.list.push(fresh);
  }
}

export interface TraceQuestion {
  readonly places: readonly PlaceCode[];
  /** Index on the path before which to begin; the failing instruction itself when absent. */
  readonly before?: number;
}

/** The steps that made the asked-for places what they are, oldest first. */
export function traceValues(
  insns: Instructions,
  path: PathRecorder,
  question: TraceQuestion,
  isLate: () => boolean,
): Found[] {
  const wanted = new Set<PlaceCode>(question.places);
  const findings = new Findings();
  const start = (question.before ?? path.length - 1) - 1;
  for (let at = start; at >= 0 && wanted.size > 0; at--) {
    if ((at & CLOCK_INTERVAL) === 0 && isLate()) break;
    stepBack(insns, path, at, wanted, findings);
  }
  if (wanted.size > 0 && path.length > 0) {
    for (const place of wanted) {
      if (placeFrame(place) === 0 && !isSlotPlace(place) && placeIndex(place) < 10)
        findings.add(path.insns[0]!, { kind: 'entry', position: 0, place });
    }
  }
  return findings.list.toSorted((a, b) => a.position - b.position);
}

function stepBack(
  insns: Instructions,
  path: PathRecorder,
  at: number,
  wanted: Set<PlaceCode>,
  findings: Findings,
): void {
  const insn = path.insns[at]!;
  const frame = path.frames[at]!;
  const code = insns.code[insn]!;
  const dst = registerPlace(frame, insns.dst[insn]!);
  const src = registerPlace(frame, insns.src[insn]!);
  const add = (kind: CausalKind, place: PlaceCode | undefined, taken?: boolean): void => {
    findings.add(insn, { kind, position: at, place, ...(taken === undefined ? {} : { taken }) });
  };
  switch (code & 7) {
    case BPF_ALU:
    case BPF_ALU64: {
      if (!wanted.has(dst)) return;
      const byRegister = (code & BPF_X) !== 0 && (code & 0xf0) !== 0xd0;
      if ((code & 0xf0) === BPF_MOV) {
        wanted.delete(dst);
        add(byRegister ? 'copy' : 'constant', dst);
      } else add('arithmetic', dst);
      if (byRegister && insns.src[insn] !== 10) wanted.add(src);
      return;
    }
    case BPF_LD:
      if (insns.isLdImm64(insn)) {
        if (wanted.delete(dst)) add('constant', dst);
      } else forgetCalled(frame, wanted, 'load', add);
      return;
    case BPF_LDX: {
      if (!wanted.delete(dst)) return;
      const slot = path.slots[at]!;
      add(slot >= 0 ? 'fill' : 'load', dst);
      if (slot >= 0) wanted.add(slot);
      return;
    }
    case BPF_ST:
    case BPF_STX: {
      const loaded = loadedByAtomic(insns, insn);
      if (loaded !== undefined && wanted.delete(registerPlace(frame, loaded)))
        add('load', registerPlace(frame, loaded));
      const slot = path.slots[at]!;
      if (slot < 0 || !wanted.has(slot)) return;
      wanted.delete(slot);
      add((code & 7) === BPF_STX ? 'spill' : 'store', slot);
      if ((code & 7) === BPF_STX && insns.src[insn] !== 10) wanted.add(src);
      return;
    }
    case BPF_JMP:
    case BPF_JMP32:
      if ((code & 0xf0) === BPF_CALL) stepBackCall(insns, path, at, wanted, add);
      else if ((code & 0xf0) === BPF_EXIT) stepBackExit(insns, path, at, wanted, add);
      else {
        const told = path.narrowed.get(at);
        const place = told?.find((one) => wanted.has(one));
        if (place !== undefined) add('branch', place, path.insns[at + 1] !== insn + 1);
      }
      return;
    default:
      return;
  }
}

type Add = (kind: CausalKind, place: PlaceCode | undefined, taken?: boolean) => void;

/** A call that was not entered: it gives R0, leaves R1 to R5 unusable, and may have written to memory it was shown. */
function forgetCalled(frame: number, wanted: Set<PlaceCode>, gives: CausalKind, add: Add): void {
  if (wanted.delete(registerPlace(frame, 0))) add(gives, registerPlace(frame, 0));
  for (let register = 1; register <= 5; register++)
    if (wanted.delete(registerPlace(frame, register))) add('overwritten', registerPlace(frame, register));
}

function stepBackCall(insns: Instructions, path: PathRecorder, at: number, wanted: Set<PlaceCode>, add: Add): void {
  const frame = path.frames[at]!;
  const nextFrame = at + 1 < path.length ? path.frames[at + 1]! : frame;
  if (nextFrame > frame) {
    // Into the function: its arguments are the caller's, or a callback's, which are the kernel's.
    const isCallback = !isSubprogramCall(insns, path.insns[at]!);
    for (let register = 0; register <= 9; register++) {
      if (!wanted.delete(registerPlace(nextFrame, register))) continue;
      const isArgument = register >= 1 && register <= 5;
      add(isArgument ? 'argument' : 'entry', registerPlace(nextFrame, register));
      if (isArgument && !isCallback) wanted.add(registerPlace(frame, register));
    }
    return;
  }
  for (const slot of path.given.get(at) ?? []) {
    // Memory lies upwards of the address: slots with lower numbers.
    const reached = [...wanted].filter(
      (place) => isSlotPlace(place) && placeFrame(place) === placeFrame(slot) && placeIndex(place) <= placeIndex(slot),
    );
    for (const place of reached.filter((one) => placeIndex(one) >= placeIndex(slot) - 1)) {
      wanted.delete(place);
      add('call', place);
    }
  }
  forgetCalled(frame, wanted, 'result', add);
}

function stepBackExit(insns: Instructions, path: PathRecorder, at: number, wanted: Set<PlaceCode>, add: Add): void {
  const callee = path.frames[at]!;
  const caller = at + 1 < path.length ? path.frames[at + 1]! : callee;
  if (caller >= callee) return;
  const after = path.insns[at + 1]!;
  const fromFunction = after > 0 && isSubprogramCall(insns, after - 1);
  for (let register = 1; register <= 5; register++)
    if (wanted.delete(registerPlace(caller, register))) add('overwritten', registerPlace(caller, register));
  if (!wanted.delete(registerPlace(caller, 0))) return;
  add(fromFunction ? 'return' : 'result', registerPlace(caller, 0));
  if (fromFunction) wanted.add(registerPlace(callee, 0));
}

function loadedByAtomic(insns: Instructions, insn: number): number | undefined {
  const code = insns.code[insn]!;
  if ((code & 7) !== BPF_STX || (code & 0xe0) !== BPF_ATOMIC) return undefined;
  const imm = insns.imm[insn]!;
  if (imm === BPF_LOAD_ACQ) return insns.dst[insn]!;
  if (imm === BPF_CMPXCHG) return 0;
  return (imm & BPF_FETCH) !== 0 && imm < 0x100 ? insns.src[insn]! : undefined;
}
