import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RecentFiles } from './recent-files.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bailout-recent-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('the newest comes first, each once, ten at most, and the next start knows them', () => {
  const file = join(folder, 'deep', 'recent.json');
  const recent = new RecentFiles(file);
  for (let i = 0; i < 12; i++) recent.add(`/objects/${i}.o`);
  recent.add('/objects/5.o');
  expect(recent.paths.slice(0, 3)).toEqual(['/objects/5.o', '/objects/11.o', '/objects/10.o']);
  expect(recent.paths).toHaveLength(10);
  expect(new RecentFiles(file).paths).toEqual(recent.paths);
  recent.clear();
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual([]);
});

test.each(['no JSON', '{"a":1}', '[1, null, "/a.o"]'])('a list that holds %s does no harm', (text) => {
  const file = join(folder, 'recent.json');
  writeFileSync(file, text);
  expect(new RecentFiles(file).paths).toEqual(text.includes('/a.o') ? ['/a.o'] : []);
});

test('a folder that cannot be written to costs the list only', () => {
  writeFileSync(join(folder, 'plain'), '');
  const recent = new RecentFiles(join(folder, 'plain', 'recent.json'));
  recent.add('/a.o');
  expect(recent.paths).toEqual(['/a.o']);
});
