import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadObject } from '../../core/object/object.ts';
import { bundledKernelBtf } from '../../main/kernel-btf.ts';
import { mutated, randomNumbers, runUnverified } from './run-fuzz.ts';

const folder = new URL('../../examples/', import.meta.url);

describe('running what no verifier has seen', () => {
  it('ends each run with a result or a reason', () => {
    const random = randomNumbers(20);
    const ends = new Set<string>();
    for (const name of readdirSync(folder).filter((file) => file.endsWith('.bpf.o'))) {
      const object = loadObject(readFileSync(new URL(name, folder)), { name, kernelBtf: bundledKernelBtf() });
      for (const program of object.programs) {
        for (let i = 0; i < 40; i++) ends.add(runUnverified(object, mutated(program, random)));
      }
    }
    expect([...ends]).toEqual(expect.arrayContaining(['exit', 'MACHINE_ACCESS', 'MACHINE_ILLEGAL']));
  });
});
