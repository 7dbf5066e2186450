/** Frames in linear memory: what a call writes, and what an exit reads back. */
import {
  FRAME_CALL,
  FRAME_CALLER,
  FRAME_FLAGS,
  FRAME_FLOOR,
  FRAME_KIND,
  FRAME_MAY_GOTO,
  FRAME_PROGRAM,
  FRAME_STACK,
  FRAME_STRIDE,
  LOG_END,
  LOG_NEXT,
  LOG_ROW,
  MAY_GOTO_LIMIT,
  REGS,
  SAVED_R6,
  SAVED_R7,
  SAVED_R8,
  SAVED_R9,
  SHADOW,
  STACK_LOW,
} from './layout';
import { TAG_BASE, markDirty } from './access.as';

/** The log of calls is full: TypeScript reads it and makes room. */
@external('env', 'drain')
declare function drain(): void;

/** Eight shadow bytes of memory that exists but was never written; of memory that is gone. */
const UNWRITTEN: u64 = 0x2828282828282828;
const GONE: u64 = 0x8888888888888888;

// @ts-ignore: decorator
@inline
function shade(frame: u32, value: u64): void {
  const at = (frame - FRAME_STACK) >>> 3;
  store<u64>(at, value, SHADOW);
  store<u64>(at, value, SHADOW + 8);
  store<u64>(at, value, SHADOW + 16);
  store<u64>(at, value, SHADOW + 24);
  store<u64>(at, value, SHADOW + 32);
  store<u64>(at, value, SHADOW + 40);
  store<u64>(at, value, SHADOW + 48);
  store<u64>(at, value, SHADOW + 56);
}

/**
 * Makes a frame below the present one (`first`: the outermost, at `frame`) and saves R6 to R9 in it.
 * False when the stack is too deep.
 */
export function enter(frame: u32, kind: u32, call: u32, program: u32, first: u32): u32 {
  const caller: u32 = first ? 0 : <u32>load<u64>(REGS + 80);
  let floor: u32;
  if (first) floor = first;
  else {
    floor = load<u32>(caller + FRAME_FLOOR);
    if (frame < floor) return 0;
  }
  store<u64>(frame + SAVED_R6, load<u64>(REGS + 48));
  store<u64>(frame + SAVED_R7, load<u64>(REGS + 56));
  store<u64>(frame + SAVED_R8, load<u64>(REGS + 64));
  store<u64>(frame + SAVED_R9, load<u64>(REGS + 72));
  store<u32>(frame + FRAME_CALL, call);
  store<u32>(frame + FRAME_KIND, kind);
  store<u32>(frame + FRAME_CALLER, caller);
  store<u32>(frame + FRAME_PROGRAM, program);
  store<u64>(frame + FRAME_MAY_GOTO, MAY_GOTO_LIMIT);
  store<u32>(frame + FRAME_FLOOR, floor);
  store<u32>(frame + FRAME_FLAGS, 0);
  shade(frame, UNWRITTEN);
  markDirty(frame - 1);
  markDirty(frame - FRAME_STRIDE);
  if (frame < load<u32>(STACK_LOW)) store<u32>(STACK_LOW, frame);
  store<u64>(REGS + 80, TAG_BASE + frame);
  return 1;
}

/** A call of a function of the same program. */
// @ts-ignore: decorator
@inline
export function call(kind: u32, pc: u32): u32 {
  const caller = <u32>load<u64>(REGS + 80);
  return enter(caller - FRAME_STRIDE, kind, pc, load<u32>(caller + FRAME_PROGRAM), 0);
}

/** Ends a frame: R6 to R9 and the frame pointer are the caller's again. The address of the call. */
export function leave(frame: u32): u32 {
  store<u64>(REGS + 48, load<u64>(frame + SAVED_R6));
  store<u64>(REGS + 56, load<u64>(frame + SAVED_R7));
  store<u64>(REGS + 64, load<u64>(frame + SAVED_R8));
  store<u64>(REGS + 72, load<u64>(frame + SAVED_R9));
  const caller = load<u32>(frame + FRAME_CALLER);
  store<u64>(REGS + 80, caller ? TAG_BASE + caller : 0);
  shade(frame, GONE);
  markDirty(frame - 1);
  markDirty(frame - FRAME_STRIDE);
  return load<u32>(frame + FRAME_CALL);
}

/** Makes the program's part of a frame as new: a tail call's target and an exception callback take over their frame. */
export function refresh(frame: u32): void {
  shade(frame, UNWRITTEN);
  store<u64>(frame + FRAME_MAY_GOTO, MAY_GOTO_LIMIT);
  markDirty(frame - 1);
  markDirty(frame - FRAME_STRIDE);
}

/** Writes down a call (0) or a return (1). False when whoever listens wants no more rows. */
export function log(step: u64, pc: u32, what: u32): bool {
  const full = load<u32>(LOG_END);
  if (!full) return false;
  if (load<u32>(LOG_NEXT) == full) {
    drain();
    if (!load<u32>(LOG_END)) return false;
  }
  const row = load<u32>(LOG_NEXT);
  store<u64>(row, step);
  store<u32>(row, pc, 8);
  store<u32>(row, what, 12);
  store<u32>(LOG_NEXT, row + LOG_ROW);
  return true;
}
