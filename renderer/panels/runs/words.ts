/** A run in words. */
import type { RunEndView, RunSummary } from '../../../core/protocol/state.ts';

export function endText(end: RunEndView | undefined): string {
  if (end === undefined) return 'goes on';
  if (end.kind === 'fault') return end.code;
  return end.name === undefined ? String(end.value) : `${end.name} (${end.value})`;
}

/** Instructions of a run as far as it is known. */
export function stepsOf(run: RunSummary): number | undefined {
  return run.last === undefined ? undefined : run.last.step - run.first.step;
}

export const WHAT: Record<RunSummary['what'], string> = {
  program: '',
  timer: 'timer',
  workqueue: 'work queue',
  task_work: 'task work',
};
