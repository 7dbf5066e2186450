/** `bailout replay --export`: writes what happened, and says how far it is. Ctrl-C leaves no file. */
import type { ExportFormat } from '../../../core/trace/exports.ts';
import { exportBytes } from '../../../core/trace/exports.ts';
import type { Range } from '../../../core/trace/history.ts';
import { historyOf } from '../../../core/trace/history.ts';
import type { Timeline } from '../../../core/trace/timeline.ts';
import type { Host } from '../host.ts';
import { ProgressLine } from '../progress.ts';
import { writeWatched } from '../writing.ts';

/** False when it was ended by Ctrl-C. */
export async function exportWatched(
  timeline: Timeline,
  range: Range,
  { format, path }: { readonly format: ExportFormat; readonly path: string },
  host: Host,
): Promise<boolean> {
  const line = host.terminal === undefined ? undefined : new ProgressLine('writing', host.terminal);
  try {
    const history = historyOf(timeline, range, { onProgress: (done, total) => line?.update(done, total) });
    return await writeWatched(host, path, exportBytes(format, history));
  } finally {
    line?.clear();
  }
}
