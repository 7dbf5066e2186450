/** What recording costs, and how fast one gets about in a recording of 100 M steps. Two things that are compared are measured in one run. */
import { bundledKernelBtf } from '../../main/kernel-btf.ts';
import { zstd } from '../../main/compression.ts';
import { Kernel } from '../../core/kernel/kernel.ts';
import { Machine } from '../../core/machine/machine.ts';
import { LinearMemory } from '../../core/machine/memory.ts';
import { readRecording, writeRecording } from '../../core/trace/file.ts';
import { loadSource, record } from '../../core/trace/recording.ts';
import type { RecordingSource } from '../../core/trace/recording.ts';
import { Replay } from '../../core/trace/replay.ts';
import { loopSource } from '../../core/trace/testing/recordings.ts';
import type { Row } from './report.ts';
import { best, percentile, percentiles } from './report.ts';

/** About 8,200 steps each. */
const ROUNDS = 12_200;
const SEEKS = 300;

export function benchTrace(): Row[] {
  const kernelBtf = bundledKernelBtf();
  const source = loopSource(ROUNDS);
  const plain = best(3, () => runPlain(source));
  let recording = record(source, { kernelBtf });
  const recorded = best(3, () => (recording = record(source, { kernelBtf })));
  const { lastStep } = recording.runs[0]!;
  const file = writeRecording(recording, zstd);

  const opened = best(1, () => readRecording(file, zstd).events.buckets(0, 0, lastStep, 1000));
  const begin = performance.now();
  const replay = new Replay(readRecording(file, zstd), { kernelBtf });
  replay.recording.events.buckets(0, 0, lastStep, 1000);
  const overview = performance.now() - begin;
  const prepared = best(1, () => replay.prepare());

  let random = 12345;
  const anyStep = (): number => {
    random = (Math.imul(random, 1103515245) + 12345) >>> 0;
    return Math.floor((random / 2 ** 32) * (lastStep - 10)) + 5;
  };
  const seeks: number[] = [];
  const backs: number[] = [];
  for (let i = 0; i < SEEKS; i++) {
    const step = anyStep();
    seeks.push(timed(() => replay.seek({ run: 0, step, phase: 0 })));
    for (let back = 1; back <= 3; back++) backs.push(timed(() => replay.seek({ run: 0, step: step - back, phase: 0 })));
  }

  const program = replay.object.programs[0]!;
  // The second instruction runs once, at the very start.
  const once = new Uint8Array(program.instructions.length);
  once[1] = 1;
  const search = { phases: false, stops: () => once, test: () => 'hit' as const };
  const nothing = { phases: false, stops: () => undefined, test: () => 'miss' as const };
  replay.seek(replay.first);
  const forward = timed(() => replay.searchForward(nothing));
  replay.seek(replay.last);
  const backward = timed(() => replay.searchBackward(search));
  const found = replay.position.step;
  const megabytes = process.memoryUsage().rss / 2 ** 20;
  const steps = lastStep.toLocaleString('en');
  return [
    row(
      'recording',
      `a loop of ${steps} steps, by the time of the same run unrecorded`,
      recorded / plain,
      `${(recorded / plain).toFixed(2)} × ${plain.toFixed(0)} ms`,
      [1.3, '1.3 ×'],
    ),
    row(
      'file',
      'of it, by instructions',
      file.length / lastStep,
      `${file.length.toLocaleString('en')} bytes, ${(file.length / lastStep).toFixed(5)} bytes per instruction`,
      [0.05, '0.05 bytes'],
    ),
    row(
      'opening',
      'reading the file and 1,000 buckets; with the object loaded and verified',
      overview,
      `${opened.toFixed(0)} ms; ${overview.toFixed(0)} ms`,
      [1000, '1 s'],
    ),
    row('preparing', 'checkpoints of all of it, in the background', prepared, `${prepared.toFixed(0)} ms`),
    row(
      'seek',
      `to ${SEEKS} random steps`,
      Math.max(percentile(seeks, 0.5) / 16, percentile(seeks, 0.99) / 100),
      percentiles(seeks),
      [1, '16 ms, 100 ms'],
    ),
    row('reverse step', 'three from each of these', percentile(backs, 0.99), percentiles(backs), [16, 'p99 16 ms']),
    row(
      'reverse continue',
      `over all steps to a breakpoint at step ${found}, by running forwards`,
      backward / forward,
      `${(backward / forward).toFixed(2)} × ${forward.toFixed(0)} ms`,
      [1.5, '1.5 ×'],
    ),
    row('memory', 'of the whole process after all of this', megabytes, `${megabytes.toFixed(0)} MB`, [512, '512 MB']),
  ];
}

function runPlain(source: RecordingSource): void {
  const object = loadSource(source, bundledKernelBtf());
  const memory = new LinearMemory();
  const kernel = new Kernel({ memory, scenario: {}, kernelBtf: object.kernelBtf });
  kernel.loadObject(object);
  const machine = new Machine({ kernel, memory, profile: 'proposal' });
  const program = object.programs[0]!;
  kernel.begin(program);
  machine.start(program, kernel.context(program));
  machine.run({ fuel: source.maxSteps });
}

/** `most` is the value that may not be exceeded, and how it reads. */
function row(name: string, what: string, value: number, text: string, most?: readonly [number, string]): Row {
  const limit = most === undefined ? {} : { limit: { kind: 'at most' as const, value: most[0], text: most[1] } };
  return { name, what, value, text, ...limit };
}

function timed(run: () => unknown): number {
  const start = performance.now();
  run();
  return performance.now() - start;
}
