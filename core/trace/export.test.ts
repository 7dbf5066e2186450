/** Exports are what their readers take. */
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { bundledKernelBtf } from '../../main/kernel-btf.ts';
import { perfettoJson } from './export-perfetto.ts';
import { csv, folded } from './export-text.ts';
import type { History } from './history.ts';
import { historyOf } from './history.ts';
import type { Recording } from './recording.ts';
import { factsOf, loadSource } from './recording.ts';
import { Replay } from './replay.ts';
import { readCsv, readFolded, readTrace } from './testing/readers.ts';
import { endlessSource, fileSource, loopSource, recordingOf } from './testing/recordings.ts';

const kernelBtf = bundledKernelBtf();
const recording = recordingOf(fileSource('cleanup', ['four_frames', 'callee_saved']));

/** Each program of a file that is accepted, all of them in one recording. */
function everythingIn(name: string): Recording {
  const source = fileSource(name, []);
  const facts = factsOf(source);
  const { programs } = loadSource(source, kernelBtf);
  const accepted = programs.filter(
    (program) => program.loadError === undefined && facts(program).verdict === 'accepted' && program.type !== 'ext',
  );
  return recordingOf({
    ...fileSource(
      name,
      accepted.map((program) => program.name),
    ),
    maxSteps: 5000,
  });
}

function recordedHistory(of: Recording): History {
  return historyOf(new Replay(of, { kernelBtf }));
}

const FILES = readdirSync(new URL('../../test/exceptions/', import.meta.url))
  .filter((name) => name.endsWith('.bpf.o'))
  .map((name) => name.replace('.bpf.o', ''));

/** Callbacks of helpers in each other, in a run that is cut off in the midst of them. */
const LOOPS = recordingOf({ ...endlessSource(), maxSteps: 3000 });

/** Of a file whose programs are all rejected there is no run. */
const RUN = FILES.map((name) => [name, everythingIn(name)] as const).filter(([, { runs }]) => runs.length > 0);

describe.each([...RUN, ['loops of callbacks', LOOPS] as const])('what happened in %s', (_name, everything) => {
  const { runs, events } = everything;
  const history = recordedHistory(everything);

  it('is a trace that Perfetto takes', () => {
    const trace = readTrace([...perfettoJson(history)].join(''));
    expect([...trace.threads.values()]).toEqual(runs.map(({ program }, i) => `run ${i}: ${program}`));
    const kept = [...events.events()];
    const count = (kind: string): number => kept.filter((event) => event.kind === kind).length;
    expect(trace.instants.filter((one) => one.name === 'throw')).toHaveLength(count('throw'));
    expect(trace.spans).toHaveLength(count('acquire'));
    const slices = [...trace.slices.values()].flat().length;
    const functions = ['call', 'callback', 'tail-call', 'exception-callback', 'helper'].reduce(
      (sum, kind) => sum + count(kind),
      0,
    );
    expect(slices).toBe(functions + runs.length);
  });

  it('is a table and stacks', () => {
    expect(readCsv([...csv(history)].join(''))).toHaveLength(events.length + 1);
    const stacks = readFolded([...folded(history)].join(''));
    const steps = runs.reduce((sum, run) => sum + run.lastStep - run.firstStep, 0);
    expect([...stacks.values()].reduce((sum, each) => sum + each, 0)).toBe(steps);
  });
});

describe('the readers of these tests', () => {
  const begin = { name: 'process_name', ph: 'M', pid: 1, tid: 0, ts: 0, args: { name: 'p' } };
  const thread = { name: 'thread_name', ph: 'M', pid: 1, tid: 1, ts: 0, args: { name: 't' } };
  const at = (ph: string, ts: number, more: object = {}): object => ({ name: 'a', ph, pid: 1, tid: 1, ts, ...more });
  it.each([
    ['is open at the end', [at('B', 1)]],
    ['ends and never began', [at('E', 1)]],
    ['ends another', [at('B', 1), at('E', 2, { name: 'b' })]],
    ['goes back in time', [at('B', 5), at('E', 4)]],
    ['overlaps', [at('X', 1, { dur: 3 }), at('X', 2, { dur: 3 })]],
    ['sticks out', [at('B', 1), at('X', 2, { dur: 3 }), at('E', 4)]],
    ['is a span without an end', [at('b', 1, { id: 1, cat: 'c' })]],
    ['ends under another category', [at('b', 1, { id: 1, cat: 'c' }), at('e', 2, { id: 1, cat: 'd' })]],
    ['has no time', [at('i', Number.NaN, { s: 't' })]],
    ['counts nothing', [at('C', 1, { args: {} })]],
    ['is of no phase', [at('Z', 1)]],
  ])('refuse what %s', (_what, bad) => {
    const read = (events: readonly object[]): unknown =>
      readTrace(JSON.stringify({ displayTimeUnit: 'ns', traceEvents: [begin, thread, ...events] }));
    expect(() => read(bad)).toThrow();
    expect(() => read([at('B', 1), at('X', 1, { dur: 1 }), at('E', 2)])).not.toThrow();
  });

  it.each(['a,b', 'a"b\r\n', '"a\r\n', '"a"b\r\n', 'a\nb\r\n'])('refuse the table %j', (table) => {
    expect(() => readCsv(table)).toThrow();
  });

  it('read quotes, commas, ends of lines and empty cells', () => {
    expect(readCsv('a,"b ""c"",\r\nd",\r\n,,x\r\n')).toEqual([
      ['a', 'b "c",\r\nd', ''],
      ['', '', 'x'],
    ]);
    expect(() => readFolded('a b 1\n')).toThrow();
    expect(() => readFolded('a;b 1\na;b 2\n')).toThrow();
  });
});

describe('lines', () => {
  it('of stacks add up to all instructions', () => {
    for (const one of [recording, recordingOf(loopSource(10))]) {
      const lines = [...folded(recordedHistory(one))].filter((line) => line !== '');
      for (const line of lines) expect(line).toMatch(/^[^ ;]+(;[^ ;]+)* \d+\n$/);
      const sum = lines.reduce((total, line) => total + Number(line.split(' ')[1]), 0);
      expect(sum).toBe(one.runs.reduce((total, run) => total + run.lastStep - run.firstStep, 0));
    }
    expect(
      [...folded(recordedHistory(recordingOf(loopSource(10))))].some((line) => line.startsWith('main;helper 30')),
    ).toBe(true);
  });
});
