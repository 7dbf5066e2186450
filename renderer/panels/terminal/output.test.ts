import { describe, expect, it } from 'vitest';
import { coloured, columnsOf, linksIn } from './output.ts';

describe('what commands say', () => {
  it('is coloured by what it means', () => {
    expect(coloured('Breakpoint 1, throw', false)).toBe('\x1b[31mBreakpoint 1, throw\x1b[0m');
    expect(coloured('p: accepted under proposal', false)).toBe('p: \x1b[32maccepted\x1b[0m under proposal');
    expect(coloured('a\nb', false)).toBe('a\r\nb');
  });

  it('has the sentence of an error in the colour for it, and advice plain', () => {
    expect(coloured('No program runs. [X]\nStart one: run.', true)).toBe(
      '\x1b[31mNo program runs. [X]\x1b[0m\r\nStart one: run.',
    );
  });

  it('cannot command the terminal', () => {
    expect(coloured('a\x1b[2Jb\x07', false)).toBe('a·[2Jb·');
  });
});

describe('links', () => {
  it('are instructions and moments', () => {
    expect(linksIn('at insn 65, run 1 · step 1,204 · phase 3', 0)).toEqual([
      { kind: 'insn', start: 3, length: 7, insn: 65 },
      { kind: 'position', start: 12, length: 28, position: { run: 1, step: 1204, phase: 3 } },
    ]);
  });

  it('are about the present run when none is named', () => {
    expect(linksIn('step 12 · check at callback.h:52', 4)).toMatchObject([
      { position: { run: 4, step: 12, phase: 0 } },
    ]);
    expect(linksIn('insn65 steps', 0)).toEqual([]);
  });
});

describe('words that fit', () => {
  it('stand in columns, downwards first', () => {
    expect(columnsOf(['aa', 'bb', 'cc', 'dd', 'ee'], 9)).toBe('aa  dd\r\nbb  ee\r\ncc');
    expect(columnsOf(['a-long-word', 'b'], 5)).toBe('a-long-word\r\nb');
  });
});
