/** Recordings of programs with others attached: what is attached is in the file, and the replay is the recorded run. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { zstd } from '../../main/compression.ts';
import { bundledKernelBtf } from '../../main/kernel-btf.ts';
import { runProgram } from '../machine/run.ts';
import { attachmentsOf } from './attached.ts';
import type { RecordedAttachment } from './attached.ts';
import { perfettoJson } from './export-perfetto.ts';
import { folded } from './export-text.ts';
import { readRecording, writeRecording } from './file.ts';
import { historyOf } from './history.ts';
import { hearPart } from './part.ts';
import { Replay } from './replay.ts';
import type { RecordingSource } from './recording.ts';
import { factsOf, loadSource, programNamed } from './recording.ts';
import { readFolded, readTrace } from './testing/readers.ts';
import { recordingOf } from './testing/recordings.ts';

const bytes = new Uint8Array(readFileSync(new URL('../../test/exceptions/attach.bpf.o', import.meta.url)));
const kernelBtf = bundledKernelBtf();

function sourceWith(attach: readonly RecordedAttachment[], runs = 2): RecordingSource {
  return {
    objectName: 'attach.bpf.o',
    objectBytes: bytes,
    scenario: { globals: { limit: 1000 } },
    requests: Array.from({ length: runs }, () => ({ program: 'target', context: {} })),
    globals: [],
    ...(attach.length === 0 ? {} : { attach }),
    maxSteps: 10_000,
  };
}

const other = { name: 'other.bpf.o', bytes };
const tracing = fc
  .tuple(
    fc.constantFrom('on_entry', 'on_exit', 'throwing_entry', 'throwing_exit'),
    fc.constantFrom('static_part', 'target'),
    fc.option(fc.constant(other), { nil: undefined }),
  )
  .map(([program, name, object]): RecordedAttachment => ({
    ...(object === undefined ? {} : { object }),
    program,
    target: 'target',
    function: name,
  }));
const replacing = fc.constantFrom('replacement', 'throwing_replacement').map((program): RecordedAttachment => ({
  program,
  target: 'target',
  function: 'global_part',
}));

/** Each function ends in the exported trace where it returned, and instructions are spent in stacks of functions. */
function expectReturns(replay: Replay): void {
  const { runs, events } = replay.recording;
  const history = historyOf(replay);
  const trace = readTrace([...perfettoJson(history)].join(''));
  let start = 0;
  for (const [i, { program, firstStep, lastStep }] of runs.entries()) {
    const ends = (trace.slices.get(i + 1) ?? []).map(({ name, to }) => `${name} ${to}`);
    const query = { from: { run: i, step: 0, phase: 0 }, to: { run: i + 1, step: 0, phase: 0 } };
    for (const { kind, name, position } of events.events(query))
      if (kind === 'return' && name !== program)
        expect(ends).toContain(`${name} ${start + position.step + 1 - firstStep}`);
    start += lastStep - firstStep + 1;
  }
  const stacks = readFolded([...folded(history)].join(''));
  const steps = runs.reduce((sum, run) => sum + run.lastStep - run.firstStep, 0);
  expect([...stacks.values()].reduce((sum, each) => sum + each, 0)).toBe(steps);
}

