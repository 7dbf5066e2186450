import { describe, expect, it } from 'vitest';
import type { KeyPress } from './keys.ts';
import { KEYS, chordOf, commandFor, keysOf, withKeys } from './keys.ts';

function press(key: string, modifiers: Partial<KeyPress> = {}): KeyPress {
  return { key, code: '', ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...modifiers };
}

describe('keys', () => {
  it('are bound once each', () => {
    expect(new Set(KEYS.map(({ keys }) => keys)).size).toBe(KEYS.length);
  });

  it('are written as a press of them is read', () => {
    for (const { keys } of KEYS) {
      const parts = keys.split('+');
      const key = parts.at(-1)!;
      const press1 = press(key, {
        ctrlKey: parts.includes('Ctrl'),
        altKey: parts.includes('Alt'),
        shiftKey: parts.includes('Shift'),
      });
      expect(chordOf(press1)).toBe(keys);
    }
  });

  it('are those of VS Code, and with Alt go backwards', () => {
    expect(commandFor(press('F5'), false)).toBe('run.continue');
    expect(commandFor(press('F10'), false)).toBe('run.over');
    expect(commandFor(press('F11', { shiftKey: true }), false)).toBe('run.out');
    for (const { keys, command } of KEYS.filter(({ keys }) => /^(Shift\+)?F(5|8|10|11)$/.test(keys))) {
      const [, name] = command.split('.');
      if (name === 'reset') continue;
      const back = keys.startsWith('Shift+') ? `Alt+${keys}` : `Alt+${keys}`;
      expect(KEYS.find((other) => other.keys === back)?.command).toBe(`run.r${name}`);
    }
  });

  it('read a letter with Shift, a sign without it, and a digit by its key', () => {
    expect(commandFor(press('P', { ctrlKey: true, shiftKey: true }), false)).toBe('view.palette');
    expect(commandFor(press('?', { shiftKey: true }), false)).toBe('view.keys');
    expect(commandFor(press('¡', { altKey: true, code: 'Digit1' }), false)).toBe('view.verify');
    expect(commandFor(press('p', { metaKey: true, shiftKey: true }), false)).toBe('view.palette');
  });

  it('leave letters to who types, and keep function keys', () => {
    expect(commandFor(press('?', { shiftKey: true }), true)).toBeUndefined();
    expect(commandFor(press('g', { ctrlKey: true }), true)).toBeUndefined();
    expect(commandFor(press('F10'), true)).toBe('run.over');
    expect(commandFor(press('p', { ctrlKey: true, shiftKey: true }), true)).toBe('view.palette');
    expect(commandFor(press('x'), false)).toBeUndefined();
  });

  it('stand in tooltips', () => {
    expect(keysOf('view.palette')).toEqual(['Ctrl+Shift+P', 'F1']);
    expect(withKeys('Step over', 'run.over')).toBe('Step over (F10)');
    expect(withKeys('Something', 'no.key')).toBe('Something');
  });
});
