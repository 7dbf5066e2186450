import { describe, expect, it } from 'vitest';
import { PAGE, PagedRows } from './paged-rows.ts';

const settled = (): Promise<void> => new Promise((done) => setTimeout(done));

function listOf(text: () => string): { pages: PagedRows<string>; asked: number[]; changes: () => number } {
  const asked: number[] = [];
  let changes = 0;
  const pages = new PagedRows<string>(
    async (from, count) => {
      asked.push(from);
      const now = text();
      return Array.from({ length: count }, (_, i) => `${now}${from + i}`);
    },
    () => changes++,
  );
  return { pages, asked, changes: () => changes };
}

describe('pages of a long list', () => {
  it('are fetched when they come into sight, each once', async () => {
    const { pages, asked, changes } = listOf(() => '');
    pages.want(100, 300);
    pages.want(100, 300);
    expect(pages.at(200)).toBeUndefined();
    await settled();
    expect(asked).toEqual([0, PAGE, 2 * PAGE]);
    expect(pages.at(200)).toBe('200');
    expect(pages.has(100, 300)).toBe(true);
    expect(changes()).toBe(3);
  });

  it('are dropped when they have not been seen for long', async () => {
    const { pages, asked } = listOf(() => '');
    for (let page = 0; page < 100; page++) pages.want(page * PAGE, page * PAGE + 1);
    await settled();
    expect(pages.at(0)).toBeUndefined();
    expect(pages.at(99 * PAGE)).toBe(String(99 * PAGE));
    pages.want(0, 1);
    await settled();
    expect(asked).toHaveLength(101);
  });

  it('stay until the new ones have arrived, when that is wanted', async () => {
    let text = 'a';
    const { pages } = listOf(() => text);
    pages.want(0, 10);
    await settled();
    text = 'b';
    pages.renew(true);
    expect(pages.at(3)).toBe('a3');
    pages.want(0, 10);
    await settled();
    expect(pages.at(3)).toBe('b3');
    pages.renew();
    expect(pages.at(3)).toBeUndefined();
  });

  it('that arrive too late are not taken', async () => {
    const { pages } = listOf(() => 'late ');
    pages.want(0, 10);
    pages.renew();
    await settled();
    expect(pages.at(0)).toBeUndefined();
  });
});
