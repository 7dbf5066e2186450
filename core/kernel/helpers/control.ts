/** Helpers that call back: bpf_loop, bpf_find_vma, and timers. */
import type { Behaviour, Continuation, Suspension } from '../behaviour.ts';
import { KernelFault, errno } from '../behaviour.ts';
import { E2BIG, EBUSY, EDEADLK, EINVAL, ENOENT } from '../errno.ts';
import { MAX_LOOPS } from '../kernel-limits.ts';
import { arg, callback, map, u32 } from './arguments.ts';

interface LoopState {
  readonly [key: string]: number | bigint;
  readonly rounds: number;
  readonly index: number;
  readonly insn: number;
  readonly context: bigint;
}

const loop: Behaviour = (call) => {
  if (arg(call, 3) !== 0n) return errno(EINVAL);
  const rounds = u32(call, 0);
  if (rounds > MAX_LOOPS) return errno(E2BIG);
  return loopStep({ rounds, index: 0, insn: callback(call, 1), context: arg(call, 2) });
};

function loopStep(state: LoopState): bigint | Suspension {
  if (state.index >= state.rounds) return BigInt(state.index);
  const args = [BigInt(state.index), state.context];
  return { kind: 'callback', subprogramInsn: state.insn, args, continuation: { name: 'loop', state } };
}

const loopNext: Continuation = (_kernel, plain, r0) => {
  const { rounds, index, insn, context } = plain as unknown as LoopState;
  // A callback that returns anything but 0 ends the loop; its round counts. Field by field: to spread the state takes as long as the rest.
  return r0 === 0n ? loopStep({ rounds, index: index + 1, insn, context }) : BigInt(index + 1);
};

/** Tasks of a scenario have no memory areas. */
const findVma: Behaviour = (call) => (arg(call, 4) === 0n ? errno(ENOENT) : errno(EINVAL));

// ---- timers -----------------------------------------------------------------------------------------------------------

const CLOCK_REALTIME = 0;
const CLOCK_MONOTONIC = 1;
const CLOCK_BOOTTIME = 7;
/** BPF_F_TIMER_ABS, BPF_F_TIMER_CPU_PIN. */
const TIMER_ABSOLUTE = 1n;
const TIMER_FLAGS = 3n;

/** The field of the map's values that holds a timer or work queue at an address. */
export function asyncField(
  call: Parameters<Behaviour>[0],
  kind: 'timer' | 'workqueue' | 'task_work',
  mapIndex: number,
): { field: number; value: number; map: number } {
  const target = map(call, mapIndex);
  const field = call.kernel.offset(arg(call, 0));
  const special = target.fields.find((entry) => entry.kind === kind);
  if (special === undefined)
    throw new KernelFault('BAD_ARGUMENT', `${call.name} at insn ${call.insn}: map ${target.name} has no ${kind}`);
  return { field, value: field - special.offset, map: target.id };
}

const timerInit: Behaviour = (call) => {
  const clock = Number(arg(call, 2));
  if (arg(call, 2) >= 16n || ![CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME].includes(clock)) return errno(EINVAL);
  const place = asyncField(call, 'timer', 1);
  if (call.kernel.async.at(place.field) !== undefined) return errno(EBUSY);
  call.kernel.async.init({ ...place, kind: 'timer', clock });
  return 0n;
};

const timerSetCallback: Behaviour = (call) => {
  const field = call.kernel.offset(arg(call, 0));
  if (call.kernel.async.at(field) === undefined) return errno(EINVAL);
  call.kernel.async.setCallback(field, call.program, callback(call, 1));
  return 0n;
};

const timerStart: Behaviour = (call) => {
  const { kernel } = call;
  const flags = arg(call, 2);
  const field = kernel.offset(arg(call, 0));
  const entry = kernel.async.at(field);
  if ((flags & ~TIMER_FLAGS) !== 0n || entry?.program === undefined) return errno(EINVAL);
  const nanoseconds = arg(call, 1);
  if ((flags & TIMER_ABSOLUTE) === 0n) kernel.async.arm(field, kernel.time + nanoseconds);
  else
    kernel.async.arm(
      field,
      entry.clock === CLOCK_REALTIME ? nanoseconds - (kernel.realTime - kernel.time) : nanoseconds,
    );
  return 0n;
};

const timerCancel: Behaviour = (call) => {
  const { kernel } = call;
  const field = kernel.offset(arg(call, 0));
  if (kernel.async.at(field) === undefined) return errno(EINVAL);
  // A timer whose callback cancels it would wait for itself.
  if (kernel.async.isRunning(field)) return errno(EDEADLK);
  return kernel.async.cancel(field) ? 1n : 0n;
};

export const controlHelpers: Readonly<Record<string, Behaviour>> = {
  loop,
  find_vma: findVma,
  timer_init: timerInit,
  timer_set_callback: timerSetCallback,
  timer_start: timerStart,
  timer_cancel: timerCancel,
};

export const controlContinuations: Readonly<Record<string, Continuation>> = { loop: loopNext };
