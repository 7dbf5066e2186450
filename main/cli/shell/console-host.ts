/** What the console needs of the machine, given by the command line; and what a command says as the user wants it. */
import type { CommandHost, Output } from '../../../core/commands/command.ts';
import { zstd } from '../../compression.ts';
import type { Host } from '../host.ts';
import { writeWhole } from '../writing.ts';

export function commandHost(host: Host): CommandHost {
  const write = (path: string, pieces: Iterable<Uint8Array>): void => writeWhole(host.beginFile(path), pieces);
  return {
    readFile: (path) => host.readFile(path),
    kernelBtf: () => host.kernelBtf(),
    writeFile: write,
    streamFile: write,
    compression: zstd,
  };
}

/** A file that a command has left to be written. */
export interface FileToWrite {
  readonly path: string;
  readonly pieces: Iterable<Uint8Array>;
}

/**
 * For scripts: commands leave their files in `files`, and are over only when these are written. A command is carried out in one go, so
 * that meanwhile no signal is heard; between the pieces of a file there is time for it.
 */
export function scriptHost(host: Host, files: FileToWrite[]): CommandHost {
  const leave = (path: string, pieces: Iterable<Uint8Array>): void => void files.push({ path, pieces });
  return { ...commandHost(host), writeFile: leave, streamFile: leave };
}

export function said(output: Output, command: string, json: boolean): string {
  if (json) return `${JSON.stringify({ command, data: output.data ?? null })}\n`;
  return output.text === '' ? '' : `${output.text}\n`;
}
