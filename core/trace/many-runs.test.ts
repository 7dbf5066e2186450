/** Thousands of runs share a few checkpoints: from these every moment is reached, with the state that it had. */
import { expect, describe, it } from 'vitest';
import { bundledKernelBtf } from '../../main/kernel-btf.ts';
import { Replay } from './replay.ts';
import { stateHash } from './state-hash.ts';
import { fileSource, recordingOf } from './testing/recordings.ts';
import type { Position, Search } from './timeline.ts';

const kernelBtf = bundledKernelBtf();
// A timer and a work queue run by themselves after two of them.
const programs = ['throws_with_timer_armed', 'tree_node', 'throws_with_work_queued', 'callback_uses_maps'];
const source = fileSource(
  'resources',
  Array.from({ length: 60 }, (_, i) => programs[i % programs.length]!),
);
const recording = recordingOf({ ...source, scenario: { globals: { which: 1 } } });
const first: Search = {
  phases: false,
  // Where a function begins: a run by itself begins with a callback.
  stops: (program) => {
    const marks = new Uint8Array(program.instructions.length);
    for (const { start } of program.subprograms) marks[start] = 1;
    return marks;
  },
  test: () => 'hit',
};

const roomy = new Replay(recording, { kernelBtf, spacing: 1 });
// Every checkpoint but the first and the newest is one too many.
const tight = new Replay(recording, { kernelBtf, budgetBytes: 1 });

function hashAt(replay: Replay, position: Position): string {
  expect(replay.seek(position)).toEqual(position);
  return stateHash(replay.machine.checkpoint());
}

describe('many runs', () => {
  it('need few checkpoints', () => {
    expect(recording.runs.length).toBeGreaterThan(source.requests.length);
    expect(tight.prepare()).toBe(true);
    expect(roomy.prepare()).toBe(true);
    expect(tight.checkpoints).toBeLessThan(4);
    expect(roomy.checkpoints).toBeGreaterThan(recording.runs.length);
  });

  it('can be gone to in any order, to the recorded state', () => {
    const count = recording.runs.length;
    for (let i = 0; i < 25; i++) {
      const run = (i * 37) % count;
      const { firstStep, lastStep, lastPhase } = recording.runs[run]!;
      for (const position of [
        { run, step: firstStep, phase: 0 },
        { run, step: Math.floor((firstStep + lastStep) / 2), phase: 0 },
        { run, step: lastStep, phase: lastPhase },
      ]) {
        expect(hashAt(tight, position)).toBe(hashAt(roomy, position));
      }
    }
  });

  it('are gone through backwards as forwards', () => {
    tight.seek(tight.first);
    const forwards = [tight.first];
    for (;;) {
      const found = tight.searchForward(first);
      if (found === 'hit') forwards.push(tight.position);
      else if (tight.position.run === recording.runs.length - 1) break;
    }
    expect(new Set(forwards.map(({ run }) => run)).size).toBe(recording.runs.length);
    const backwards: Position[] = [];
    while (tight.searchBackward(first) === 'hit') backwards.unshift(tight.position);
    expect(backwards).toEqual(forwards);
  });
});
