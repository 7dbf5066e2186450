/** The list of runs, filtered by program and by how they ended. */
import type { RunPage } from '../protocol/timeline.ts';
import type { RunSummary } from '../protocol/state.ts';
import type { Desk } from './desk.ts';
import { runSummary } from './state-view.ts';

/** Rows of one page at most. */
const MAX_ROWS = 1000;

export function runPage(desk: Desk, filter: string, from: number, count: number): RunPage {
  if (!desk.isRunning) return { total: 0, rows: [] };
  const { runs } = desk.session.timeline;
  const words = filter
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  const start = Math.max(from, 0);
  const limit = Math.min(Math.max(count, 0), MAX_ROWS);
  if (words.length === 0) {
    const rows = runs.slice(start, start + limit).map((run, i) => runSummary(desk, run, start + i));
    return { total: runs.length, rows };
  }
  const rows: RunSummary[] = [];
  let total = 0;
  for (const [index, run] of runs.entries()) {
    const summary = runSummary(desk, run, index);
    if (!words.every((word) => matches(summary, word))) continue;
    if (total >= start && rows.length < limit) rows.push(summary);
    total++;
  }
  return { total, rows };
}

/** `classify`, `XDP_DROP`, `2`, `fault`, `throw`, `timer`; with `-` in front those that are not so. */
function matches(run: RunSummary, word: string): boolean {
  if (word.startsWith('-') && word.length > 1 && !/^-\d+$/.test(word)) return !matches(run, word.slice(1));
  const { end } = run;
  const texts = [run.program, run.what, run.input ?? ''];
  if (run.throws > 0) texts.push('throw');
  if (end?.kind === 'fault') texts.push('fault', end.code);
  if (end?.kind === 'exit') {
    if (String(end.value) === word) return true;
    texts.push(end.name ?? '');
  }
  return texts.some((text) => text.toLowerCase().includes(word));
}
