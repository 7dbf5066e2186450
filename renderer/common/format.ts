/** Numbers and moments as people read them. */
import type { Position } from '../../core/protocol/state.ts';

const COUNT = new Intl.NumberFormat('en-US');

/** `1,204`. */
export function count(value: number): string {
  return COUNT.format(value);
}

/** `3 maps`, `1 map`. */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** `14 KB`, of bytes. */
export function bytes(value: number): string {
  if (value < 1000) return `${value} B`;
  const units = ['KB', 'MB', 'GB'];
  let scaled = value / 1000;
  let unit = 0;
  while (scaled >= 999.5 && unit < units.length - 1) {
    scaled /= 1000;
    unit++;
  }
  return `${scaled < 9.95 ? scaled.toFixed(1).replace('.0', '') : Math.round(scaled)} ${units[unit]}`;
}

/** `0.4 ms`, of microseconds. */
export function duration(us: number): string {
  if (us < 1_000_000) return `${(us / 1000).toFixed(us < 100_000 ? 1 : 0)} ms`;
  return `${(us / 1_000_000).toFixed(1)} s`;
}

/** `run 0 · step 12 · phase 3`, as the debugger says it. */
export function positionText({ run, step, phase }: Position): string {
  return `run ${run} · step ${count(step)}${phase === 0 ? '' : ` · phase ${phase}`}`;
}
