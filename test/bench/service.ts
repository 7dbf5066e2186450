/**
 * What a page waits for: moments, pictures of the timeline and pages of events, of the example and of loops of 100 M steps.
 *
 *   node scripts/run-ts.mjs test/bench/service.ts [STEPS]
 */
import { Service } from '../../core/service/service.ts';
import { testHost } from '../../core/service/testing/host.ts';
import { loops } from './loops.ts';

const steps = Number(process.argv[2] ?? 100_000_000);
const ROUNDS = 200;

/** Milliseconds: the middle, 95 of 100, and the worst. */
function quantiles(times: readonly number[]): string {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): string =>
    (sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? 0).toFixed(2);
  return `p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, worst ${at(1)} ms`;
}

function measure(rounds: number, action: (i: number) => void): string {
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const start = performance.now();
    action(i);
    times.push(performance.now() - start);
  }
  return quantiles(times);
}

/** The same positions each time, all over the run. */
function scattered(i: number, last: number): number {
  return Math.floor(((i * 0.618033988749895) % 1) * last);
}

function report(name: string, service: Service): void {
  const { last } = service.timeline(0, 0, Number.MAX_SAFE_INTEGER, 1000);
  const wants = {
    registers: { frame: 0 },
    frames: true,
    stack: { frame: 0 },
    resources: true,
    unwinding: true,
  } as const;
  const far = measure(ROUNDS, (i) => service.at(service.moment(0, scattered(i, last)), wants));
  const near = measure(ROUNDS, (i) => service.at(service.moment(0, Math.min(last, Math.floor(last / 2) + i)), wants));
  service.go({ kind: 'position', position: service.moment(0, Math.floor(last / 2)) });
  const step = measure(ROUNDS, () => service.go({ kind: 'insn', direction: 'forwards' }));
  const stepBack = measure(ROUNDS, () => service.go({ kind: 'insn', direction: 'backwards' }));
  const here = measure(ROUNDS, () => service.at(service.state().position!, wants));
  const state = measure(ROUNDS, () => void service.state());
  let spans = 0;
  const whole = measure(ROUNDS, () => {
    const view = service.timeline(0, 0, last, 1750);
    spans = Math.max(spans, view.calls.length + view.points.length + view.resources.length);
  });
  const part = measure(ROUNDS, (i) => {
    const from = scattered(i, last);
    service.timeline(0, from, from + last / 1000, 1750);
  });
  const events = measure(20, (i) =>
    service.events({ run: 0, filter: `-nothing${i}`, sort: 'time', descending: false, from: 0, count: 100 }),
  );
  console.log(`${name}: ${last.toLocaleString('en')} ticks, ${service.state().checkpoints} checkpoints`);
  console.log(`  at, anywhere    ${far}`);
  console.log(`  at, near        ${near}`);
  console.log(`  at, here        ${here}`);
  console.log(`  state           ${state}`);
  console.log(`  step            ${step}`);
  console.log(`  step back       ${stepBack}`);
  console.log(`  timeline, all   ${whole}, ${spans} spans`);
  console.log(`  timeline, part  ${part}`);
  console.log(`  events, filter  ${events}`);
}

const service = new Service(testHost());
service.openExample('deep-throw');
service.go({ kind: 'run' });
report('deep-throw', service);

for (const { name, source } of loops(steps)) {
  const one = new Service(testHost());
  one.open({ name: source.objectName, bytes: source.objectBytes });
  one.execute(`set max-steps ${steps * 2}`);
  const start = performance.now();
  one.go({ kind: 'run' });
  const ran = performance.now() - start;
  const picture = performance.now();
  one.timeline(0, 0, 1, 10);
  console.log(`${name}: run ${ran.toFixed(0)} ms, first picture ${(performance.now() - picture).toFixed(0)} ms`);
  report(name, one);
}
