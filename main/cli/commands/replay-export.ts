/** `bailout replay --export`: writes what happened, and says how far it is. Ctrl-C leaves no file. */
import { BailoutError } from '../../../core/errors.ts';
import type { ExportFormat } from '../../../core/trace/exports.ts';
import { exportBytes } from '../../../core/trace/exports.ts';
import type { Range } from '../../../core/trace/history.ts';
import { historyOf } from '../../../core/trace/history.ts';
import type { Timeline } from '../../../core/trace/timeline.ts';
import type { Host } from '../host.ts';
import { ProgressLine } from '../progress.ts';

/** Between two looks at whether somebody pressed Ctrl-C. */
const BREATH_MS = 50;

/** False when it was ended by Ctrl-C. */
export async function exportWatched(
  timeline: Timeline,
  range: Range,
  { format, path }: { readonly format: ExportFormat; readonly path: string },
  host: Host,
): Promise<boolean> {
  let isInterrupted = false;
  const interrupt = (): void => void (isInterrupted = true);
  process.on('SIGINT', interrupt);
  const line = host.terminal === undefined ? undefined : new ProgressLine('writing', host.terminal);
  const file = host.beginFile(path);
  try {
    const history = historyOf(timeline, range, {
      isCancelled: () => isInterrupted,
      onProgress: (done, total) => line?.update(done, total),
    });
    let breath = Date.now();
    for (const bytes of exportBytes(format, history)) {
      if (bytes.length > 0) file.append(bytes);
      if (Date.now() - breath < BREATH_MS) continue;
      await new Promise(setImmediate);
      breath = Date.now();
    }
    if (!isInterrupted) file.finish();
    else file.abandon();
    return !isInterrupted;
  } catch (error) {
    file.abandon();
    if (isInterrupted && error instanceof BailoutError && error.code === 'CANCELLED') return false;
    throw error;
  } finally {
    line?.clear();
    process.off('SIGINT', interrupt);
  }
}
