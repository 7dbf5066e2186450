import { expect, test } from 'vitest';
import { loadObject } from '../object/object.ts';
import { bundledKernelBtf } from '../object/testing/kernel-btf.ts';
import { goldenLogs } from './testing/golden.ts';
import { verify } from './verify.ts';

/** Where the kernel put a map is its own business. */
const withoutAddresses = (log: string): string => log.replaceAll(/0xffff8881[0-9a-f]{8}/g, '0xffff888100000000');

test.each(goldenLogs())('$name: the log is that of the kernel', ({ object, log }) => {
  const { programs } = loadObject(object.bytes(), { name: 'g.o', kernelBtf: bundledKernelBtf() });
  const result = verify(programs[0]!, { profile: 'linux', logLevel: 2 });
  expect(withoutAddresses(result.log)).toBe(withoutAddresses(log));
});
