import { describe, expect, it } from 'vitest';
import { NO_HISTORY, addressAt, looksLikePointer, rowsOf, visit, walk, wordAround } from './bytes.ts';

const view = (bytes: string, address = '0xffff888000000010') => ({ address, bytes: bytes.split(' '), label: 'map' });

describe('bytes in rows', () => {
  it('numbers rows, shows characters, and marks what has changed', () => {
    const rows = rowsOf(view('41 42 0a 7e'), view('41 43 0a 7e'), 2);
    expect(rows.map(({ address }) => address)).toEqual(['0xffff888000000010', '0xffff888000000012']);
    expect(rows.flatMap(({ bytes }) => bytes.map(({ character }) => character)).join('')).toBe('AB·~');
    expect(rows.flatMap(({ bytes }) => bytes.map(({ changed }) => changed))).toEqual([false, true, false, false]);
  });

  it('compares nothing with another place', () => {
    expect(rowsOf(view('41'), view('42', '0x0'), 8)[0]?.bytes[0]?.changed).toBe(false);
  });

  it('goes round at the end of all addresses', () => {
    expect(addressAt('0xfffffffffffffff8', 16)).toBe('0x8');
  });
});

describe('following pointers', () => {
  it('reads eight bytes, the lowest first', () => {
    expect(wordAround(view('10 0c 17 04 80 88 ff ff'), 3)).toEqual({ start: 0, value: '0xffff888004170c10' });
    expect(looksLikePointer('0xffff888004170c10')).toBe(true);
    expect(looksLikePointer('0x12c')).toBe(false);
  });

  it('reads aligned words only, and none that is cut off or unreadable', () => {
    const shifted = view('01 00 00 00 00 00 00 00 02 00 00 00 00 00 00', '0xffff888000000011');
    expect(wordAround(shifted, 0)).toBeUndefined();
    expect(wordAround(shifted, 8)).toEqual({ start: 7, value: '0x200' });
    expect(wordAround(view('01 ·· 00 00 00 00 00 00'), 0)).toBeUndefined();
  });
});

describe('addresses that were looked at', () => {
  it('goes back and forth, and drops what lies ahead when a new one is taken', () => {
    let history = ['r1', 'r2', 'r2', 'r3'].reduce(visit, NO_HISTORY);
    expect(history.addresses).toEqual(['r1', 'r2', 'r3']);
    history = walk(walk(history, -1), -5);
    expect(history.at).toBe(0);
    expect(visit(history, 'fp').addresses).toEqual(['r1', 'fp']);
  });
});
