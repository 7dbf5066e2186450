import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assembled } from '../testing/assembled.ts';
import { build, goldenLogs } from '../testing/golden.ts';
import { anyValues, rowOf, whyNot } from '../testing/values.ts';
import { bundledKernelBtf } from '../../object/testing/kernel-btf.ts';
import { loadObject } from '../../object/object.ts';
import type { ObjectFile, Program } from '../../object/program.ts';
import { verify } from '../verify.ts';
import type { Claims } from './claims.ts';
import { claimChange, heldAt, registerClaim, slotClaim } from './claims.ts';
import { claimsOf } from './collect.ts';
import { joinRows } from './rows.ts';

/** What is said of a register before an instruction, on each path that comes there with something else. */
function said(claims: Claims, insn: number, register: number, frameno = -1): string[] {
  const texts = (claims.states[insn] ?? []).map(({ frames }) => {
    const index = frameno < 0 ? frames.length - 1 : frameno;
    return registerClaim(claims.names, frames[index]!, index, register);
  });
  return [...new Set(texts)].sort();
}

function saidOfStack(claims: Claims, insn: number): string[] {
  return (claims.states[insn] ?? []).flatMap(({ frames }) => {
    const frame = frames.at(-1)!;
    return frame.slots.map((_, i) => slotClaim(claims.names, frame, frames.length - 1, i));
  });
}

function claimed(source: string, parts: Parameters<typeof assembled>[1] = {}): Claims {
  return claimsOf(assembled(source, parts), { profile: 'linux' });
}

function load(object: { bytes(): Uint8Array }): ObjectFile {
  return loadObject(object.bytes(), { name: 'g.o', kernelBtf: bundledKernelBtf() });
}

describe('what is claimed', () => {
  it('is written as the log writes it', () => {
    const claims = claimed(
      `call 7
       r6 = r0
       r6 &= 255
       r6 <<= 3
       *(u64 *)(r10 - 8) = r6
       r0 = *(u64 *)(r10 - 8)
       r0 = 0
       exit`,
    );
    expect(claims.incomplete).toBeUndefined();
    expect(said(claims, 3, 6)).toEqual(['scalar(smin=smin32=0,smax=umax=smax32=umax32=255,var_off=(0x0; 0xff))']);
    expect(saidOfStack(claims, 5)).toEqual([
      'fp-8=scalar(id=2,smin=smin32=0,smax=umax=smax32=umax32=2040,var_off=(0x0; 0x7f8))',
    ]);
    expect(claimChange(claims, 2)).toBe('r6: umax U64_MAX → 255');
    expect(claimChange(claims, 3)).toBe('r6: umax 255 → 2040');
  });

  it('is nothing where nobody reads', () => {
    const claims = claimed(
      `r6 = 1
       *(u64 *)(r10 - 8) = r6
       r6 = 2
       r0 = r6
       exit`,
    );
    expect(said(claims, 2, 6)).toEqual(['']);
    expect(said(claims, 3, 6)).toEqual(['2']);
    expect(saidOfStack(claims, 3)).toEqual([]);
  });

  it('tells each path apart, also those that the kernel prunes', () => {
    const source = `call 7
       r6 = 1
       if r0 == 0 goto one
       r6 = 2
       one:
       r7 = 0
       r7 += 1
       r7 += 1
       r7 += 1
       r7 += 1
       r7 += 1
       r8 = r6
       r8 += 1
       if r7 == 9 goto +0
       r0 = r8
       exit`;
    expect(said(claimed(source), 13, 8)).toEqual(['2', '3']);
  });

  it('covers the frames of callers', () => {
    const claims = claimed(
      `r6 = 7
       r1 = 3
       call add
       r0 += r6
       exit
       add:
       r0 = r1
       r0 += 1
       exit`,
    );
    expect(said(claims, 6, 0)).toEqual(['3']);
    expect(said(claims, 6, 6, 0)).toEqual(['7']);
    expect(said(claims, 3, 0)).toEqual(['4']);
  });

  it('names maps, and offsets into their values', () => {
    const object = build(`map flows type=2 key_size=4 value_size=64 max_entries=4
@ socket main 4=flows
r0 = 9
*(u32 *)(r10 -4) = r0
r2 = r10
r2 += -4
r1 = 0 ll
call 1
if r0 == 0 goto +2
r0 += 16
r1 = *(u64 *)(r0 +0)
r0 = 0
exit
`);
    const claims = claimsOf(load(object).programs[0]!);
    expect(said(claims, 7, 0)).toEqual(['map_value_or_null(id=1,map=flows,ks=4,vs=64)']);
    expect(said(claims, 9, 0)).toEqual(['map_value(map=flows,ks=4,vs=64,off=16)']);
    expect(claimChange(claims, 8)).toBe('r0: off 0 → 16');
  });

  it('tells what is held, and since when', () => {
    const claims = claimed(
      `r1 = r10
       r1 += -8
       r2 = 0
       r3 = 4
       call bpf_iter_num_new
       next:
       r1 = r10
       r1 += -8
       call bpf_iter_num_next
       if r0 != 0 goto next
       r1 = r10
       r1 += -8
       call bpf_iter_num_destroy
       r0 = 0
       exit`,
    );
    expect(claims.incomplete).toBeUndefined();
    expect(heldAt(claims, 7)).toEqual([{ typeName: 'struct bpf_iter_num', acquiredAt: 4, sometimes: false }]);
    expect(heldAt(claims, 12)).toEqual([]);
    expect(saidOfStack(claims, 10)).toContain('fp-8=iter_num(ref_id=1,state=drained,depth=0)');
  });
});

