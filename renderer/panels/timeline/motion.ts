/** Keys that move the view as long as they are held down: a nudge at once, then as many frames as it lasts. */
import { onScopeDispose } from 'vue';
import type { Motion } from './keys.ts';

/** Seconds that a nudge counts as; and what a longer gap between two frames counts as at most. */
const NUDGE = 0.09;
const LONGEST = 0.1;

export interface Motions {
  press(motion: Motion): void;
  /** Without one: all are let go. */
  release(motion?: Motion): void;
}

/** `move` is told for how many seconds a motion goes on. */
export function useMotions(move: (motion: Motion, seconds: number) => void): Motions {
  const held = new Set<Motion>();
  let frame = 0;
  let before = 0;
  const tick = (time: number): void => {
    frame = 0;
    const seconds = Math.min((time - before) / 1000, LONGEST);
    before = time;
    for (const motion of held) move(motion, seconds);
    if (held.size > 0) frame = requestAnimationFrame(tick);
  };
  const release = (motion?: Motion): void => {
    if (motion === undefined) held.clear();
    else held.delete(motion);
  };
  onScopeDispose(() => {
    held.clear();
    cancelAnimationFrame(frame);
  });
  return {
    press(motion) {
      if (held.has(motion)) return;
      held.add(motion);
      move(motion, NUDGE);
      before = performance.now();
      if (frame === 0) frame = requestAnimationFrame(tick);
    },
    release,
  };
}
