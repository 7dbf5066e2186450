/** Files among the words that the desktop was started with: an association or a shell names them there. */
import { resolve } from 'node:path';

/** Electron's own switches, and the folder of the application when it is not packaged, are no files to open. */
export function filesIn(words: readonly string[], folder: string): string[] {
  return words
    .filter((word) => !word.startsWith('-') && /\.(o|bailout|pcap|pcapng|cap|json)$/i.test(word))
    .map((word) => resolve(folder, word));
}
