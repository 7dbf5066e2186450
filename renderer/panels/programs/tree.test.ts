import { describe, expect, it } from 'vitest';
import type { ProgramSummary } from '../../../core/protocol/state.ts';
import { treeKey, treeOf } from './tree.ts';

const program = (name: string, section: string): ProgramSummary => ({
  name,
  section,
  type: section,
  insns: 1,
  functions: 1,
});
const programs = [program('a', 'xdp'), program('b', 'tc'), program('c', 'xdp')];

describe('the tree of programs', () => {
  it('has sections in the order of the object', () => {
    const rows = treeOf(programs, new Set());
    expect(rows.map((row) => (row.kind === 'section' ? `[${row.section}]` : row.program.name))).toEqual([
      '[xdp]',
      'a',
      'c',
      '[tc]',
      'b',
    ]);
  });

  it('hides the programs of a closed section', () => {
    const rows = treeOf(programs, new Set(['xdp']));
    expect(rows.length).toBe(3);
    expect(rows[0]).toMatchObject({ open: false, programs: 2 });
  });

  it('is walked with the arrow keys', () => {
    const rows = treeOf(programs, new Set());
    expect(treeKey(rows, 0, 'ArrowDown')).toEqual({ to: 1 });
    expect(treeKey(rows, 0, 'ArrowLeft')).toEqual({ toggle: 'xdp' });
    expect(treeKey(rows, 4, 'ArrowLeft')).toEqual({ to: 3 });
    expect(treeKey(rows, 4, 'ArrowDown')).toEqual({ to: 4 });
    expect(treeKey(treeOf(programs, new Set(['xdp'])), 0, 'ArrowRight')).toEqual({ toggle: 'xdp' });
    expect(treeKey(rows, 0, 'x')).toBeUndefined();
  });
});