describe('recordings of attached programs', () => {
  it('replay exactly, and return what a single run returns', () => {
    const attachments = fc
      .tuple(fc.option(replacing, { nil: undefined }), fc.array(tracing, { maxLength: 3 }))
      .map(([first, rest]) => [...(first === undefined ? [] : [first]), ...rest]);
    fc.assert(
      fc.property(attachments, (attach) => {
        const source = sourceWith(attach);
        const recording = recordingOf(source);
        expect(recording.complete).toBe(true);
        const read = readRecording(writeRecording(recording, zstd), zstd);
        expect(read.source).toEqual(recording.source);
        const replay = new Replay(read, { kernelBtf });
        expect(replay.prepare()).toBe(true);
        const again = [...hearPart(replay, { run: 0, from: 0, to: Infinity })!.events.events()];
        expect(again.filter(({ kind }) => kind !== 'exit')).toEqual(
          [...recording.events.events()].filter(({ position, kind }) => position.run === 0 && kind !== 'exit'),
        );

        expectReturns(replay);
        const object = loadSource(source, kernelBtf);
        const facts = factsOf(source);
        const program = programNamed(object, 'target');
        const single = runProgram({
          object,
          program,
          verification: facts(program),
          factsOf: facts,
          scenario: source.scenario,
          attach: attachmentsOf(attach, object, kernelBtf),
        });
        expect(recording.runs[0]).toMatchObject({
          end: { kind: 'exit', value: single.value },
          lastStep: single.steps,
          throws: single.throws.length,
        });
      }),
      { numRuns: 10 },
    );
  });

  it('are exported with frames of what is attached', () => {
    const attach = [
      { program: 'replacement', target: 'target', function: 'global_part' },
      { program: 'on_entry', target: 'target', function: 'static_part' },
      { program: 'on_exit', target: 'target', function: 'static_part' },
    ];
    const replay = new Replay(recordingOf(sourceWith(attach, 1)), { kernelBtf });
    const stacks = readFolded([...folded(historyOf(replay))].join(''));
    expect([...stacks.keys()].sort()).toEqual([
      'target',
      // Until the other one takes its place.
      'target;global_part',
      'target;on_exit',
      'target;replacement',
      'target;static_part',
      'target;static_part;on_entry',
    ]);
    expect(stacks.get('target;replacement')).toBe(3);
    expect(stacks.get('target;static_part')).toBeGreaterThan(6);
  });

  it('name the function that waits, however many programs run before and after it', () => {
    const attach = ['on_entry', 'on_entry_with_context', 'on_exit', 'on_exit'].map((program) => ({
      program,
      target: 'target',
      function: 'static_part',
    }));
    const recording = recordingOf(sourceWith(attach, 1));
    const replay = new Replay(recording, { kernelBtf });
    const stacks = [...recording.events.events({ kinds: ['fentry', 'fexit'] })].map(({ position }) => {
      replay.seek({ ...position, step: position.step + 1 });
      return replay.machine.frames().map(({ name }) => name);
    });
    expect(stacks).toEqual(attach.map(({ program }) => [program, 'static_part', 'target']));
  });

  it('hold another object once', () => {
    const attach = ['on_entry', 'on_exit'].map((program) => ({
      object: other,
      program,
      target: 'target',
      function: 'static_part',
    }));
    const one = writeRecording(recordingOf(sourceWith(attach.slice(0, 1))), zstd);
    const two = readRecording(writeRecording(recordingOf(sourceWith(attach)), zstd), zstd);
    const [first, second] = two.source.attach ?? [];
    expect(first?.object).toEqual(other);
    expect(second?.object).toBe(first?.object);
    expect(readRecording(one, zstd).source.attach).toHaveLength(1);
  });

  it.each([
    [{ program: 'nobody', target: 'target', function: 'static_part' }, 'TRACE_NO_PROGRAM'],
    [{ program: 'target', target: 'target', function: 'static_part' }, 'TRACE_NO_PROGRAM'],
    [{ program: 'on_entry', target: 'nobody', function: 'static_part' }, 'TRACE_NO_PROGRAM'],
    [{ program: 'on_entry', target: 'target', function: 'nowhere' }, 'ATTACH_TARGET'],
  ])('that name %j are refused', (attachment, code) => {
    const recording = recordingOf(sourceWith([]));
    const made = { ...recording, source: { ...recording.source, attach: [attachment] } };
    const read = readRecording(writeRecording(made, zstd), zstd);
    expect(() => new Replay(read, { kernelBtf })).toThrow(expect.objectContaining({ code }) as Error);
  });
});
