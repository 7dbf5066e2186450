/** A file that takes long to write is there once it is whole, and never in halves. */
import { lstatSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { beginFile } from './files.ts';

const work = mkdtempSync(join(tmpdir(), 'bailout-files-'));
afterAll(() => rmSync(work, { recursive: true }));
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

it('has its name when it is finished, and until then what had it before', () => {
  const path = join(work, 'a.csv');
  writeFileSync(path, 'before');
  symlinkSync('a.csv', join(work, 'link'));
  const file = beginFile(join(work, 'link'));
  file.append(bytes('one '));
  expect(readFileSync(path, 'utf8')).toBe('before');
  file.append(bytes('two'));
  file.finish();
  expect(readFileSync(path, 'utf8')).toBe('one two');
  expect(lstatSync(join(work, 'link')).isSymbolicLink()).toBe(true);
});

it('leaves nothing when it is given up', () => {
  const names = readdirSync(work);
  const file = beginFile(join(work, 'b.csv'));
  file.append(bytes('half'));
  file.abandon();
  expect(readdirSync(work)).toEqual(names);
});

it('cannot be where no folder is, and says so', () => {
  expect(() => beginFile(join(work, 'nowhere', 'c.csv'))).toThrow(
    expect.objectContaining({ code: 'FILE_UNWRITABLE' }) as Error,
  );
  expect(() => beginFile(work)).toThrow('it is a directory');
});

it('is written at once where it is no file', () => {
  const file = beginFile('/dev/null');
  file.append(bytes('gone'));
  file.finish();
  expect(lstatSync('/dev/null').isCharacterDevice()).toBe(true);
});
