/**
 * A long list that is fetched in pages, as it comes into sight. What was fetched stays until its new answer is there, so
 * that a list which changes does not flicker.
 */
import type { Ref } from 'vue';
import { onScopeDispose, ref, shallowRef, triggerRef, watch } from 'vue';

export interface Page<Row> {
  readonly total: number;
  readonly rows: readonly Row[];
}

export interface Pages<Row> {
  /** How many rows there are; undefined before the first answer. */
  readonly total: Readonly<Ref<number | undefined>>;
  /** Undefined while it is on its way. */
  row(index: number): Row | undefined;
  /** These rows are in sight. */
  want(first: number, end: number): void;
  /** The rows are others now, apart from those that are shown until the new ones are there. */
  reload(): void;
}

export const PAGE_ROWS = 100;
/** Pages that are kept; those farthest from what is in sight go first. */
const KEPT = 40;

/**
 * `load` answers undefined where there is nothing to be had; `state` is what the rows depend on: they are asked for again
 * when it changes and the list is `visible`.
 */
export function usePages<Row>(
  load: (from: number, count: number) => Promise<Page<Row> | undefined>,
  state: () => unknown,
  visible: Readonly<Ref<boolean>>,
): Pages<Row> {
  const total = ref<number>();
  const pages = shallowRef(new Map<number, readonly Row[]>());
  const asked = new Set<number>();
  /** Pages that were fetched before the last change. */
  const stale = new Set<number>();
  let window = { first: 0, end: 1 };
  let generation = 0;
  let alive = true;

  async function fetch(page: number, of: number): Promise<void> {
    asked.add(page);
    const answer = await load(page * PAGE_ROWS, PAGE_ROWS);
    // The answer is about rows that have changed since.
    if (!alive || of !== generation) return;
    asked.delete(page);
    if (answer === undefined) return;
    total.value = answer.total;
    pages.value.set(page, answer.rows);
    stale.delete(page);
    forget();
    triggerRef(pages);
  }

  function forget(): void {
    if (pages.value.size <= KEPT) return;
    const middle = (window.first + window.end) / 2 / PAGE_ROWS;
    const farthest = [...pages.value.keys()].sort((a, b) => Math.abs(b - middle) - Math.abs(a - middle));
    for (const page of farthest.slice(0, pages.value.size - KEPT)) pages.value.delete(page);
  }

  function ask(): void {
    if (!visible.value) return;
    const last = Math.floor(Math.max(window.first, window.end - 1) / PAGE_ROWS);
    for (let page = Math.floor(window.first / PAGE_ROWS); page <= last; page++) {
      if (asked.has(page) || (pages.value.has(page) && !stale.has(page))) continue;
      void fetch(page, generation);
    }
  }

  function reload(): void {
    generation++;
    asked.clear();
    for (const page of pages.value.keys()) stale.add(page);
    ask();
  }

  watch([state, visible], reload, { immediate: true });
  onScopeDispose(() => (alive = false));
  return {
    total,
    row: (index) => pages.value.get(Math.floor(index / PAGE_ROWS))?.[index % PAGE_ROWS],
    want(first, end) {
      window = { first, end: Math.max(end, first + 1) };
      ask();
    },
    reload,
  };
}
