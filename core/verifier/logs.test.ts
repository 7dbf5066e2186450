import { expect, test } from 'vitest';
import { loadObject } from '../object/object.ts';
import { bundledKernelBtf } from '../object/testing/kernel-btf.ts';
import { goldenLogs } from './testing/golden.ts';
import { verify } from './verify.ts';

/** The same instructions, states and numbers; the amount of space before a comment is the same too. */
test.each(goldenLogs())('$name: the log is that of the kernel', ({ object, log }) => {
  const { programs } = loadObject(object.bytes(), { name: 'g.o', kernelBtf: bundledKernelBtf() });
  const result = verify(programs[0]!, { profile: 'linux', logLevel: 2 });
  expect(result.log).toBe(log);
});
