/**
 * The thread that runs the commands of a conversation. It is busy as long as a command takes and hears nothing meanwhile, so that it is
 * stopped by a number in shared memory, which it looks at often.
 */
import { parentPort } from 'node:worker_threads';
import { BailoutError } from '../../../core/errors.ts';
import { Console } from '../../../core/commands/console.ts';
import type { Patience } from '../../../core/trace/timeline.ts';
import { COLOURED, PLAIN } from '../format/style.ts';
import { formatError } from '../report-error.ts';
import { commandHost, said } from './console-host.ts';
import { nodeHost } from '../files.ts';
import type { FromShell, ShellStart, ToShell } from './messages.ts';

/** Between two messages about how far something has come. */
const PROGRESS_MS = 100;

export function serveShell(start: ShellStart): void {
  const port = parentPort;
  if (port === null) return;
  const tell = (message: FromShell): void => port.postMessage(message);
  const style = start.colour ? COLOURED : PLAIN;
  const console = new Console(commandHost(nodeHost()));
  const limits = (): Patience => {
    let last = Date.now();
    return {
      isCancelled: () => Atomics.load(start.cancel, 0) === 1,
      onProgress: (done, total) => {
        const now = Date.now();
        if (now - last < PROGRESS_MS) return;
        last = now;
        tell({ kind: 'progress', done, ...(total === undefined ? {} : { total }) });
      },
    };
  };
  const execute = (line: string): FromShell => {
    try {
      const output = console.execute(line, { interactive: true, limits: limits() });
      return { kind: 'done', text: said(output, line.trim(), start.json), failed: false, quit: output.quit === true };
    } catch (error) {
      if (!(error instanceof BailoutError)) throw error;
      return { kind: 'done', text: `${formatError(error, style)}\n`, failed: true, quit: false };
    }
  };
  port.on('message', (message: ToShell) => {
    if (message.kind === 'execute') tell(execute(message.line));
    else tell({ kind: 'words', ...console.complete(message.line) });
  });
  if (start.object !== undefined) {
    const loaded = execute(`load ${start.object}`);
    if (loaded.kind === 'done' && loaded.failed) {
      tell({ ...loaded, quit: true });
      return;
    }
  }
  tell({ kind: 'ready' });
}
