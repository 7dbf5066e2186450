/** Filters of runs: against what one finds by going to the end of each run oneself. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { zstd } from '../../main/compression.ts';
import { bundledKernelBtf } from '../../main/kernel-btf.ts';
import { parseScenario } from '../kernel/scenario-file.ts';
import { loadObject } from '../object/object.ts';
import { readRecording, writeRecording } from '../trace/file.ts';
import { record } from '../trace/recording.ts';
import { Replay } from '../trace/replay.ts';
import { CompiledExpression } from './expressions/evaluate.ts';
import { runView, runsLike } from './runs.ts';
import { Session } from './session.ts';

const examples = new URL('../../examples/', import.meta.url);

function sessionOf(name: string, scenario: string): Session {
  const object = loadObject(readFileSync(new URL(`${name}.bpf.o`, examples)), { name, kernelBtf: bundledKernelBtf() });
  return new Session(object, parseScenario(readFileSync(new URL(scenario, examples), 'utf8')));
}

/** Ten runs of the parser: whole packets, and in between some that are too short for it. */
function manyRuns(): Session {
  const session = sessionOf('packet-parser', 'packet-parser.json');
  const context = session.scenario.context ?? {};
  for (let i = 0; i < 10; i++) {
    if (i % 3 !== 1) session.start(context, {}, `packet ${i + 1} of 10 (dns.pcap)`);
    else session.start({ ...context, packet: { data: '020000000001020000000002080046000000' } });
  }
  session.complete();
  return session;
}

