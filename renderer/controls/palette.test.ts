import { describe, expect, it } from 'vitest';
import { matching } from './palette.ts';

const entry = (title: string, can = true): Parameters<typeof matching>[0][number] => ({
  id: title,
  group: 'Run',
  title,
  detail: '',
  can,
});
const entries = [entry('Step over'), entry('Step over backwards'), entry('Continue', false), entry('break LINE|FUNC')];

describe('the list of all commands', () => {
  it('lists everything while nothing is typed', () => {
    expect(matching(entries, ' ').map((match) => match.entry.title)).toEqual(entries.map(({ title }) => title));
  });

  it('finds letters in their order, the best first', () => {
    expect(matching(entries, 'stov').map((match) => match.entry.title)).toEqual(['Step over', 'Step over backwards']);
    expect(matching(entries, 'zzz')).toEqual([]);
  });

  it('tells which letters match, and loses none', () => {
    const [match] = matching(entries, 'over');
    expect(match!.pieces.map(({ text }) => text).join('')).toBe('Step over');
    expect(match!.pieces.filter(({ hit }) => hit).map(({ text }) => text)).toEqual(['over']);
  });

  it('finds by the group, too', () => {
    expect(matching(entries, 'run').length).toBe(entries.length);
  });
});
