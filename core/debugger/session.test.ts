/** Sessions over real programs: that going back undoes going forwards, and that both find the same moments. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bundledKernelBtf } from '../../main/kernel-btf.ts';
import { parseScenario } from '../kernel/scenario-file.ts';
import { pageTreeHash } from '../machine/page-tree.ts';
import type { PageTree } from '../machine/page-tree.ts';
import { loadObject } from '../object/object.ts';
import type { Position } from '../trace/timeline.ts';
import { Session } from './session.ts';

const examples = new URL('../../examples/', import.meta.url);

function sessionOf(name: string, scenario: string): Session {
  const object = loadObject(readFileSync(new URL(`${name}.bpf.o`, examples)), { name, kernelBtf: bundledKernelBtf() });
  return new Session(object, parseScenario(readFileSync(new URL(scenario, examples), 'utf8')));
}

function stateOf({ machine, position }: Session): string {
  const { kernel } = machine.checkpoint();
  const frames = machine.frames().map(({ name, insn }) => `${name} ${insn}`);
  return JSON.stringify([
    position,
    pageTreeHash(kernel.memory as PageTree),
    frames,
    machine.kernel.ledger.held().length,
    machine.end?.kind,
  ]);
}

/** All moments of the run, one after the other. */
function moments(session: Session): Position[] {
  const all = [session.start().position];
  for (;;) {
    const { why, position } = session.stepi(1);
    all.push(position);
    if (why === 'end') return all;
  }
}

const PROGRAMS = [
  ['deep-throw', 'deep-throw.json'],
  ['callback-by-call', 'callback.json'],
  ['packet-parser', 'packet-parser-malformed.json'],
] as const;

describe.each(PROGRAMS)('%s', (name, scenario) => {
  it('is, after n steps forwards and n backwards, what it was', () => {
    const session = sessionOf(name, scenario);
    const all = moments(session);
    fc.assert(
      fc.property(fc.nat(all.length - 1), fc.nat(60), (at, count) => {
        session.goto(all[at]!);
        const before = stateOf(session);
        const forward = Math.min(count, all.length - 1 - at);
        if (forward > 0) session.stepi(forward);
        expect(session.position).toEqual(all[at + forward]);
        if (forward > 0) session.stepi(forward, 'backwards');
        expect(stateOf(session)).toBe(before);
      }),
      { numRuns: 40 },
    );
  });

  it('comes by the same lines backwards as forwards', () => {
    const session = sessionOf(name, scenario);
    for (const into of [true, false]) {
      session.reset();
      session.start();
      const forwards: Position[] = [];
      for (;;) {
        const stopped = session.line(into, 1);
        if (stopped.why !== 'step') break;
        forwards.push(stopped.position);
      }
      const backwards: Position[] = [];
      for (;;) {
        const stopped = session.line(into, 1, 'backwards');
        if (stopped.why !== 'step') break;
        backwards.unshift(stopped.position);
      }
      expect(forwards.length).toBeGreaterThan(1);
      expect(backwards).toEqual(forwards);
    }
  });

  it('stops at the same hits in both directions', () => {
    const session = sessionOf(name, scenario);
    const main = session.program.subprograms.at(-1)!.name;
    session.addBreakpoint(main);
    session.addBreakpoint('phase');
    const forwards: Position[] = [];
    for (let stopped = session.run(); stopped.why === 'breakpoint'; stopped = session.continue())
      forwards.push(stopped.position);
    const backwards: Position[] = [];
    for (
      let stopped = session.continue('backwards');
      stopped.why === 'breakpoint';
      stopped = session.continue('backwards')
    )
      backwards.unshift(stopped.position);
    // The last moment of the run is where going back begins.
    expect(
      forwards.filter((position) => position.step < forwards.at(-1)!.step || position.phase < forwards.at(-1)!.phase)
        .length,
    ).toBeGreaterThanOrEqual(backwards.length - 1);
    for (const position of backwards) expect(forwards).toContainEqual(position);
  });
});

describe('who wrote this', () => {
  it('finds the store, the call or the phase that changed a place', () => {
    const session = sessionOf('deep-throw', 'deep-throw.json');
    session.addBreakpoint('throw');
    session.run();
    const record = session.whoWrote('*(u32 *)(r9 + 12)');
    expect(record?.insn).toBe(60);
    // R6 of the frame that called: saved while the throwing function uses it.
    session.scope.frame = 1;
    expect(session.whoWrote('r6')?.insn).toBe(42);
    session.scope.frame = 0;
    expect(session.whoWrote('r1')?.insn).toBe(77);
    expect(session.whoWrote('r0')?.insn).toBe(55);
    expect(() => session.whoWrote('r10')).toThrow('frame pointer');
  });

  it('of a register that a function has from its caller goes on looking there', () => {
    const session = sessionOf('deep-throw', 'deep-throw.json');
    session.addBreakpoint('check');
    session.run();
    expect(session.whoWrote('r9')?.insn).toBe(53);
    expect(session.whoWrote('r1')?.insn).toBe(61);
  });
});

describe('what a session knows of its runs', () => {
  it('is all of the newest one when it is completed, and the present moment stays', () => {
    const session = sessionOf('deep-throw', 'deep-throw.json');
    session.start();
    session.stepi(10);
    const before = stateOf(session);
    expect(session.timeline.runs[0]!.end).toBeUndefined();
    expect(session.complete()).toBe('end');
    expect(stateOf(session)).toBe(before);
    expect(session.timeline.runs[0]).toMatchObject({ end: { kind: 'exit' }, last: { step: 164 }, throws: 1 });
    expect([...session.timeline.events.events({ kinds: ['throw', 'exit'] })]).toHaveLength(2);
  });

  it('has bookmarks in the order of time, until the runs are forgotten', () => {
    const session = sessionOf('deep-throw', 'deep-throw.json');
    session.start();
    session.stepi(10);
    const late = session.addBookmark('late');
    const early = session.addBookmark('early', { run: 0, step: 3, phase: 0 });
    expect(session.bookmarks).toEqual([early, late]);
    expect(late.position.step).toBe(10);
    session.deleteBookmark(early.id);
    expect(session.bookmarks).toEqual([late]);
    expect(() => session.deleteBookmark(early.id)).toThrow(expect.objectContaining({ code: 'NO_BOOKMARK' }));
    session.reset();
    expect(session.bookmarks).toEqual([]);
  });
});

describe('watchpoints', () => {
  it('see every change of a value, and the conditions of breakpoints its value', () => {
    const session = sessionOf('packet-parser', 'packet-parser.json');
    session.start();
    session.addWatchpoint('options[0].packets[0]');
    const hit = session.continue();
    expect(hit.watchpoints).toEqual([{ id: 1, expression: 'options[0].packets[0]', before: '0', after: '1' }]);
    expect(session.continue().why).toBe('end');
    session.addBreakpoint('parse_udp', { condition: 'options[0].packets[0] == 1' });
    expect(session.run().why).toBe('breakpoint');
    expect(session.continue('backwards').position.run).toBe(0);
  });

  it('a condition that has no value does not hold', () => {
    const session = sessionOf('packet-parser', 'packet-parser.json');
    session.addBreakpoint('*32', { condition: '*(u32 *)0 == 1' });
    expect(session.run().why).toBe('end');
  });

  it('ignored hits are passed by', () => {
    const session = sessionOf('deep-throw', 'deep-throw.json');
    session.addBreakpoint('check').ignore = 2;
    session.run();
    expect(session.machine.kernel.ledger.held().length).toBe(4);
    expect(session.breakpoints[0]!.hits).toBe(1);
  });
});
