import { beforeAll, describe, expect, test } from 'vitest';
import { BailoutError } from '../errors.ts';
import type { EventQuery } from '../protocol/timeline.ts';
import { answer } from './answers.ts';
import { Service } from './service.ts';
import { exampleFile, serviceWith, testHost } from './testing/host.ts';

const EVERYTHING = {
  registers: { frame: 0 },
  frames: true,
  stack: { frame: 0 },
  resources: true,
  unwinding: true,
} as const;

describe('a session without an object', () => {
  test('has a state, and says what is missing', () => {
    const service = new Service(testHost());
    const state = service.state();
    expect(state).toMatchObject({ runs: { count: 0 }, held: 0, breakpoints: [] });
    expect(state.object).toBeUndefined();
    expect(answer(() => service.go({ kind: 'run' }))).toMatchObject({ ok: false, error: { code: 'NO_OBJECT' } });
    expect(service.maps()).toEqual([]);
    expect(service.examples().map(({ id }) => id)).toContain('deep-throw');
  });
});

describe('opening files', () => {
  test('an object: its first program is selected and verified', () => {
    const service = new Service(testHost());
    expect(service.open(exampleFile('rejected.bpf.o'))).toEqual({ what: 'object' });
    expect(service.state()).toMatchObject({
      object: { name: 'rejected.bpf.o', programs: [{ name: 'rejected', type: 'xdp' }, { name: 'accepted' }] },
      program: 'rejected',
      verdict: { verdict: 'rejected' },
    });
  });

  test.each([
    ['a text', new TextEncoder().encode('Hello, this is no object.'), 'FILE_UNKNOWN'],
    ['nothing', new Uint8Array(0), 'FILE_UNKNOWN'],
    ['zeros', new Uint8Array(4096), 'FILE_UNKNOWN'],
    ['an object that breaks off', exampleFile('deep-throw.bpf.o').bytes.subarray(0, 700), undefined],
    ['a recording that breaks off', new TextEncoder().encode('BAILOUT\0'), undefined],
    [
      'a recording of another version',
      Uint8Array.from([...new TextEncoder().encode('BAILOUT\0'), 99, 0, 0, 0, 0, 0, 0, 0]),
      undefined,
    ],
    ['a capture that breaks off', Uint8Array.from([0xd4, 0xc3, 0xb2, 0xa1, 2, 0]), undefined],
    ['a scenario that is none', new TextEncoder().encode('{"tasks": 7}'), 'SCENARIO_INVALID'],
    ['no JSON', new TextEncoder().encode('{"tasks": '), 'SCENARIO_SYNTAX'],
  ])('%s is refused, and the session stays as it was', (_what, bytes, code) => {
    const service = serviceWith('deep-throw');
    service.go({ kind: 'run' });
    const before = service.state();
    const refused = answer(() => service.open({ name: 'bad', bytes }));
    expect(refused.ok).toBe(false);
    if (!refused.ok) {
      expect(refused.error.code).not.toBe('DEFECT');
      if (code !== undefined) expect(refused.error.code).toBe(code);
    }
    expect(service.state()).toEqual(before);
  });

  test('what is too large is refused by its size', () => {
    const service = serviceWith('deep-throw');
    const bytes = new Uint8Array(0);
    Object.defineProperty(bytes, 'length', { value: 2 ** 31 });
    expect(answer(() => service.open({ name: 'zeros', bytes }))).toMatchObject({ error: { code: 'FILE_TOO_LARGE' } });
  });

  test('runs are saved, opened again, and are the same', () => {
    const service = serviceWith('deep-throw');
    service.go({ kind: 'run' });
    const saved = service.save();
    expect(saved.name).toBe('deep-throw.bailout');
    const other = new Service(testHost());
    expect(other.open(saved)).toEqual({ what: 'recording' });
    expect(other.state()).toMatchObject({ recording: { complete: true }, runs: { count: 1 } });
    const position = { run: 0, step: 164, phase: 5 };
    expect(other.at(position, EVERYTHING)).toEqual(service.at(position, EVERYTHING));
    expect(answer(() => other.reset())).toMatchObject({ error: { code: 'REPLAY_ONLY' } });
  });

  test('exports are files', () => {
    const service = serviceWith('deep-throw');
    service.go({ kind: 'run' });
    for (const format of ['perfetto', 'csv', 'folded'] as const)
      expect(service.export(format).bytes.length).toBeGreaterThan(50);
    expect(service.export('csv').name).toBe('deep-throw.csv');
  });
});

