/** Which frame answers for what a program holds, where no register or slot says so: sections, locks, and references in general. */
import type { State } from '../state/state.ts';

/** A frame has ended: what it left open (a section, a lock, an object that it handed out) is its caller's from now on. */
export function inheritFromFrame(state: State): void {
  const caller = state.frames.length - 1;
  if (state.refs.some((ref) => ref.frameno > caller))
    state.refs = state.refs.map((ref) => (ref.frameno > caller ? { ...ref, frameno: caller } : ref));
  if (state.regions.some((region) => region.frameno > caller))
    state.regions = state.regions.map((region) => (region.frameno > caller ? { ...region, frameno: caller } : region));
}

/**
 * Under `proposal` a section belongs to the frame that leaves it when it is unwound, so two states are alike only when the
 * same frames answer for the same things.
 */
export function sameOwners(old: State, current: State): boolean {
  return (
    old.regions.length === current.regions.length &&
    old.regions.every(({ kind, frameno }, i) => {
      const other = current.regions[i];
      return other !== undefined && kind === other.kind && frameno === other.frameno;
    }) &&
    old.refs.every((ref, i) => ref.frameno === current.refs[i]?.frameno)
  );
}
