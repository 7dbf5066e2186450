/** What the console needs of the machine, given by the command line; and what a command says as the user wants it. */
import { writeFileSync } from 'node:fs';
import { BailoutError } from '../../../core/errors.ts';
import type { CommandHost, Output } from '../../../core/commands/command.ts';
import { zstd } from '../../compression.ts';
import type { Host } from '../host.ts';

export function commandHost(host: Host): CommandHost {
  return {
    readFile: (path) => host.readFile(path),
    kernelBtf: () => host.kernelBtf(),
    writeFile,
    streamFile: (path, pieces) => streamFile(host, path, pieces),
    compression: zstd,
  };
}

function writeFile(path: string, pieces: readonly Uint8Array[]): void {
  try {
    writeFileSync(path, pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces));
  } catch (cause) {
    throw new BailoutError('FILE_UNWRITABLE', `${path} cannot be written.`, { cause });
  }
}

function streamFile(host: Host, path: string, pieces: Iterable<Uint8Array>): void {
  const file = host.beginFile(path);
  try {
    for (const piece of pieces) file.append(piece);
    file.finish();
  } catch (error) {
    file.abandon();
    throw error;
  }
}

export function said(output: Output, command: string, json: boolean): string {
  if (json) return `${JSON.stringify({ command, data: output.data ?? null })}\n`;
  return output.text === '' ? '' : `${output.text}\n`;
}