describe('running', () => {
  test('without a breakpoint the throw stops: executed, nothing unwound', () => {
    const service = serviceWith('deep-throw');
    expect(service.go({ kind: 'run' })).toMatchObject({ why: 'throw' });
    const state = service.state();
    expect(state).toMatchObject({
      position: { run: 0, step: 164, phase: 0 },
      tick: 164,
      place: { function: 'check', line: 66 },
      unwinding: { phase: 0, phases: 14, cookie: '3' },
      held: 4,
      runs: { count: 1, current: { throws: 1, end: { kind: 'exit', value: 0 } } },
    });
    expect(service.go({ kind: 'continue', direction: 'forwards' })).toMatchObject({ why: 'end' });
    expect(service.state()).toMatchObject({ position: { step: 164, phase: 14 }, tick: 178, held: 0 });
    expect(service.go({ kind: 'continue', direction: 'backwards' })).toMatchObject({ why: 'throw' });
    expect(service.go({ kind: 'continue', direction: 'backwards' })).toMatchObject({ why: 'start' });
  });

  test('with a breakpoint only breakpoints stop', () => {
    const service = serviceWith('deep-throw');
    service.addBreakpoint('kfunc:bpf_task_from_pid');
    expect(service.go({ kind: 'run' })).toMatchObject({ why: 'breakpoint', breakpoints: [1] });
    service.changeBreakpoint(1, { enabled: false });
    expect(service.go({ kind: 'continue', direction: 'forwards' })).toMatchObject({ why: 'throw' });
  });

  test('a breakpoint on the first instruction stops there', () => {
    const service = serviceWith('deep-throw');
    service.toggleBreakpoint('deep_throw', 0);
    expect(service.go({ kind: 'run' })).toMatchObject({ why: 'breakpoint' });
    expect(service.state().position).toEqual({ run: 0, step: 0, phase: 0 });
    service.toggleBreakpoint('deep_throw', 0);
    expect(service.state().breakpoints).toEqual([]);
  });

  test('to an instruction, to edges, to throws, to moments', () => {
    const service = serviceWith('deep-throw');
    service.go({ kind: 'start' });
    expect(service.state().tick).toBe(0);
    service.go({ kind: 'to-insn', direction: 'forwards', program: 'deep_throw', insn: 41 });
    expect(service.state().place).toMatchObject({ insn: 41 });
    service.go({ kind: 'edge', edge: 'end' });
    expect(service.state().position).toEqual({ run: 0, step: 164, phase: 14 });
    expect(service.go({ kind: 'throw', direction: 'backwards' })).toMatchObject({ why: 'throw' });
    service.go({ kind: 'insn', direction: 'forwards', count: 3 });
    expect(service.state().position).toEqual({ run: 0, step: 164, phase: 3 });
    service.go({ kind: 'position', position: { run: 0, step: 10, phase: 0 } });
    expect(service.state()).toMatchObject({ tick: 10, stop: { why: 'goto' } });
  });

  test('a cancelled run stays where it got to', () => {
    const host = testHost();
    const service = new Service(host);
    service.openExample('deep-throw');
    host.isCancelled = true;
    expect(service.go({ kind: 'run' })).toMatchObject({ why: 'cancelled' });
    host.isCancelled = false;
    service.go({ kind: 'edge', edge: 'end' });
    expect(service.state().position).toEqual({ run: 0, step: 164, phase: 14 });
  });

  test('the revision grows with each change, and the epoch when views of one moment change', () => {
    const service = serviceWith('deep-throw');
    const { revision, epoch } = service.state();
    service.go({ kind: 'run' });
    const after = service.state();
    expect(after.revision).toBeGreaterThan(revision);
    expect(after.epoch).toBe(epoch);
    service.reset();
    expect(service.state().epoch).toBeGreaterThan(epoch);
    expect(service.state()).toMatchObject({ runs: { count: 0 } });
  });
});