describe('filters of runs', () => {
  const session = manyRuns();
  const { runs } = session.timeline;
  const all = runs.map((_run, index) => index);

  it.each([
    ['', all],
    ['steps > 20', [0, 2, 3, 5, 6, 8, 9]],
    ['steps < 20 && run >= 4', [4, 7]],
    ['input', [0, 2, 3, 5, 6, 8, 9]],
    ['input ~ DNS', [0, 2, 3, 5, 6, 8, 9]],
    ['input ~ "packet 3 of"', [2]],
    ['!input', [1, 4, 7]],
    ['throws', []],
    ['packet 3 of', [0, 2, 3, 5, 6, 8, 9].filter((index) => runView(session, index).input?.includes('3') === true)],
    ['result == XDP_PASS && program == parse_udp && what == "program"', all],
    ['xdp_pass -packet', [1, 4, 7]],
    ['throws > 0 || fault || result < 0', []],
    ['$run == 2 || $retval == 7', [2]],
    // Of a run that is over there is no frame, so no register.
    ['r6 == 0 || !(r6 == 0)', all],
  ])('%s', (filter, expected) => {
    expect(runsLike(session, filter)).toEqual(expected);
  });

  it('sees maps and variables as each run left them', () => {
    const { timeline, scope } = session;
    for (const filter of ['options[0].packets[0] > 3', 'options[0].packets[0] == $run', 'options[1]']) {
      const expression = new CompiledExpression(filter, session.symbols.types);
      const expected = all.filter((index) => timeline.glance(runs[index]!.last!, () => expression.holds(scope)));
      expect(runsLike(session, filter)).toEqual(expected);
    }
    expect(runsLike(session, 'options[0].packets[0] > 3').length).toBeGreaterThan(0);
  });

  it('leaves the session where it is', () => {
    session.goto({ run: 3, step: 17, phase: 0 });
    const { position } = session;
    const registers = [...session.machine.registers];
    runsLike(session, 'options[0].packets[0] > 1');
    runsLike(session, 'options[0].packets[0] > 2 && r1 == 0');
    expect(session.position).toEqual(position);
    expect([...session.machine.registers]).toEqual(registers);
  });

  it('combines its terms as JavaScript does', () => {
    const term = fc.oneof(
      fc.integer({ min: -1, max: 11 }).map((n) => ({ text: `run < ${n}`, test: (run: number) => run < n })),
      fc.constant({ text: 'steps > 20', test: (run: number) => run % 3 !== 1 }),
      fc.constant({ text: '(input ~ packet)', test: (run: number) => run % 3 !== 1 }),
      // What has no value is false, and its opposite true.
      fc.constant({ text: 'options[77].packets[0] >= 0', test: () => false }),
    );
    type Term = { readonly text: string; test(run: number): boolean };
    const { tree } = fc.letrec<{ tree: Term }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        term,
        tie('tree').map((a) => ({ text: `!(${a.text})`, test: (run: number) => !a.test(run) })),
        fc.tuple(tie('tree'), tie('tree')).map(([a, b]) => ({
          text: `(${a.text} && ${b.text})`,
          test: (run: number) => a.test(run) && b.test(run),
        })),
        fc.tuple(tie('tree'), tie('tree')).map(([a, b]) => ({
          text: `(${a.text} || ${b.text})`,
          test: (run: number) => a.test(run) || b.test(run),
        })),
      ),
    }));
    fc.assert(
      fc.property(tree, ({ text, test }) => {
        expect(runsLike(session, text)).toEqual(all.filter(test));
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    ['resutl == 2', 'did you mean `result`'],
    ['result ==', 'missing at its end'],
    ['throws > 0 && nonsense', 'there is no `nonsense`'],
    ['options[0].packet > 1', 'did you mean `packets`'],
  ])('refuses %s, whatever the runs are', (filter, problem) => {
    expect(() => runsLike(session, filter)).toThrow(problem);
  });

  it('looks at a run that is over once, and at new ones when they come', () => {
    const mine = manyRuns();
    const seen: number[] = [];
    const limits = { onProgress: (done: number) => void seen.push(done) };
    expect(runsLike(mine, 'options[0].packets[0] > 3', limits)).toEqual(runsLike(session, 'options[0].packets[0] > 3'));
    expect(seen).toEqual(all.map((index) => index + 1));
    runsLike(mine, 'options[0].packets[0] > 3', limits);
    expect(seen).toHaveLength(10);
    mine.run();
    expect(runsLike(mine, 'options[0].packets[0] > 3', limits)).toContain(10);
    expect(seen.slice(10)).toEqual([11]);
    // One that is under way is looked at where it is.
    mine.start();
    expect(runsLike(mine, 'result == 2')).not.toContain(11);
    expect(runsLike(mine, 'steps == 0')).toEqual([11]);
    mine.complete();
    expect(runsLike(mine, 'result == 2')).toContain(11);
  });

  it('is cancelled without an answer, and goes on later', () => {
    const mine = manyRuns();
    const { position } = mine;
    let asked = 0;
    const isCancelled = (): boolean => ++asked > 12;
    expect(() => runsLike(mine, 'options[0].packets[0] > 3', { isCancelled })).toThrow('cancelled');
    expect(mine.position).toEqual(position);
    expect(runsLike(mine, 'options[0].packets[0] > 3')).toEqual(runsLike(session, 'options[0].packets[0] > 3'));
  });
});

it('filters the runs of a recording, whose inputs it has', () => {
  const live = manyRuns();
  const recording = record(
    {
      objectName: 'packet-parser.bpf.o',
      objectBytes: readFileSync(new URL('packet-parser.bpf.o', examples)),
      scenario: live.scenario,
      requests: live.requests,
      globals: [],
      maxSteps: 1000,
    },
    { kernelBtf: bundledKernelBtf() },
  );
  const read = readRecording(writeRecording(recording, zstd), zstd);
  const timeline = new Replay(read, { kernelBtf: bundledKernelBtf() });
  const session = new Session(timeline.object, read.source.scenario);
  session.attach(timeline, read.source.requests);
  for (const filter of ['input ~ dns', 'options[0].packets[0] > 3', 'steps > 20 && !(run == 2)'])
    expect(runsLike(session, filter)).toEqual(runsLike(live, filter));
  expect(session.position).toEqual({ run: 0, step: 0, phase: 0 });
});

it('knows throws and faults', () => {
  const session = sessionOf('deep-throw', 'deep-throw.json');
  session.run();
  expect(runsLike(session, 'throws == 1 && result == 0')).toEqual([0]);
  expect(runsLike(session, 'throw')).toEqual([0]);
  expect(runsLike(session, 'fault || fault == "X" || fault ~ memory')).toEqual([]);
});
