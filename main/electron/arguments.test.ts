import { expect, test } from 'vitest';
import { filesIn } from './arguments.ts';

test('files are what ends like one; switches and the application’s folder are none', () => {
  expect(filesIn(['.', '--inspect=0', 'a.bpf.o', '/tmp/b.bailout', '--x.o'], '/home/me')).toEqual([
    '/home/me/a.bpf.o',
    '/tmp/b.bailout',
  ]);
});