describe('a moment', () => {
  let service: Service;
  beforeAll(() => {
    service = serviceWith('deep-throw');
    service.go({ kind: 'run' });
  });

  test('elsewhere is looked at without going there', () => {
    const before = service.state();
    const moment = service.at({ run: 0, step: 100, phase: 0 }, EVERYTHING);
    expect(moment.position).toEqual({ run: 0, step: 100, phase: 0 });
    expect(service.state()).toEqual(before);
  });

  test('registers of outer frames are found where inner frames saved them', () => {
    const { registers } = service.at({ run: 0, step: 164, phase: 0 }, { registers: { frame: 1 } });
    expect(registers?.find(({ name }) => name === 'r6')).toMatchObject({
      pointsTo: 'struct bpf_cpumask #9',
      note: 'saved by check at fp-520',
    });
    expect(registers?.find(({ name }) => name === 'r0')?.value).toBeUndefined();
  });

  test('resources are where they lie', () => {
    const { resources } = service.at({ run: 0, step: 164, phase: 0 }, { resources: true });
    expect(resources).toMatchObject({ before: 0, now: 4 });
    const held = resources?.resources.filter(({ state }) => state === 'held');
    expect(held?.map(({ typeName, place, frame }) => [typeName, place, frame])).toEqual([
      ['struct bpf_iter_num', 'fp-8', 'deep_throw'],
      ['struct task_struct', 'r6', 'sample_task'],
      ['struct bpf_cpumask', 'r6', 'write_sample'],
      ['ringbuf record', 'r9', 'write_sample'],
    ]);
    expect(resources?.resources.filter(({ state }) => state === 'released')).toHaveLength(6);
  });

  test('an unwinding is told frame by frame, and phase by phase', () => {
    const at = (phase: number) => service.at({ run: 0, step: 164, phase }, { unwinding: true, resources: true });
    const { unwinding } = at(0);
    expect(unwinding).toMatchObject({
      cookie: '3',
      why: 'bpf_assert_le_with(priority, lowest_priority, sample->pid) failed: priority was 400',
      phase: 0,
      phases: 14,
      thrown: { function: 'check', insn: 78, line: 66 },
      callback: { kind: 'default', state: 'waiting' },
      returned: { value: 0, state: 'waiting' },
    });
    expect(unwinding?.frames.map(({ function: name, linkage, note, state }) => [name, linkage, note, state])).toEqual([
      ['check', 'static', 'throws here', 'waiting'],
      ['write_sample', 'static', 'called from insn 34', 'waiting'],
      ['sample_task', 'static', 'called from insn 16', 'waiting'],
      ['deep_throw', 'main program', '', 'waiting'],
    ]);
    expect(unwinding?.frames[1]).toMatchObject({
      descriptor: 'descriptor 3 of 3 · 24 bytes',
      entries: [
        {
          place: 'r9',
          typeName: 'ringbuf record',
          resource: 10,
          phase: 5,
          state: 'held',
          found: 'saved by check at fp-544',
        },
        { place: 'r6', resource: 9, phase: 6, acquiredInsn: 41 },
      ],
    });
    const next = at(4);
    expect(next.unwinding?.frames.map(({ state }) => state)).toEqual(['gone', 'now', 'waiting', 'waiting']);
    expect(next.unwinding?.frames[1]?.entries.map(({ state }) => state)).toEqual(['releasing', 'held']);
    expect(next.resources?.resources.find(({ id }) => id === 10)?.state).toBe('releasing');
    const done = at(14);
    expect(done.unwinding).toMatchObject({ callback: { state: 'gone' }, returned: { value: 0, state: 'now' } });
    expect(done.resources?.resources.filter(({ unwound }) => unwound).map(({ id }) => id)).toEqual([1, 8, 9, 10]);
    expect(done.resources?.resources.find(({ id }) => id === 10)).toMatchObject({ releasedBy: 'bpf_ringbuf_discard' });
    expect(service.at({ run: 0, step: 163, phase: 0 }, { unwinding: true }).unwinding).toBeNull();
  });

  test('expressions, memory, and what makes no sense', () => {
    const moment = service.at(
      { run: 0, step: 164, phase: 0 },
      {
        expressions: { frame: 0, texts: ['$held', 'last_pid', 'nonsense +'] },
        memory: { frame: 3, address: 'fp-8', size: 16 },
      },
    );
    expect(moment.expressions?.map(({ value }) => value)).toEqual(['4', '4', undefined]);
    expect(moment.expressions?.[2]?.error).toBeTruthy();
    expect(moment.memory).toMatchObject({ label: 'fp-8 of deep_throw' });
    expect(
      service.at({ run: 0, step: 0, phase: 0 }, { memory: { frame: 0, address: '7 +', size: 8 } }).memory,
    ).toHaveProperty('error');
  });
});

