/** Files that are no good: what is wrong is said as the command line says it, and the session before stays as it was. */
import { closeSync, ftruncateSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { commandLine, example, expect, test } from './fixtures.ts';
import { choose, drop, go, notice, runToThrow, where } from './page.ts';

/** Sentence and code as the command line prints them; its path is the name in the page, which knows no folders. */
function saidByCommandLine(folder: string, ...args: string[]): { readonly sentence: string; readonly code: string } {
  const { status, errors } = commandLine(...args);
  expect(status).toBe(3);
  const [, sentence = '', code = ''] = /^bailout: (.*?)(?: \(at byte \d+\))? \[(\w+)\]$/m.exec(errors) ?? [];
  expect(code).not.toBe('');
  return { sentence: sentence.replaceAll(`${folder}/`, ''), code };
}

/** The session is where it was, with the keys still at work. */
async function untouched(page: Page, before: string): Promise<void> {
  await expect(where(page)).toHaveText(before, { useInnerText: true });
  await expect(page.getByRole('navigation', { name: 'Object and program' })).toContainText('deep-throw.bpf.o');
  await go(page, 'Alt+F5');
  await expect(where(page)).toContainText('step 0 of');
}

interface Bad {
  readonly name: string;
  readonly write: (path: string) => void;
  readonly command: string;
  /** By the system's dialog: the file is not put together in the page. */
  readonly chosen?: true;
}

const BAD: readonly Bad[] = [
  {
    name: 'cut.bpf.o',
    write: (path) => writeFileSync(path, readFileSync(example('deep-throw.bpf.o')).subarray(0, 700)),
    command: 'verify',
  },
  {
    name: 'other-version.bailout',
    write(path) {
      commandLine('record', example('deep-throw.bpf.o'), '--scenario', example('deep-throw.json'), '-o', path);
      const bytes = readFileSync(path);
      // The version stands behind the eight letters of the header.
      bytes.writeUInt32LE(bytes.readUInt32LE(8) + 7, 8);
      writeFileSync(path, bytes);
    },
    command: 'replay',
  },
  {
    name: 'zeros.bpf.o',
    write(path) {
      const file = openSync(path, 'w');
      ftruncateSync(file, 2 * 1024 ** 3);
      closeSync(file);
    },
    command: 'verify',
    chosen: true,
  },
];

for (const { name, write, command, chosen } of BAD)
  test(`${name} is refused in the words of the command line`, async ({ bailout, folder }) => {
    await runToThrow(bailout);
    const before = await where(bailout).innerText();
    const path = join(folder, name);
    write(path);
    const { sentence, code } = saidByCommandLine(folder, command, path);
    await (chosen === true ? choose(bailout, path) : drop(bailout, path));
    const alert = bailout.getByRole('alert').filter({ hasText: code });
    await expect(alert).toContainText(sentence);
    await untouched(bailout, before);
  });

test('a text file is no kind of file that is opened, and it is said which are', async ({ bailout, folder }) => {
  await runToThrow(bailout);
  const before = await where(bailout).innerText();
  const path = join(folder, 'notes.txt');
  writeFileSync(path, 'Buy milk.\n');
  await drop(bailout, path);
  const alert = bailout.getByRole('alert').filter({ hasText: 'notes.txt' });
  await expect(alert).toContainText('It opens BPF objects (.bpf.o), recordings (.bailout), captures');
  await alert.getByRole('button', { name: 'Dismiss' }).click();
  await expect(alert).toBeHidden();
  await untouched(bailout, before);
});

test('a good file takes the place of what was open', async ({ bailout }) => {
  await drop(bailout, example('rejected.bpf.o'));
  await expect(notice(bailout, 'Opened rejected.bpf.o: an object')).toBeVisible();
  await expect(bailout.getByRole('navigation', { name: 'Object and program' })).toContainText('rejected.bpf.o');
  await expect(bailout).toHaveTitle(/rejected/);
});
