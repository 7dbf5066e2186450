/** `bailout serve`: starts a session and the web host, and says where it is. Loaded only when it is asked for. */
import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BailoutError } from '../../core/errors.ts';
import { FIRST_EXAMPLE } from '../../core/service/examples.ts';
import { refusalOfSize } from '../../core/protocol/files.ts';
import type { First } from '../worker/session-process.ts';
import { SessionProcess, workerThread } from '../worker/session-process.ts';
import type { WebHost } from './server.ts';
import { startWebHost } from './server.ts';

export interface ServeOptions {
  /** An object or a recording; the example with a throw when absent. */
  readonly file?: string;
  readonly port: number;
  /** Of Bailout. */
  readonly version: string;
  /** Contents of a file; throws a BailoutError when there is none. */
  readFile(path: string): Uint8Array;
}

// As the built command line in dist/ sees them.
const WORKER = new URL('./worker.mjs', import.meta.url);
const PAGE = new URL('./page', import.meta.url);
const EXAMPLES = new URL('../examples', import.meta.url);

/** Starts a server of its own: also for tests, with port 0. */
export async function serve(options: ServeOptions): Promise<WebHost> {
  const session = await SessionProcess.start({
    start: workerThread(WORKER),
    host: 'web',
    version: options.version,
    examples: fileURLToPath(EXAMPLES),
    first: firstOf(options),
  });
  try {
    return await startWebHost({ session, page: fileURLToPath(PAGE), port: options.port });
  } catch (error) {
    await session.close();
    throw error;
  }
}

function firstOf({ file, readFile }: ServeOptions): First {
  if (file === undefined) return { kind: 'example', id: FIRST_EXAMPLE };
  // By its size, before a byte of it is read.
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  const refusal = refusalOfSize(file, size);
  if (refusal !== undefined) throw new BailoutError(refusal.code, refusal.message, { hint: refusal.hint });
  return { kind: 'file', name: basename(file), bytes: readFile(file) };
}

/** Shows the address in the user's browser. That none can be started is no error: the address is printed. */
export function openBrowser(url: string): void {
  const [command, ...args] =
    process.platform === 'darwin'
      ? ['open', url]
      : process.platform === 'win32'
        ? ['rundll32', 'url.dll,FileProtocolHandler', url]
        : ['xdg-open', url];
  const child = spawn(command!, args, { stdio: 'ignore', detached: true });
  child.on('error', () => undefined);
  child.unref();
}