describe('collecting', () => {
  it('says when it had to stop', () => {
    const loop = `r6 = 0
       again:
       call 7
       r6 += 1
       if r6 < 1000 goto again
       r0 = r6
       exit`;
    expect(claimed(loop).incomplete).toBeUndefined();
    expect(claimsOf(assembled(loop), { maxInsns: 500 }).incomplete).toBe('instructions');
    expect(claimsOf(assembled(loop), { isCancelled: () => true, maxInsns: 1 }).incomplete).toBeDefined();
    const rejected = claimed('r0 = r3\nexit');
    expect(rejected).toMatchObject({ verdict: 'rejected', incomplete: 'rejected' });
  });

  it('keeps a bounded number of states for each instruction, and joins the others with them', () => {
    const claims = claimed(
      `r6 = 0
       again:
       call 7
       r6 += 1
       if r6 < 1000 goto again
       r0 = r6
       exit`,
    );
    expect(claims.states[2]!.length).toBeLessThanOrEqual(64);
    const held = claims.states[2]!.map(({ frames }) => frames[0]!.w);
    for (const value of [1n, 64n, 65n, 500n, 998n]) expect(held.some((w) => whyNot(w, value) === '')).toBe(true);
    expect(held.every((w) => whyNot(w, 1000n) !== '')).toBe(true);
  });

  it('does not change how a program is verified', () => {
    const [golden] = goldenLogs();
    const program = load(golden!.object).programs[0]!;
    const before = verify(program, { logLevel: 2 }).log;
    claimsOf(program);
    expect(verify(program, { logLevel: 2 }).log).toBe(before);
  });
});

describe('paths', () => {
  const programs: [string, Program][] = goldenLogs().flatMap(({ name, object }) =>
    load(object).programs.map((program): [string, Program] => [`${name} ${program.name}`, program]),
  );

  it.each(programs)('of %s add up to what the log counts', (_name, program) => {
    const verification = verify(program, { logLevel: 0 });
    const { paths } = claimsOf(program);
    const rejected = verification.verdict === 'rejected';
    // An endless loop is found before its first instruction is verified once more.
    const walked = paths.insns.reduce((sum, count) => sum + count, 0) + paths.pruned;
    expect([verification.insns, rejected ? verification.insns - 1 : verification.insns]).toContain(walked);
    expect(paths.states).toBe(verification.states);
    expect(paths.parent.every((parent, node) => parent < node)).toBe(true);
    const leaves = paths.end.filter((end) => end !== 'fork' && end !== 'rejected').length;
    expect(leaves).toBe(paths.paths);
    expect(paths.end.filter((end) => end === 'pruned')).toHaveLength(paths.pruned);
    // Some errors are found before or after all paths.
    expect(paths.end.filter((end) => end === 'rejected').length).toBeLessThanOrEqual(rejected ? 1 : 0);
  });

  it('say what was decided, and which state served', () => {
    const { paths } = claimed(
      `call 7
       r6 = r0
       call 7
       call 7
       call 7
       if r0 == 0 goto +1
       r6 = 3
       r7 = 1
       r8 = 1
       r7 += r8
       if r7 == 2 goto +0
       call 7
       r7 = 2
       r8 = 2
       if r0 > 5 goto +1
       r0 = 1
       r0 = 2
       exit`,
    );
    expect(paths.label.slice(0, 2)).toEqual(['main', 'r0 == 0x0 not taken']);
    expect(paths.label).toContain('r0 == 0x0 taken');
    const pruned = paths.end.indexOf('pruned');
    expect(pruned).toBeGreaterThan(0);
    expect(paths.servedBy[pruned]).toBeGreaterThanOrEqual(0);
    expect(paths.from[paths.servedBy[pruned]!]).toBeLessThanOrEqual(paths.to[pruned]!);
  });
});

describe('joining', () => {
  it('loses no value', () => {
    fc.assert(
      fc.property(anyValues, anyValues, (a, b) => {
        const joined = joinRows(rowOf(a), 0, rowOf(b), 0)!;
        for (const value of [...a, ...b]) expect(whyNot(joined, value)).toBe('');
      }),
    );
  });
});
