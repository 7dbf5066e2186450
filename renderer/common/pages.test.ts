import { describe, expect, it } from 'vitest';
import type { EffectScope } from 'vue';
import { effectScope, nextTick, ref } from 'vue';
import type { Page, Pages } from './pages.ts';
import { PAGE_ROWS, usePages } from './pages.ts';

/** A list of numbers whose answers come when they are let go. */
function list(): {
  readonly pages: Pages<string>;
  readonly asked: number[];
  readonly scope: EffectScope;
  readonly version: { value: string };
  readonly visible: { value: boolean };
  answer(total?: number): Promise<void>;
} {
  const asked: number[] = [];
  const waiting: ((total: number) => void)[] = [];
  const version = ref('a');
  const visible = ref(true);
  const scope = effectScope();
  const load = (from: number, count: number): Promise<Page<string>> => {
    asked.push(from);
    const of = version.value;
    return new Promise((resolve) =>
      waiting.push((total) =>
        resolve({
          total,
          rows: Array.from({ length: Math.min(count, total - from) }, (_, index) => `${of}${from + index}`),
        }),
      ),
    );
  };
  const pages = scope.run(() => usePages(load, () => version.value, visible))!;
  return {
    pages,
    asked,
    scope,
    version,
    visible,
    async answer(total = 1000) {
      for (const one of waiting.splice(0)) one(total);
      await nextTick();
      await nextTick();
    },
  };
}

describe('a list that is fetched in pages', () => {
  it('asks for what is in sight, once', async () => {
    const { pages, asked, answer } = list();
    expect(asked).toEqual([0]);
    await answer();
    expect(pages.total.value).toBe(1000);
    pages.want(PAGE_ROWS - 5, PAGE_ROWS + 5);
    pages.want(PAGE_ROWS - 4, PAGE_ROWS + 6);
    expect(asked).toEqual([0, PAGE_ROWS]);
    await answer();
    expect([pages.row(PAGE_ROWS - 1), pages.row(PAGE_ROWS), pages.row(999)]).toEqual(['a99', 'a100', undefined]);
  });

  it('shows what it has until the new answer is there', async () => {
    const { pages, version, answer } = list();
    await answer();
    version.value = 'b';
    await nextTick();
    expect(pages.row(0)).toBe('a0');
    await answer();
    expect(pages.row(0)).toBe('b0');
  });

  it('does not take an answer about rows that have changed since', async () => {
    const { pages, version, asked, answer } = list();
    version.value = 'b';
    await nextTick();
    expect(asked).toEqual([0, 0]);
    await answer();
    expect(pages.row(0)).toBe('b0');
  });

  it('asks for nothing while nobody sees it', async () => {
    const { pages, visible, version, asked, answer } = list();
    await answer();
    visible.value = false;
    await nextTick();
    version.value = 'b';
    pages.want(500, 520);
    await nextTick();
    expect(asked).toEqual([0]);
    visible.value = true;
    await nextTick();
    expect(asked).toEqual([0, 500]);
  });

  it('keeps some pages of a long list, and asks again for the others', async () => {
    const { pages, asked, answer } = list();
    for (let page = 0; page < 60; page++) {
      pages.want(page * PAGE_ROWS, page * PAGE_ROWS + 10);
      await answer(100_000);
    }
    expect(pages.row(0)).toBeUndefined();
    const before = asked.length;
    pages.want(0, 10);
    expect(asked.length).toBe(before + 1);
  });
});