describe('code', () => {
  test('rows of functions, lines and instructions, and rows without lines', () => {
    const service = serviceWith('deep-throw');
    const summary = service.code('deep_throw');
    expect(summary).toMatchObject({ insns: 81, hasSource: true, source: 'source from BTF' });
    const rows = service.codeRows('deep_throw', 0, summary.rows);
    expect(rows).toHaveLength(summary.rows);
    for (const [index, row] of rows.entries())
      if (row.kind === 'insn') expect(service.codeRowOf('deep_throw', row.insn)).toBe(index);
    for (const { name, row } of summary.functions) expect(rows[row]).toMatchObject({ kind: 'function', name });
    expect(rows.some((row) => row.kind === 'source' && row.text.includes('bpf_assert_le_with'))).toBe(true);
    const insns = service.codeRows('deep_throw', 0, 1000, 'insns');
    expect(new Set(insns.map(({ kind }) => kind))).toEqual(new Set(['function', 'insn']));
    expect(service.searchCode('deep_throw', 'bpf_throw').total).toBe(1);
    expect(service.codeRowsOfLine('deep_throw', 'deep-throw.bpf.c', 66).length).toBeGreaterThan(0);
  });
});

describe('notes beside instructions', () => {
  const notesAt = (service: Service, insn: number) =>
    service.codeNotes('deep_throw', insn, insn + 1, 0).notes.map(({ kind, text }) => `${kind}: ${text}`);

  test('what is next reads and does, and how often it ran', () => {
    const service = serviceWith('deep-throw');
    expect(service.codeNotes('deep_throw', 0, 3, 0).hits).toEqual([-1, -1, -1]);
    expect(service.countHits()).toBe(false);
    service.go({ kind: 'run' });
    expect(service.codeNotes('deep_throw', 29, 30, 0).hits).toEqual([3]);
    expect(service.codeNotes('deep_throw', 78, 79, 0).hits).toEqual([1]);
    expect(service.countHits()).toBe(true);
    expect(notesAt(service, 78)).toContain('throw: cookie 3 · thrown here');
    expect(notesAt(service, 62)).toContain('frame: frame 1 is here');
    service.go({ kind: 'to-insn', direction: 'backwards', program: 'deep_throw', insn: 76 });
    expect(notesAt(service, 76)).toContain('value: r6 = 400, r8 = 139: not taken');
    service.go({ kind: 'to-insn', direction: 'backwards', program: 'deep_throw', insn: 41 });
    expect(notesAt(service, 41)).toContain('value: r0 = struct bpf_cpumask #9');
    service.go({ kind: 'insn', direction: 'forwards' });
    expect(notesAt(service, 41)).toContain('value: r0 = struct bpf_cpumask #9');
  });
});

