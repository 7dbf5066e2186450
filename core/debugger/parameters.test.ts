import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { bundledKernelBtf } from '../../main/kernel-btf.ts';
import { parseScenario } from '../kernel/scenario-file.ts';
import { loadObject } from '../object/object.ts';
import { Session } from './session.ts';
import { numberOf } from './expressions/values.ts';

const examples = new URL('../../examples/', import.meta.url);

describe('parameters by name', () => {
  const bytes = readFileSync(new URL('deep-throw.bpf.o', examples));
  const session = new Session(
    loadObject(bytes, { name: 'deep-throw.bpf.o', kernelBtf: bundledKernelBtf() }),
    parseScenario(readFileSync(new URL('deep-throw.json', examples), 'utf8')),
  );
  session.addBreakpoint('check');
  session.run();
  const valueOf = (name: string): bigint =>
    numberOf(session.scope.name(name)!, (address, size) => session.scope.read(address, size)).bits;

  it('are the registers where a function begins', () => {
    expect(session.machine.frames()[0]?.name).toBe('check');
    expect(valueOf('sample')).toBe(session.machine.registers[1]);
    expect(session.scope.names()).toContain('sample');
    expect(session.scope.name('nobody')).toBeUndefined();
  });

  it('are not guessed once something wrote the register', () => {
    while (session.machine.frames()[0]!.insn < 78) session.stepi(1);
    expect(session.machine.frames()[0]?.name).toBe('check');
    expect(() => valueOf('sample')).toThrow('`sample` is no longer in a register');
  });
});
