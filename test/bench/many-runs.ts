/** Thousands of short runs in one recording, as of a capture with as many packets: each must cost the same, however many came before. */
import { readFileSync } from 'node:fs';
import { zstd } from '../../main/compression.ts';
import { bundledKernelBtf } from '../../main/kernel-btf.ts';
import { FileWriter, readRecording } from '../../core/trace/file.ts';
import type { RecordingSource } from '../../core/trace/recording.ts';
import { record } from '../../core/trace/recording.ts';
import { Replay } from '../../core/trace/replay.ts';
import type { Row } from './report.ts';
import { percentile, percentiles } from './report.ts';

const RUNS = 20_000;
const SEEKS = 300;
const MEGABYTE = 2 ** 20;

const PACKET =
  '020000000001020000000002080045000039123400004011547e0a0000020a0000019c400035002500002a2a01000001000000000000076578616d706c65036f72670000010001';

/** Packets for a program that throws at those that are shorter than they say. */
export function packetSource(runs: number): RecordingSource {
  return {
    objectName: 'packet-parser.bpf.o',
    objectBytes: readFileSync('examples/packet-parser.bpf.o'),
    scenario: {},
    requests: Array.from({ length: runs }, (_, i) => ({
      program: 'parse_udp',
      context: { packet: { data: PACKET.slice(0, PACKET.length - (i % 3 === 0 ? 2 * (i % 40) : 0)) } },
    })),
    globals: [],
    maxSteps: 1_000_000,
  };
}

/** Milliseconds of processor time for each of so many runs. */
function costOfRun(runs: number): number {
  const source = packetSource(runs);
  const start = process.cpuUsage();
  record(source, { kernelBtf: bundledKernelBtf(), writer: new FileWriter(() => undefined, zstd) });
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000 / runs;
}

export function benchManyRuns(runs = RUNS): Row[] {
  const kernelBtf = bundledKernelBtf();
  costOfRun(300);
  const few = costOfRun(runs / 10);
  const parts: Uint8Array[] = [];
  const start = process.cpuUsage();
  record(packetSource(runs), { kernelBtf, writer: new FileWriter((part) => parts.push(part), zstd) });
  const { user, system } = process.cpuUsage(start);
  const many = (user + system) / 1000 / runs;
  const file = Buffer.concat(parts);
  const recorded = process.memoryUsage().rss / MEGABYTE;

  const begin = performance.now();
  const replay = new Replay(readRecording(file, zstd), { kernelBtf });
  replay.recording.events.buckets(0, 0, replay.recording.runs[0]!.lastStep, 1000);
  const opened = performance.now() - begin;
  const prepared = timed(() => replay.prepare());
  let random = 12345;
  const below = (limit: number): number => {
    random = (Math.imul(random, 1103515245) + 12345) >>> 0;
    return Math.floor((random / 2 ** 32) * limit);
  };
  const seeks: number[] = [];
  const backs: number[] = [];
  for (let i = 0; i < SEEKS; i++) {
    const run = below(replay.runs.length);
    const { first, last } = replay.runs[run]!;
    const step = first.step + below((last?.step ?? first.step) - first.step);
    seeks.push(timed(() => replay.seek({ run, step, phase: 0 })));
    for (let back = 1; back <= 3; back++)
      backs.push(timed(() => replay.seek({ run, step: Math.max(step - back, first.step), phase: 0 })));
  }
  const megabytes = process.memoryUsage().rss / MEGABYTE;
  const count = replay.runs.length.toLocaleString('en');
  return [
    {
      name: 'recording many runs',
      what: `${count} packets: of a run, by that of a tenth of the packets`,
      value: many / few,
      text: `${(many / few).toFixed(2)} × ${few.toFixed(2)} ms`,
      limit: { kind: 'at most', value: 1.3, text: '1.3 ×' },
    },
    {
      name: 'opening many runs',
      what: 'reading the file, and the first of them',
      value: opened,
      text: `${opened.toFixed(0)} ms`,
      limit: { kind: 'at most', value: 1000, text: '1 s' },
    },
    {
      name: 'preparing many runs',
      what: 'checkpoints of all of them, in the background',
      value: prepared,
      text: `${prepared.toFixed(0)} ms`,
    },
    {
      name: 'seek among many runs',
      what: `to ${SEEKS} random steps of random runs`,
      value: Math.max(percentile(seeks, 0.5) / 16, percentile(seeks, 0.99) / 100),
      text: percentiles(seeks),
      limit: { kind: 'at most', value: 1, text: '16 ms, 100 ms' },
    },
    {
      name: 'reverse step among many runs',
      what: 'three from each of these',
      value: percentile(backs, 0.99),
      text: percentiles(backs),
      limit: { kind: 'at most', value: 16, text: 'p99 16 ms' },
    },
    {
      name: 'memory of many runs',
      what: 'of the whole process after recording, and after going about in them',
      value: Math.max(recorded, megabytes),
      text: `${recorded.toFixed(0)} MB; ${megabytes.toFixed(0)} MB`,
      limit: { kind: 'at most', value: 512, text: '512 MB' },
    },
  ];
}

function timed(run: () => unknown): number {
  const start = performance.now();
  run();
  return performance.now() - start;
}
