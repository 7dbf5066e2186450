/** What keeps RCU-protected objects alive. */
import type { Env } from '../context.ts';

/** Whether objects that are protected by RCU cannot go away here: in an RCU section, under a lock, or in a program that does not sleep. */
export function inRcuSection(env: Env): boolean {
  const { activeRcuLocks, activeLocks, inSleepable } = env.state;
  return activeRcuLocks > 0 || activeLocks > 0 || !(env.program.sleepable || inSleepable);
}
