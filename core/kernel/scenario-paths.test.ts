/** Fields of a scenario by their paths. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BailoutError } from '../errors.ts';
import { parsePath, pathsAfter, valuesOf, withField } from './scenario-paths.ts';

describe('setting a field', () => {
  it.each([
    ['time', '5', { time: 5 }],
    ['time', '0xffff800000000000', { time: '0xffff800000000000' }],
    ['context.packet.data', '0011', { context: { packet: { data: '0011' } } }],
    ['context.packet.data', '1122', { context: { packet: { data: '1122' } } }],
    ['context.packet.data', '"1122"', { context: { packet: { data: '1122' } } }],
    ['context.packet', '{"data": "0011", "mark": 7}', { context: { packet: { data: '0011', mark: 7 } } }],
    ['tasks[0].pid', '4711', { tasks: [{ pid: 4711 }] }],
    ['globals["limit"]', '-7', { globals: { limit: -7 } }],
    ['globals.name', 'nginx', { globals: { name: 'nginx' } }],
    [
      'maps.flows.entries[0]',
      '{"key": 1, "value": {"fields": {"bytes": 9}}}',
      {
        maps: { flows: { entries: [{ key: 1, value: { fields: { bytes: 9 } } }] } },
      },
    ],
  ])('%s to %s', (path, value, expected) => {
    expect(withField({}, path, value)).toEqual(expected);
  });

  it('leaves everything else, and the scenario before, as it was', () => {
    const before = { seed: 3, tasks: [{ pid: 1, comm: 'a' }, { pid: 2 }], context: { packet: { mark: 1 } } };
    const copy = structuredClone(before);
    expect(withField(before, 'tasks[1].comm', 'b c')).toEqual({
      ...before,
      tasks: [
        { pid: 1, comm: 'a' },
        { pid: 2, comm: 'b c' },
      ],
    });
    expect(withField(before, 'tasks[2]', '{"pid": 3}').tasks).toHaveLength(3);
    expect(before).toEqual(copy);
  });

  it.each([
    ['time.now', '5', 'time must be a whole number'],
    ['tmie', '5', 'is no field that a scenario has here'],
    ['cpus', '65', 'must be a whole number from 1 to 64'],
    ['cpus', 'two', 'but is "two"'],
    ['context.packet.data', '001', 'context.packet.data must be'],
    ['tasks[0].comm', 'a', 'lacks the field "pid"'],
    ['tasks[1].pid', '5', 'tasks has 0 items'],
    ['currentTask', '0', 'currentTask must be'],
    ['context.packet', '{"data": ', 'the value'],
    ['tasks[x]', '5', 'is no path'],
    ['.time', '5', 'is no path'],
    ['', '5', 'is no path'],
    ['__proto__.time', '5', 'is no field'],
  ])('%s to %s is refused', (path, value, problem) => {
    expect(() => withField({}, path, value)).toThrow(BailoutError);
    expect(() => withField({}, path, value)).toThrow(problem);
  });

  it('never fails in another way, whatever is typed', () => {
    const step = fc.constantFrom(
      'tasks',
      '[0]',
      '.pid',
      'maps',
      '.x',
      '["a b"]',
      '["',
      'context.packet',
      '.data',
      '$',
      ' ',
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 6 }), fc.oneof(fc.json(), fc.string()), (steps, value) => {
        try {
          withField({ tasks: [{ pid: 1 }] }, steps.join(''), value);
        } catch (error) {
          expect(error).toBeInstanceOf(BailoutError);
        }
        pathsAfter({ tasks: [{ pid: 1 }] }, steps.join(''));
      }),
    );
  });
});

it('paths have steps', () => {
  expect(parsePath('maps["my \\"map\\""].entries[10].key')).toEqual(['maps', 'my "map"', 'entries', 10, 'key']);
});

it('completes what there may be and what there is', () => {
  const scenario = { tasks: [{ pid: 1 }, { pid: 2 }], maps: { flows: {} } };
  expect(pathsAfter(scenario, 't')).toEqual(
    expect.arrayContaining(['time', 'tasks[0]', 'tasks[1]', 'tasks[2]', 'context']),
  );
  expect(pathsAfter(scenario, 'tasks[0].')).toEqual(expect.arrayContaining(['tasks[0].pid', 'tasks[0].comm']));
  expect(pathsAfter(scenario, 'context.packet.')).toContain('context.packet.data');
  expect(pathsAfter(scenario, 'maps.')).toEqual(['maps.flows']);
  expect(pathsAfter(scenario, 'maps.flows.e')).toContain('maps.flows.entries[0]');
  expect(pathsAfter(scenario, 'tasks[')).toContain('tasks[0]');
  expect(valuesOf('sockets[0].protocol')).toEqual(['tcp', 'udp']);
  expect([...valuesOf('time'), ...valuesOf('[')]).toEqual([]);
});
