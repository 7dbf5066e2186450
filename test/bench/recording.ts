/** What recording costs: loops.ts recorded into a file, and run without anybody who listens, in one process and in turns. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { zstd } from '../../main/compression.ts';
import { bundledKernelBtf } from '../../main/kernel-btf.ts';
import { Kernel } from '../../core/kernel/kernel.ts';
import { Machine } from '../../core/machine/machine.ts';
import { LinearMemory } from '../../core/machine/memory.ts';
import { FileWriter } from '../../core/trace/file.ts';
import { LiveTimeline } from '../../core/trace/live.ts';
import { countHits } from '../../core/trace/hits.ts';
import type { RecordingSource } from '../../core/trace/recording.ts';
import { factsOf, loadSource, programNamed, record } from '../../core/trace/recording.ts';
import type { Loop } from './loops.ts';
import { loops } from './loops.ts';
import type { Limit, Row } from './report.ts';
import { best, median } from './report.ts';

const STEPS = 100_000_000;
/** Rounds of each, of which the fastest counts: fewer of loops that take long, which are disturbed less. */
const ROUNDS = 7;
const LONG_ROUNDS = 3;
const LONG_MS = 2000;
const TIME_CEILING = 1.3;
const BYTES_CEILING = 0.05;
/** Of the nearer of the two. */
const LIMIT: Limit = { kind: 'at most', value: 1, text: `${TIME_CEILING} ×, ${BYTES_CEILING} bytes` };

export interface RecordingCost {
  readonly loop: Loop;
  readonly steps: number;
  /** Milliseconds unrecorded. */
  readonly plain: number;
  /** Recorded, by unrecorded. */
  readonly ratio: number;
  /** Of the file. */
  readonly bytesPerStep: number;
}

export function measureRecording(loop: Loop, rounds: number): RecordingCost {
  const { source } = loop;
  const plain: number[] = [];
  const recordings: number[] = [];
  let bytes = 0;
  let steps = 0;
  // Once before all: what the host compiles is compiled, as it is for the other loops.
  runPlain(source);
  runRecorded(source);
  for (let round = 0; round < (median(plain) > LONG_MS ? Math.min(rounds, LONG_ROUNDS) : rounds); round++) {
    const [a, ended] = timed(() => runPlain(source));
    const [b, recorded] = timed(() => runRecorded(source));
    if (ended !== recorded.steps) throw new Error(`${loop.name} is another run when it is recorded`);
    plain.push(a);
    recordings.push(b);
    ({ bytes, steps } = recorded);
  }
  const fastest = Math.min(...plain);
  return { loop, steps, plain: fastest, ratio: Math.min(...recordings) / fastest, bytesPerStep: bytes / steps };
}

/** What a round leaves behind is not the next one's: a machine's memory is large. */
const collectGarbage = ((): (() => void) => {
  setFlagsFromString('--expose-gc');
  // Otherwise what was compiled goes with the garbage, and is compiled again in each round: most of it for the recording.
  setFlagsFromString('--no-flush-bytecode');
  const gc: unknown = runInNewContext('gc');
  return () => {
    if (typeof gc === 'function') Reflect.apply(gc, undefined, []);
  };
})();

/** Milliseconds that somebody waits. What else the machine does meanwhile is in them, so only the fastest round counts. */
function timed<T>(run: () => T): [number, T] {
  collectGarbage();
  const start = performance.now();
  const result = run();
  return [performance.now() - start, result];
}

/** To the end, as `bailout run` does it, without anybody who listens; how many steps it took. */
export function runPlain(source: RecordingSource): number {
  const object = loadSource(source, bundledKernelBtf());
  const facts = factsOf(source);
  const memory = new LinearMemory();
  const { scenario } = source;
  const kernel = new Kernel({ memory, scenario, kernelBtf: object.kernelBtf });
  kernel.loadObject(object);
  const program = programNamed(object, source.requests[0]?.program ?? '');
  const machine = new Machine({ kernel, memory, profile: facts(program).profile, factsOf: facts });
  kernel.begin(program);
  machine.start(program, kernel.context(program));
  const stop = machine.run({ fuel: source.maxSteps });
  if (stop.kind !== 'exit') throw new Error(`the loop ended with ${JSON.stringify(stop)}`);
  return machine.step;
}

/** As `bailout record` does it, but that the file goes nowhere. */
export function runRecorded(source: RecordingSource): { readonly steps: number; readonly bytes: number } {
  let bytes = 0;
  const writer = new FileWriter((part) => (bytes += part.length), zstd);
  const { runs } = record(source, { kernelBtf: bundledKernelBtf(), writer });
  return { steps: runs[0]?.lastStep ?? 0, bytes };
}

/** A row for each loop, and how fast its instructions are counted where there are only instructions. */
export function benchRecording(steps = STEPS, rounds = ROUNDS): Row[] {
  const rows = loops(steps).map((loop): Row => {
    const { plain, ratio, bytesPerStep } = measureRecording(loop, rounds);
    return {
      name: loop.name,
      what: loop.what,
      value: Math.max(ratio / TIME_CEILING, bytesPerStep / BYTES_CEILING),
      text: `${ratio.toFixed(2)} × ${plain.toFixed(0)} ms, ${bytesPerStep.toFixed(5)} bytes per instruction`,
      limit: LIMIT,
    };
  });
  return [...rows, hitsRow(steps)];
}

function hitsRow(steps: number): Row {
  const { source } = loops(steps)[0]!;
  const object = loadSource(source, bundledKernelBtf());
  const timeline = new LiveTimeline({
    object,
    scenario: source.scenario,
    profile: 'proposal',
    factsOf: () => undefined,
    maxSteps: source.maxSteps,
  });
  timeline.begin(programNamed(object, 'main'), {});
  timeline.complete();
  const rate = steps / best(3, () => countHits(timeline, 0)) / 1000;
  return {
    name: 'counting instructions',
    what: 'of the first loop, each of them, by running it again',
    value: rate,
    text: `${rate.toFixed(0)} M insn/s`,
    limit: { kind: 'at least', value: 150, text: '150 M insn/s' },
  };
}
