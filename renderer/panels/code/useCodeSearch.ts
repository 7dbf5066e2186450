/** What a search in Code found, and which of it is the present one. */
import type { Ref } from 'vue';
import { computed, ref, watch } from 'vue';
import { useSession } from '../../session/store.ts';
import { nextRow } from './marks.ts';
import type { Code } from './useCode.ts';

export interface CodeSearch {
  readonly open: Ref<boolean>;
  readonly rows: Ref<readonly number[]>;
  /** What is looked for, of a row that has it; empty otherwise. */
  foundIn(row: number): string;
  readonly total: Ref<number>;
  /** Index of the selected row among those found; -1 when it is none of them. */
  readonly at: Ref<number>;
  search(text: string): Promise<void>;
  move(by: 1 | -1): void;
  close(): void;
}

export function useCodeSearch(code: Code, selected: Ref<number>, select: (row: number) => void): CodeSearch {
  const session = useSession();
  const open = ref(false);
  const text = ref('');
  const rows = ref<readonly number[]>([]);
  const total = ref(0);
  const found = computed(() => new Set(rows.value));
  let stamp = 0;

  async function search(wanted: string): Promise<void> {
    const mine = ++stamp;
    text.value = wanted;
    const program = code.summary.value?.program;
    if (wanted === '' || program === undefined) {
      rows.value = [];
      total.value = 0;
      return;
    }
    const result = await session.tell(session.api.searchCode(program, wanted, code.mode.value));
    if (result === undefined || mine !== stamp) return;
    rows.value = result.rows;
    total.value = result.total;
    // While somebody types, the first one at or after the selected row is shown.
    const first = rows.value.find((row) => row >= selected.value) ?? rows.value[0];
    if (first !== undefined) select(first);
  }

  watch([() => code.summary.value?.program, code.mode], () => void search(text.value));
  // The session writes out all rows for the first search: while somebody thinks of a word, not after it.
  watch(open, (isOpen) => {
    const program = code.summary.value?.program;
    if (isOpen && program !== undefined) void session.tell(session.api.searchCode(program, '', code.mode.value));
  });

  return {
    open,
    rows,
    foundIn: (row) => (open.value && found.value.has(row) ? text.value : ''),
    total,
    at: computed(() => rows.value.indexOf(selected.value)),
    search,
    move: (by) => {
      const row = nextRow(rows.value, selected.value, by);
      if (row !== undefined) select(row);
    },
    close: () => {
      open.value = false;
      void search('');
    },
  };
}
