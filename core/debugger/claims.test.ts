import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bundledKernelBtf } from '../../main/kernel-btf.ts';
import { parseScenario } from '../kernel/scenario-file.ts';
import { loadObject } from '../object/object.ts';
import { claimsOf } from '../verifier/claims/collect.ts';
import { anyValue, anyValues, rowOf, u64, whyNot } from '../verifier/testing/values.ts';
import { claimAt, sessionClaims } from './claims.ts';
import { scalarHolds } from './claimed-values.ts';
import { Session } from './session.ts';

function sessionOf(example: string, scenario: string): Session {
  const folder = new URL('../../examples/', import.meta.url);
  const object = loadObject(readFileSync(new URL(`${example}.bpf.o`, folder)), {
    name: example,
    kernelBtf: bundledKernelBtf(),
  });
  return new Session(object, parseScenario(readFileSync(new URL(`${scenario}.json`, folder), 'utf8'), scenario));
}

const half = (value: bigint, shift: bigint): number => Number(BigInt.asIntN(32, u64(value) >> shift));

describe('numbers', () => {
  it('are within a claim when no part of it rules them out', () => {
    fc.assert(
      fc.property(anyValues, anyValue, (values, other) => {
        const row = rowOf(values);
        for (const value of values) expect(scalarHolds(row, 0, half(value, 0n), half(value, 32n))).toBe(true);
        expect(scalarHolds(row, 0, half(other, 0n), half(other, 32n))).toBe(whyNot(row, other) === '');
      }),
    );
  });
});

describe('a frame beside its claims', () => {
  it('is shown with the claim that holds it, and is held by it at every step', () => {
    const session = sessionOf('packet-parser', 'packet-parser');
    session.start();
    const claims = sessionClaims(session, session.program);
    expect(sessionClaims(session, session.program)).toBe(claims);
    let steps = 0;
    for (; session.machine.end === undefined; session.stepi(1), steps++) {
      expect(claimAt(session.machine, claims, 0)).toMatchObject({ contained: true, binding: true });
    }
    expect(steps).toBeGreaterThan(30);
  });

  it('has claims in every frame of the chain', () => {
    const session = sessionOf('deep-throw', 'deep-throw');
    session.addBreakpoint('throw');
    session.run();
    const claims = sessionClaims(session, session.program);
    const texts = session.machine.frames().map((_, i) => claimAt(session.machine, claims, i)!.registers[6]?.text);
    expect(texts[1]).toMatch(/^ptr_bpf_cpumask\(ref_obj_id=\d+\)$/);
    expect(texts[2]).toMatch(/^ptr_task_struct\(ref_obj_id=\d+\)$/);
    expect(claimAt(session.machine, claims, 3)!.slots.get(-8)?.text).toMatch(
      /^fp-8=iter_num\(ref_id=\d+,state=active,/,
    );
  });

  it('says so when a register or a slot is changed behind the back of the program', () => {
    const session = sessionOf('packet-parser', 'packet-parser');
    session.addBreakpoint('*17');
    session.run();
    const { machine } = session;
    const claims = sessionClaims(session, session.program);
    machine.memory.writeU64(0x1000 + 8 * 8, 5000n);
    const changed = claimAt(machine, claims, 0)!;
    expect(changed.contained).toBe(false);
    expect(changed.registers[8]).toMatchObject({ violated: true });
    expect(changed.registers.map((claim) => claim?.violated)).toEqual(
      changed.registers.map((claim, i) => (claim === undefined ? undefined : i === 8)),
    );
    machine.memory.writeU64(0x1000 + 8 * 8, 1020n);
    const framePointer = machine.frames()[0]!.framePointer;
    machine.memory.writeU32(framePointer - 4, 1);
    expect(claimAt(machine, claims, 0)!.slots.get(-8)).toMatchObject({ violated: true });
    machine.memory.writeU32(framePointer - 4, 0);
    expect(claimAt(machine, claims, 0)!.contained).toBe(true);
    // A packet pointer that leads elsewhere, by one byte.
    const r6 = machine.registers[6]!;
    machine.memory.writeU64(0x1000 + 6 * 8, r6 + 1n);
    expect(claimAt(machine, claims, 0)!.registers[6]).toMatchObject({ violated: true });
  });

  it('calls nothing an error where the claims are incomplete', () => {
    const session = sessionOf('packet-parser', 'packet-parser');
    session.addBreakpoint('*17');
    session.run();
    session.machine.memory.writeU64(0x1000 + 8 * 8, 5000n);
    const claims = claimsOf(session.program, { maxInsns: 30 });
    expect(claims.incomplete).toBe('instructions');
    const at = claimAt(session.machine, claims, 0)!;
    expect(at.binding).toBe(false);
    expect(at.registers.some((claim) => claim?.violated === true)).toBe(false);
  });
});