describe('the timeline', () => {
  let service: Service;
  beforeAll(() => {
    service = serviceWith('deep-throw');
    service.go({ kind: 'run' });
  });

  test('ticks are moments', () => {
    const { first, last } = service.timeline(0, 0, Number.MAX_SAFE_INTEGER, 1000);
    expect([first, last]).toEqual([0, 178]);
    expect(service.moment(0, 164)).toEqual({ run: 0, step: 164, phase: 0 });
    expect(service.moment(0, 170)).toEqual({ run: 0, step: 164, phase: 6 });
    for (let tick = first; tick <= last; tick++) {
      const position = service.moment(0, tick);
      service.go({ kind: 'position', position });
      expect(service.state()).toMatchObject({ position, tick });
    }
  });

  test('where breakpoints stopped the session is marked, as long as they are there', () => {
    const service = serviceWith('deep-throw');
    const id = service.addBreakpoint('kfunc:bpf_cpumask_create');
    service.go({ kind: 'run' });
    service.go({ kind: 'continue', direction: 'forwards' });
    service.go({ kind: 'continue', direction: 'backwards' });
    const marked = (): number =>
      service.timeline(0, 0, 1000, 900).marks.filter(({ kind }) => kind === 'breakpoint').length;
    expect(marked()).toBe(2);
    service.deleteBreakpoint(id);
    expect(marked()).toBe(0);
  });

  test('functions, calls, resources and throws', () => {
    const view = service.timeline(0, 0, 178, 1000);
    expect(view.depth).toBe(4);
    const named = (name: string) => view.calls.filter((span) => span.name === name);
    expect(named('deep_throw')).toMatchObject([{ from: 0, to: 178, depth: 0, kind: 'program' }]);
    expect(named('sample_task').map(({ depth }) => depth)).toEqual([1, 1, 1]);
    expect(named('check')).toHaveLength(3);
    expect(named('check').at(-1)).toMatchObject({ to: 167, depth: 3 });
    expect(view.throws).toEqual([{ from: 164, to: 178, cookie: '3', count: 1 }]);
    expect(view.resources).toHaveLength(10);
    expect(
      view.resources
        .filter(({ unwound }) => unwound)
        .map(({ id }) => id)
        .sort((a, b) => a - b),
    ).toEqual([1, 8, 9, 10]);
    expect(view.points.filter(({ name }) => name === 'bpf_task_from_pid')).toMatchObject([
      { kind: 'kfunc', acquires: true },
      { kind: 'kfunc', acquires: true },
      { kind: 'kfunc', acquires: true },
    ]);
    expect(view.marks).toContainEqual({ tick: 178, kind: 'exit', label: 'returns 0' });
    expect(view.density.reduce((a, b) => a + b)).toBe(service.events(ALL).total);
  });

  test('in few pixels spans are joined, and none is lost', () => {
    const view = service.timeline(0, 0, 178, 4);
    expect(view.calls.length).toBeLessThan(12);
    const count = (depth: number) =>
      view.calls.filter((span) => span.depth === depth).reduce((sum, span) => sum + span.count, 0);
    expect([count(0), count(1), count(2), count(3)]).toEqual([1, 3, 3, 3]);
  });

  test('figures of a stretch', () => {
    const summary = service.summary(0, 0, 178);
    expect(summary).toMatchObject({ steps: 164, acquired: 10, released: 10, throws: 1 });
    expect(summary.functions.reduce((sum, { steps }) => sum + steps, 0)).toBe(164);
    expect(summary.functions.find(({ name }) => name === 'check')).toMatchObject({ calls: 3 });
  });
});

const ALL: EventQuery = { run: 0, filter: '', sort: 'time', descending: false, from: 0, count: 1000 };

describe('events', () => {
  let service: Service;
  const names = (filter: string): string[] => service.events({ ...ALL, filter }).rows.map(({ name }) => name);
  beforeAll(() => {
    service = serviceWith('deep-throw');
    service.go({ kind: 'run' });
  });

  test('filters: words that hold, and words that must not', () => {
    expect(names('kfunc:bpf_task_from_pid')).toHaveLength(3);
    expect(names('kfunc:task_*')).toHaveLength(5);
    expect(names('acquire task')).toHaveLength(3);
    expect(names('acquire -task')).toHaveLength(7);
    expect(names('res:#10').length).toBeGreaterThanOrEqual(2);
    expect(service.events({ ...ALL, filter: 'throw' }).rows).toMatchObject([
      { kind: 'throw', position: { step: 164, phase: 0 }, function: 'check', frame: 3, line: 66 },
    ]);
    expect(new Set(service.events({ ...ALL, filter: 'kfunc frame:0' }).rows.map((row) => row.function))).toEqual(
      new Set(['deep_throw']),
    );
    expect(service.events({ ...ALL, filter: 'fn:check' }).rows.every((row) => row.function === 'check')).toBe(true);
    expect(() => names('insn:x')).toThrow(BailoutError);
  });

  test('pages, orders, and where a moment is', () => {
    const { total, rows } = service.events(ALL);
    expect(rows.map(({ tick }) => tick)).toEqual(rows.map(({ tick }) => tick).sort((a, b) => a - b));
    const page = service.events({ ...ALL, from: 5, count: 3 });
    expect(page.rows).toEqual(rows.slice(5, 8));
    const backwards = service.events({ ...ALL, descending: true });
    expect(backwards.rows[0]?.tick).toBe(rows.at(-1)?.tick);
    const byName = service.events({ ...ALL, sort: 'name' }).rows.map(({ name }) => name);
    expect(byName).toEqual([...byName].sort());
    expect(service.events({ ...ALL, tick: 178 }).at).toBe(total - 1);
    expect(service.events({ ...ALL, tick: -1 }).at).toBeUndefined();
  });

  test('the next and the one before', () => {
    const first = service.findEvent(0, 'kfunc:bpf_task_from_pid', 0, 'forwards');
    expect(first).toEqual({ run: 0, step: 15, phase: 0 });
    expect(service.findEvent(0, 'kfunc:bpf_task_from_pid', 15, 'forwards')).toEqual({ run: 0, step: 72, phase: 0 });
    expect(service.findEvent(0, 'kfunc:bpf_task_from_pid', 72, 'backwards')).toEqual(first);
    expect(service.findEvent(0, 'nothing of that name', 0, 'forwards')).toBeNull();
  });
});

