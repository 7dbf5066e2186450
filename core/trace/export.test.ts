/** Exports are what their readers take. */
import { describe, expect, it } from 'vitest';
import { perfettoJson } from './export-perfetto.ts';
import { csv, folded } from './export-text.ts';
import { fileSource, loopSource, recordingOf } from './testing/recordings.ts';

interface Entry {
  name: string;
  ph: string;
  pid: number;
  tid: number;
  ts: number;
  id?: number;
  cat?: string;
}

const recording = recordingOf(fileSource('cleanup', ['four_frames', 'callee_saved']));

describe('the trace for Perfetto', () => {
  const { traceEvents } = JSON.parse([...perfettoJson(recording)].join('')) as { traceEvents: Entry[] };

  it('has names, phases, processes, threads and times', () => {
    for (const entry of traceEvents) {
      expect(entry).toMatchObject({ name: expect.any(String) as string, pid: 1, tid: expect.any(Number) as number });
      expect(Number.isFinite(entry.ts)).toBe(true);
      expect('BEXibeCM').toContain(entry.ph);
    }
    expect(traceEvents.filter(({ ph, name }) => ph === 'i' && name === 'throw')).toHaveLength(2);
  });

  it('ends each slice that it begins, innermost first and in the order of time', () => {
    for (const tid of [1, 2]) {
      const open: string[] = [];
      let time = 0;
      for (const entry of traceEvents.filter((one) => one.tid === tid && (one.ph === 'B' || one.ph === 'E'))) {
        expect(entry.ts).toBeGreaterThanOrEqual(time);
        time = entry.ts;
        if (entry.ph === 'B') open.push(entry.name);
        else expect(open.pop()).toBe(entry.name);
      }
      expect(open).toEqual([]);
    }
    const ids = (ph: string): unknown[] =>
      traceEvents
        .filter((one) => one.ph === ph && one.cat === 'resource')
        .map(({ id }) => id)
        .sort();
    expect(ids('b').length).toBeGreaterThan(3);
    expect(ids('e')).toEqual(ids('b'));
  });
});

describe('lines', () => {
  it('of CSV have as many cells each as the head', () => {
    const [head, ...rows] = [...csv(recording)];
    expect(rows).toHaveLength(recording.events.length);
    for (const row of rows)
      expect(row.replaceAll(/"(?:[^"]|"")*"/g, '').split(',')).toHaveLength(head!.split(',').length);
  });

  it('of stacks add up to all instructions', () => {
    for (const one of [recording, recordingOf(loopSource(10))]) {
      const lines = [...folded(one)];
      for (const line of lines) expect(line).toMatch(/^[^ ;]+(;[^ ;]+)* \d+\n$/);
      const sum = lines.reduce((total, line) => total + Number(line.split(' ')[1]), 0);
      expect(sum).toBe(one.runs.reduce((total, run) => total + run.lastStep - run.firstStep, 0));
    }
    expect([...folded(recordingOf(loopSource(10)))].some((line) => line.startsWith('main;helper 30'))).toBe(true);
  });
});
