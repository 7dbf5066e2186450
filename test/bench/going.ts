/** How fast one gets about in loops.ts: where checkpoints are dear, and where much happens in few instructions. */
import { bundledKernelBtf } from '../../main/kernel-btf.ts';
import { record } from '../../core/trace/recording.ts';
import { Replay } from '../../core/trace/replay.ts';
import type { Loop } from './loops.ts';
import { loops } from './loops.ts';
import type { Row } from './report.ts';
import { percentile } from './report.ts';

const STEPS = 100_000_000;
const SEEKS = 120;
const STEPS_BACK = 8;
const SEEK_P50 = 16;
const SEEK_P99 = 100;
const BACK_P99 = 16;

export interface Going {
  readonly seeks: readonly number[];
  readonly backs: readonly number[];
  readonly checkpoints: number;
  readonly megabytes: number;
}

/** Milliseconds of processor time: wall time would also measure what else the machine does. */
function timed(run: () => unknown): number {
  const start = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}

/** Goes to random steps, and back from each of them, a step at a time. */
export function measureGoing({ source }: Loop, count: number): Going {
  const kernelBtf = bundledKernelBtf();
  const replay = new Replay(record(source, { kernelBtf }), { kernelBtf });
  replay.prepare();
  const { last } = replay.runs[0]!;
  let random = 12345;
  const seeks: number[] = [];
  const backs: number[] = [];
  for (let i = 0; i < count; i++) {
    random = (Math.imul(random, 1103515245) + 12345) >>> 0;
    const step = Math.floor((random / 2 ** 32) * ((last?.step ?? 0) - 20)) + 10;
    seeks.push(timed(() => replay.seek({ run: 0, step, phase: 0 })));
    for (let back = 1; back <= STEPS_BACK; back++)
      backs.push(timed(() => replay.seek({ run: 0, step: step - back, phase: 0 })));
  }
  return { seeks, backs, checkpoints: replay.checkpoints, megabytes: process.memoryUsage().rss / 2 ** 20 };
}

export function benchGoing(steps = STEPS, count = SEEKS): Row[] {
  return loops(steps).map((loop): Row => {
    const { seeks, backs } = measureGoing(loop, count);
    const [middle, far, back] = [percentile(seeks, 0.5), percentile(seeks, 0.99), percentile(backs, 0.99)];
    return {
      name: loop.name,
      what: loop.what,
      value: Math.max(middle / SEEK_P50, far / SEEK_P99, back / BACK_P99),
      text: `seek p50 ${middle.toFixed(1)}, p99 ${far.toFixed(1)}; back p99 ${back.toFixed(1)} ms`,
      limit: { kind: 'at most', value: 1, text: `${SEEK_P50}, ${SEEK_P99}; ${BACK_P99} ms` },
    };
  });
}
