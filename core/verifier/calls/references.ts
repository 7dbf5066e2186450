/** What a program holds: acquired objects, locks, disabled interrupts. Taking, giving back, and what is wrong with keeping. */
import type { Env } from '../context.ts';
import { forEachRegister, markRegInvalid } from '../state/registers.ts';
import { REF_IRQ, REF_LOCK_MASK, REF_OBJ_ID, REF_POINTER, TYPE } from '../state/state.ts';
import type { Reference, State } from '../state/state.ts';
import { typeIsNonOwningReference } from '../state/types.ts';

function push(env: Env, kind: number, id: number, insn: number, object: string): void {
  const { state } = env;
  state.refs = [...state.refs, { kind, id, insn, object, frameno: env.frame.frameno }];
}

/** Counts a new object as held and returns its id. */
export function acquireReference(env: Env, insn: number): number {
  const id = env.newId();
  push(env, REF_POINTER, id, insn, '');
  return id;
}

/** Takes an object off the list without touching registers; false when it is not held. */
export function releaseReferenceNoMark(env: Env, id: number): boolean {
  const { state } = env;
  const index = state.refs.findIndex((ref) => ref.kind === REF_POINTER && ref.id === id);
  if (index < 0) return false;
  state.refs = state.refs.filter((_, i) => i !== index);
  return true;
}

/** Gives an object back: every copy of the pointer becomes useless. False when it is not held. */
export function releaseReference(env: Env, id: number): boolean {
  if (!releaseReferenceNoMark(env, id)) return false;
  forEachRegister(env.state, (frame, base) => {
    if (frame.w[base + REF_OBJ_ID] === id) markRegInvalid(env, frame.w, base);
  });
  return true;
}

/** Pointers to nodes that somebody else owns are good only as long as the lock is held. */
export function invalidateNonOwningReferences(env: Env): void {
  forEachRegister(env.state, (frame, base) => {
    if (typeIsNonOwningReference(frame.w[base + TYPE]!)) markRegInvalid(env, frame.w, base);
  });
}

/** Counts a lock as held. `object` tells which allocation it lies in, together with the pointer's id. */
export function acquireLock(env: Env, insn: number, kind: number, id: number, object: string): void {
  push(env, kind, id, insn, object);
  const { state } = env;
  state.activeLocks++;
  state.activeLockId = id;
  state.activeLockObject = object;
}

/** The held lock of one of these kinds; with `object` undefined any of them. */
export function findLock(state: State, kinds: number, id: number, object: string | undefined): Reference | undefined {
  return state.refs.find(
    (ref) => (ref.kind & kinds) !== 0 && (object === undefined || (ref.id === id && ref.object === object)),
  );
}

/** Lets go of a lock; the one taken before it becomes the active one. */
export function releaseLock(state: State, kind: number, id: number, object: string): boolean {
  const { refs } = state;
  let found = -1;
  let previousId = 0;
  let previousObject = '';
  for (let i = 0; i < refs.length; i++) {
    const ref = refs[i]!;
    if (ref.kind === kind && ref.id === id && ref.object === object) {
      found = i;
      break;
    }
    if ((ref.kind & REF_LOCK_MASK) !== 0) {
      previousId = ref.id;
      previousObject = ref.object;
    }
  }
  if (found < 0) return false;
  state.refs = refs.filter((_, i) => i !== found);
  state.activeLocks--;
  state.activeLockId = previousId;
  state.activeLockObject = previousObject;
  return true;
}

/** Interrupts are now off; the id is that of the saved flags. */
export function acquireIrq(env: Env, insn: number): number {
  const id = env.newId();
  push(env, REF_IRQ, id, insn, '');
  env.state.activeIrqId = id;
  return id;
}

/** Restores saved flags: 'order' when another section was opened later. */
export function releaseIrq(state: State, id: number): 'done' | 'order' | 'unknown' {
  if (id !== state.activeIrqId) return 'order';
  let previous = 0;
  for (let i = 0; i < state.refs.length; i++) {
    const ref = state.refs[i]!;
    if (ref.kind !== REF_IRQ) continue;
    if (ref.id === id) {
      state.refs = state.refs.filter((_, at) => at !== i);
      state.activeIrqId = previous;
      return 'done';
    }
    previous = ref.id;
  }
  return 'unknown';
}

/** Prints every object that is still held; true when there is one. Frames below the main program's may hold what they like on return. */
export function checkReferenceLeak(env: Env, exceptionExit: boolean): boolean {
  const { state } = env;
  if (!exceptionExit && env.frame.frameno !== 0) return false;
  let leaking = false;
  for (const ref of state.refs) {
    if (ref.kind !== REF_POINTER) continue;
    // A struct_ops function may hand a referenced object back to the kernel as its result.
    if (env.program.type === 'struct_ops' && !exceptionExit && env.frame.w[REF_OBJ_ID] === ref.id) continue;
    env.verbose(`Unreleased reference id=${ref.id} alloc_insn=${ref.insn}\n`);
    leaking = true;
  }
  return leaking;
}

/** Rejects when something is held that must not be at this kind of instruction (`prefix` names it). */
export function checkResourceLeak(env: Env, exceptionExit: boolean, checkLock: boolean, prefix: string): void {
  const { state } = env;
  if (checkLock && state.activeLocks > 0) env.fail(`${prefix} cannot be used inside bpf_spin_lock-ed region`);
  if (checkReferenceLeak(env, exceptionExit)) env.fail(`${prefix} would lead to reference leak`);
  if (checkLock && state.activeIrqId !== 0) env.fail(`${prefix} cannot be used inside bpf_local_irq_save-ed region`);
  if (checkLock && state.activeRcuLocks > 0) env.fail(`${prefix} cannot be used inside bpf_rcu_read_lock-ed region`);
  if (checkLock && state.activePreemptLocks > 0) {
    env.fail(`${prefix} cannot be used inside bpf_preempt_disable-ed region`);
  }
}