describe('maps and output', () => {
  test('entries are decoded, and changed between runs', () => {
    const service = serviceWith('deep-throw');
    expect(service.maps()).toMatchObject([
      { name: 'samples', editable: false },
      { name: '.data', editable: true },
    ]);
    expect(service.mapEntries('.data', 0, 10)).toMatchObject({
      total: 1,
      entries: [
        {
          value: '{.first_pid = 1, .last_pid = 4, .lowest_priority = 139}',
          valueBytes: '01 00 00 00 04 00 00 00 8b 00 00 00',
        },
      ],
    });
    service.editMap('.data', '0', 'hex:010000000400000000020000');
    service.go({ kind: 'run' });
    expect(service.state()).toMatchObject({ stop: { why: 'end' }, runs: { current: { end: { value: 4 } } } });
    expect(service.output(0, 10)).toMatchObject({ total: 4, lines: [{ stream: 'ringbuf samples' }, {}, {}, {}] });
  });
});

describe('the terminal', () => {
  test('says what the shell says, and moves what all pages see', () => {
    const service = serviceWith('deep-throw');
    expect(service.execute('break throw')).toMatchObject({ failed: false });
    expect(service.execute('run').text).toContain('Breakpoint 1, throw');
    expect(service.state()).toMatchObject({
      position: { step: 163 },
      breakpoints: [{ id: 1, text: 'throw', hits: 1 }],
      stop: { why: 'breakpoint', breakpoints: [1] },
    });
    expect(service.execute('frobnicate')).toMatchObject({ failed: true });
    expect(service.execute('quit')).toMatchObject({ quit: true });
    expect(service.complete('info br').words).toEqual(['breakpoints']);
    expect(service.commands().map(({ name }) => name)).toContain('rcontinue');
    const { last } = service.timeline(0, 0, 1000, 100);
    expect(last).toBe(178);
  });
});

describe('the verifier', () => {
  test('the log is given in lines, each of its kind', () => {
    const service = serviceWith('rejected');
    const { lines, errorLine } = service.log('rejected', 2);
    const all = service.logLines('rejected', 2, 0, lines);
    expect(all).toHaveLength(lines);
    expect(errorLine).toBeDefined();
    expect(all[errorLine ?? 0]).toMatchObject({ kind: 'error' });
    expect(new Set(all.map(({ kind }) => kind))).toEqual(new Set(['source', 'insn', 'state', 'error', 'other']));
    const { rows } = service.logLinesOf('rejected', 2, 3);
    expect(rows.map((row) => all[row]?.insn)).toEqual(rows.map(() => 3));
    expect(service.searchLog('rejected', 2, 'R0').total).toBeGreaterThan(0);
    const { verdict, diagnosis } = service.verification('rejected');
    expect(verdict).toBe('rejected');
    expect(diagnosis).toMatchObject({ category: 'Memory Safety', at: { function: 'rejected' } });
    expect(diagnosis?.path.at(-1)).toMatchObject({ failed: true });
    expect(diagnosis?.suggestions.some(({ code }) => code?.includes('bpf_assert'))).toBe(true);
  });

  test('what it claims stands beside registers, and at each instruction', () => {
    const service = serviceWith('deep-throw');
    service.go({ kind: 'run' });
    service.go({ kind: 'to-insn', direction: 'backwards', program: 'deep_throw', insn: 76 });
    const moment = service.at(service.state().position!, { registers: { frame: 0 } });
    const r6 = moment.registers?.find(({ name }) => name === 'r6');
    expect(r6?.claim).toMatchObject({ violated: false });
    expect(r6?.claim?.text).toContain('scalar(');
    const known = service.known('deep_throw', 62);
    expect(known.complete).toBe(true);
    expect(known.held.map(({ acquiredAt }) => acquiredAt)).toEqual([10, 29, 41, 52]);
    const { nodes, paths } = service.exploration('deep_throw');
    expect(paths).toBeGreaterThan(1);
    expect(nodes.every(({ parent }) => parent === undefined || parent < nodes.length)).toBe(true);
  });
});
