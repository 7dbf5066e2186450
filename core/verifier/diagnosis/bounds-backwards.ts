/**
 * If the offset must be at most 2,040 and was made by `len * 8`, then `len` must be at most 255: a demand on a value, carried
 * back along the path to the values that it was computed from. Each of them is a place where an assertion would do.
 */
import type { Instructions } from '../../isa/instructions.ts';
import { isConst, getS64, VALUE } from '../state/state.ts';
import type { Captured, Known } from './capture.ts';
import type { PathRecorder, PlaceCode } from './record.ts';
import { isSlotPlace, placeFrame, placeIndex, registerPlace } from './record.ts';
import type { Found } from './trace-values.ts';
import { isScalar, rangeOf } from './words.ts';

/** Before the instruction at this position of the path the register must lie between min and max. */
export interface Demand {
  readonly position: number;
  readonly register: number;
  readonly frame: number;
  readonly min: bigint;
  readonly max: bigint;
  /** How often the value was computed with on the way from here to the error. */
  readonly distance: number;
}

interface Current {
  place: PlaceCode;
  min: bigint;
  max: bigint;
}

const ADD = 0x00;
const SUB = 0x10;
const MUL = 0x20;
const AND = 0x50;
const LSH = 0x60;
const RSH = 0x70;

/** Newest first: the demand at the error itself, when it is one on a number, and those on what it was made of. */
export function demandsBackwards(
  insns: Instructions,
  path: PathRecorder,
  captured: Captured,
  found: readonly Found[],
  first: { place: PlaceCode; min: bigint; max: bigint; isNumber: boolean },
): Demand[] {
  const demands: Demand[] = [];
  const current: Current = { place: first.place, min: first.min, max: first.max };
  let distance = 0;
  const note = (position: number): void => {
    if (isSlotPlace(current.place) || current.max < current.min || position >= path.length) return;
    demands.push({
      position,
      register: placeIndex(current.place),
      frame: placeFrame(current.place),
      min: current.min,
      max: current.max,
      distance,
    });
  };
  if (first.isNumber) note(path.length - 1);
  for (let i = found.length - 1; i >= 0; i--) {
    const step = found[i]!;
    if (step.place !== current.place) continue;
    switch (step.kind) {
      case 'arithmetic': {
        if (!undo(insns, path, captured, step, current)) return demands;
        distance++;
        const known = captured.at(step.position, current.place);
        if (known !== undefined && isScalar(known.row)) note(step.position);
        break;
      }
      case 'copy':
        current.place = registerPlace(placeFrame(step.place), insns.src[path.insns[step.position]!]!);
        break;
      case 'fill': {
        const slot = path.slots[step.position]!;
        if (slot < 0) return demands;
        noteAfter(step, current, note, captured);
        current.place = slot;
        break;
      }
      case 'spill':
        current.place = registerPlace(path.frames[step.position]!, insns.src[path.insns[step.position]!]!);
        break;
      case 'argument':
        noteAfter(step, current, note, captured);
        current.place = registerPlace(path.frames[step.position]!, placeIndex(current.place));
        break;
      case 'return':
        noteAfter(step, current, note, captured);
        current.place = registerPlace(path.frames[step.position]!, 0);
        break;
      case 'load':
      case 'result':
      case 'call':
      case 'entry':
        noteAfter(step, current, note, captured);
        return demands;
      default:
        break;
    }
  }
  return demands;
}

/** Behind the instruction that gave the value. */
function noteAfter(step: Found, current: Current, note: (position: number) => void, captured: Captured): void {
  const position = step.kind === 'entry' ? step.position : step.position + 1;
  const known = captured.at(position, current.place);
  if (known !== undefined && isScalar(known.row) && !isConst(known.row, 0)) note(position);
}

const floorDiv = (a: bigint, b: bigint): bigint => {
  const quotient = a / b;
  return a % b !== 0n && a < 0n !== b < 0n ? quotient - 1n : quotient;
};
const ceilDiv = (a: bigint, b: bigint): bigint => -floorDiv(-a, b);

const constantOf = (known: Known | undefined): bigint | undefined =>
  known !== undefined && isScalar(known.row) && isConst(known.row, 0) ? getS64(known.row, VALUE) : undefined;

/** Turns the demand on a result into one on an operand; false when that cannot be done. */
function undo(insns: Instructions, path: PathRecorder, captured: Captured, step: Found, current: Current): boolean {
  const insn = path.insns[step.position]!;
  const code = insns.code[insn]!;
  const byRegister = (code & 8) !== 0;
  const frame = path.frames[step.position]!;
  const source = registerPlace(frame, insns.src[insn]!);
  const before = captured.at(step.position, current.place);
  const other = byRegister ? captured.at(step.position, source) : undefined;
  if (before === undefined || (byRegister && other === undefined)) return false;
  const isPointer = !isScalar(before.row);
  const constant = byRegister ? constantOf(other) : BigInt(insns.imm[insn]!);
  switch (code & 0xf0) {
    case ADD:
    case SUB: {
      const isAdd = (code & 0xf0) === ADD;
      if (constant !== undefined) {
        // A pointer keeps constants apart from the variable part of its offset, which the demand is about.
        if (isPointer) return true;
        current.min += isAdd ? -constant : constant;
        current.max += isAdd ? -constant : constant;
        return true;
      }
      if (!isAdd || other === undefined) return false;
      if (!isScalar(other.row)) return true;
      if (isPointer) {
        const range = rangeOf(before.row);
        if (!isConst(before.row, 0)) {
          if (range.smin < 0n) return false;
          current.max -= range.smax;
        }
        current.place = source;
        return true;
      }
      const mine = rangeOf(before.row);
      const theirs = rangeOf(other.row);
      // The demand goes to the side that is less known.
      if (mine.umax <= theirs.umax) {
        current.place = source;
        current.max -= mine.umax;
      } else current.max -= theirs.umax;
      return true;
    }
    case MUL:
    case LSH: {
      if (constant === undefined || isPointer) return false;
      if ((code & 0xf0) === LSH && (constant < 0n || constant > 62n)) return false;
      const factor = (code & 0xf0) === LSH ? 1n << constant : constant;
      if (factor <= 0n) return false;
      current.min = ceilDiv(current.min, factor);
      current.max = floorDiv(current.max, factor);
      return true;
    }
    case RSH:
      if (constant === undefined || isPointer || constant < 0n || constant > 62n) return false;
      current.max = ((current.max + 1n) << constant) - 1n;
      current.min = current.min <= 0n ? 0n : current.min << constant;
      return true;
    case AND:
      // What is small stays small behind a mask.
      return !isPointer;
    default:
      return false;
  }
}
