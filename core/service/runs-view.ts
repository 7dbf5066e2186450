/** The list of runs, filtered as `info runs` filters them. */
import { runsLike } from '../debugger/runs.ts';
import type { RunPage } from '../protocol/timeline.ts';
import type { Desk } from './desk.ts';
import { runSummary } from './state-view.ts';

/** Rows of one page at most. */
const MAX_ROWS = 1000;

export function runPage(desk: Desk, filter: string, from: number, count: number): RunPage {
  if (!desk.isRunning) return { total: 0, rows: [] };
  const { session } = desk;
  const { runs } = session.timeline;
  const start = Math.max(from, 0);
  const end = start + Math.min(Math.max(count, 0), MAX_ROWS);
  if (filter.trim() === '') {
    const rows = runs.slice(start, end).map((run, i) => runSummary(desk, run, start + i));
    return { total: runs.length, rows };
  }
  const found = desk.work('filtering runs', (limits) => runsLike(session, filter, limits));
  return { total: found.length, rows: found.slice(start, end).map((index) => runSummary(desk, runs[index]!, index)) };
}
