import { describe, expect, it } from 'vitest';
import type { CodeRow } from '../../../core/protocol/code.ts';
import { PAGE, RowCache } from './row-cache.ts';

function program(): { cache: RowCache; asked: string[]; settle: () => Promise<void> } {
  const asked: string[] = [];
  const fetch = async (from: number, to: number): Promise<readonly CodeRow[]> => {
    asked.push(`${from}-${to}`);
    return Array.from({ length: to - from }, (_, i) => ({
      kind: 'insn',
      insn: (from + i) * 2,
      text: `r1 = ${from + i}`,
      dead: false,
    }));
  };
  return { cache: new RowCache(fetch), asked, settle: () => new Promise((resolve) => setTimeout(resolve)) };
}

describe('rows in pages', () => {
  it('asks for each page once, and only for those in sight', async () => {
    const { cache, asked, settle } = program();
    void cache.want(PAGE - 10, PAGE + 10);
    void cache.want(PAGE - 9, PAGE + 11);
    expect(cache.at(PAGE)).toBeUndefined();
    await settle();
    expect(asked).toEqual([`0-${PAGE}`, `${PAGE}-${2 * PAGE}`]);
    expect(cache.at(PAGE)).toMatchObject({ insn: 2 * PAGE });
    expect(cache.rowOf(2 * PAGE)).toBe(PAGE);
    await cache.want(0, 2 * PAGE);
    expect(asked.length).toBe(2);
  });

  it('forgets what was in sight longest ago', async () => {
    const { cache, asked } = program();
    for (let page = 0; page < 60; page++) {
      await cache.want(page * PAGE, page * PAGE + 1);
      await cache.want(0, 1);
    }
    expect(cache.at(0)).toBeDefined();
    expect(cache.at(PAGE)).toBeUndefined();
    expect(cache.rowOf(2 * PAGE)).toBeUndefined();
    expect(asked.length).toBe(60);
  });

  it('knows the longest line', async () => {
    const { cache } = program();
    expect(cache.longest).toBe(0);
    await cache.want(0, 5);
    expect(cache.longest).toBe(`r1 = ${PAGE - 1}`.length);
  });
});
