/**
 * Whole sessions, as a user sees them. Each file of transcripts/ is a script and what it has to say: lines after `(bailout) ` are typed, the
 * others are the answers. `UPDATE_TRANSCRIPTS=1 npx vitest run core/commands` writes them anew; read the difference before it is committed.
 */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { bundledKernelBtf } from '../../main/kernel-btf.ts';
import { zstd } from '../../main/compression.ts';
import { BailoutError } from '../errors.ts';
import { writeRecording } from '../trace/file.ts';
import { recordingOf, timersSource } from '../trace/testing/recordings.ts';
import { Console } from './console.ts';

const folder = new URL('transcripts/', import.meta.url);
const root = new URL('../../', import.meta.url);
const PROMPT = '(bailout) ';
/** Of five runs this keeps next to nothing: what is asked for is run again. */
const few = recordingOf(timersSource(4), { limits: { flow: 4, calls: 2, rest: 3 } });
const MADE: [string, Uint8Array][] = [['few.bailout', writeRecording(few, zstd)]];

function play(commands: readonly string[]): string {
  const files = new Map<string, Uint8Array>(MADE);
  const console = new Console({
    readFile: (path) => files.get(path) ?? readFileSync(new URL(path, root)),
    kernelBtf: bundledKernelBtf,
    writeFile: (path, pieces) => void files.set(path, Buffer.concat(pieces)),
    compression: zstd,
  });
  const lines: string[] = [];
  for (const command of commands) {
    lines.push(`${PROMPT}${command}`);
    try {
      const { text } = console.execute(command);
      if (text !== '') lines.push(text);
    } catch (error) {
      if (!(error instanceof BailoutError)) throw error;
      lines.push(`${error.message} [${error.code}]`);
      if (error.hint !== undefined) lines.push(error.hint);
    }
  }
  // Where things lie in memory is no part of what a session means.
  return `${lines.join('\n')}\n`
    .replaceAll(/0xffff8880[0-9a-f]{8}/g, '0xffff8880…')
    .replaceAll(/-1313[0-9]{11}/g, '-1313…')
    .replaceAll(/ +$/gm, '');
}

describe('transcripts', () => {
  it.each(readdirSync(folder).filter((name) => name.endsWith('.txt')))('%s', (name) => {
    const file = new URL(name, folder);
    const expected = readFileSync(file, 'utf8');
    const commands = expected
      .split('\n')
      .filter((line) => line.startsWith(PROMPT))
      .map((line) => line.slice(PROMPT.length));
    const actual = play(commands);
    if (process.env['UPDATE_TRANSCRIPTS'] === '1') writeFileSync(file, actual);
    else expect(actual).toBe(expected);
  });
});
