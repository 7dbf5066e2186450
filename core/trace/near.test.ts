/** Checkpoints come where they are needed: closer where instructions are slow, and shortly before moments that are far from others. */
import { describe, expect, it } from 'vitest';
import { bundledKernelBtf } from '../../main/kernel-btf.ts';
import { Checkpoints, SPACING } from './checkpoints.ts';
import { NearPlace } from './near.ts';
import { Replay } from './replay.ts';
import { stateHash } from './state-hash.ts';
import { loopSource, recordingOf } from './testing/recordings.ts';

const kernelBtf = bundledKernelBtf();
const recording = recordingOf(loopSource(400));
const { lastStep } = recording.runs[0]!;
// Every checkpoint but the first and the newest is one too many.
const tight = new Replay(recording, { kernelBtf, budgetBytes: 1 });
const roomy = new Replay(recording, { kernelBtf, spacing: 10_000 });
const checkpoint = roomy.machine.checkpoint();
const at = (step: number): { run: number; step: number; phase: number } => ({ run: 0, step, phase: 0 });

describe('a place near where one was', () => {
  it('has the state that the moment has, in whatever order one goes', () => {
    tight.prepare();
    expect(tight.checkpoints).toBeLessThan(4);
    for (const step of [lastStep - 5, 2_000_000, 2_500_000, 1_999_999, lastStep - 4200]) {
      for (const back of [0, 1, 2, 4095, 4096, 4097, 3, 0]) {
        const position = at(step - back);
        expect(tight.seek(position)).toEqual(position);
        roomy.seek(position);
        expect(stateHash(tight.machine.checkpoint())).toBe(stateHash(roomy.machine.checkpoint()));
      }
    }
  });

  it('is taken where the way is long, and is the newest', () => {
    const near = new NearPlace();
    const first = { position: at(0), checkpoint };
    const between = { position: at(5500), checkpoint };
    expect(near.stepBefore(at(5_000_000), at(0), 1e-6)).toBe(4_995_904);
    expect(near.stepBefore(at(5_000_000), at(4_500_000), 1e-6)).toBeUndefined();
    // Where an instruction takes as long as ten thousand others, few may be run again.
    expect(near.stepBefore(at(5_000_000), at(4_999_000), 1e-2)).toBe(4_999_950);
    expect(near.stepBefore(at(5_000_000), at(4_999_990), 1)).toBeUndefined();
    expect(near.best(at(6000), first)).toBe(first);
    for (const step of [7000, 5000]) near.take(roomy.machine, at(step));
    expect(near.best(at(4999), first)).toBe(first);
    expect(near.best(at(7000), first)?.position.step).toBe(5000);
    expect(near.best(at(7000), between)).toBe(between);
    expect(near.best(at(5000), first)?.position.step).toBe(5000);
    expect(near.best(at(5000), first, true)).toBe(first);
  });
});

describe('the space between checkpoints', () => {
  /** After a while of instructions that take so long. */
  function spacingAfter(
    options: { readonly spacing?: number; readonly budgetBytes?: number },
    msPerStep: number,
  ): number {
    const kept = new Checkpoints(options);
    kept.addFirst(at(0), 0, checkpoint, false);
    for (let i = 1, step = 0; i < 40; i++) kept.add(at((step += kept.spacing)), step, checkpoint, msPerStep);
    return kept.spacing;
  }

  it('is smaller where instructions take long', () => {
    expect(spacingAfter({}, 1e-6)).toBe(SPACING);
    expect(spacingAfter({}, 1e-4)).toBeLessThan(SPACING);
    expect(spacingAfter({}, 1e-2)).toBeGreaterThan(10_000);
  });

  it('is what it was, when they do not take long any more', () => {
    const kept = new Checkpoints({});
    kept.addFirst(at(0), 0, checkpoint, false);
    let step = 0;
    const go = (msPerStep: number): void => {
      for (let i = 0; i < 10; i++) kept.add(at((step += kept.spacing)), step, checkpoint, msPerStep);
    };
    go(1e-3);
    expect(kept.spacing).toBeLessThan(SPACING / 8);
    go(1e-6);
    expect(kept.spacing).toBe(SPACING);
  });

  it('is not, where it was chosen or there is no room', () => {
    expect(spacingAfter({ spacing: 1_000_000 }, 1e-2)).toBe(1_000_000);
    expect(spacingAfter({ budgetBytes: 1 }, 1e-2)).toBeGreaterThan(SPACING);
  });
});
