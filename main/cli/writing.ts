/** Files that take long to write. Whoever is ended meanwhile, in whatever way it can be heard of, leaves no half of one. */
import type { FileUnderWay, Host } from './host.ts';

/** How a command is ended from outside: by Ctrl-C, by another process, by a terminal that goes away. */
export const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
export type EndingSignal = (typeof ENDING_SIGNALS)[number];

/** Between two looks at whether a signal has come: it is heard only where nothing runs. */
const BREATH_MS = 50;

/** Ends the process as if nobody had listened, so that whoever started it sees what ended it. Its own listeners have to be gone. */
export function endBy(signal: EndingSignal): void {
  process.kill(process.pid, signal);
}

/** Writes a file at once. When a piece fails there is no file. */
export function writeWhole(file: FileUnderWay, pieces: Iterable<Uint8Array>): void {
  try {
    for (const piece of pieces) file.append(piece);
    file.finish();
  } catch (error) {
    file.abandon();
    throw error;
  }
}

/**
 * Writes a file as its pieces come, and looks for signals in between. False when it was ended by Ctrl-C; the other signals end the
 * process, as they do where nobody listens. In each case there is no file, and what had its name before is there.
 */
export async function writeWatched(host: Host, path: string, pieces: Iterable<Uint8Array>): Promise<boolean> {
  let heard: EndingSignal | undefined;
  const hear = (signal: EndingSignal): void => void (heard = signal);
  for (const signal of ENDING_SIGNALS) process.on(signal, hear);
  try {
    const file = host.beginFile(path);
    try {
      let breath = Date.now();
      for (const bytes of pieces) {
        if (bytes.length > 0) file.append(bytes);
        if (Date.now() - breath >= BREATH_MS) {
          await new Promise(setImmediate);
          breath = Date.now();
        }
        if (isSet(heard)) break;
      }
      if (isSet(heard)) file.abandon();
      else file.finish();
    } catch (error) {
      file.abandon();
      throw error;
    }
  } finally {
    for (const signal of ENDING_SIGNALS) process.off(signal, hear);
  }
  if (isSet(heard) && heard !== 'SIGINT') endBy(heard);
  return !isSet(heard);
}

/** The compiler does not see that listeners are called. */
function isSet(signal: EndingSignal | undefined): signal is EndingSignal {
  return signal !== undefined;
}
