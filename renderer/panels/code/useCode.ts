/** The rows of the program that Code shows, and the notes beside those in sight. */
import type { Ref } from 'vue';
import { computed, onScopeDispose, ref, shallowRef, triggerRef, watch } from 'vue';
import type { CodeMode, CodeRow, CodeSummary } from '../../../core/protocol/code.ts';
import { useSession } from '../../session/store.ts';
import type { RowNotes } from './marks.ts';
import { insnsOf, notesByInsn } from './marks.ts';
import { RowCache } from './row-cache.ts';

/** Nobody has done anything for so long. */
const QUIET_MS = 600;

interface Shown {
  readonly summary: CodeSummary;
  readonly mode: CodeMode;
  readonly cache: RowCache;
}

export interface Code {
  readonly program: Ref<string | undefined>;
  readonly mode: Ref<CodeMode>;
  readonly summary: Ref<CodeSummary | undefined>;
  readonly count: Ref<number>;
  /** Characters of the longest line seen so far. */
  readonly longest: Ref<number>;
  /** Undefined while it is being fetched. Depends on the arrival of rows. */
  at(row: number): CodeRow | undefined;
  /** Rows in sight: fetched when they are not there. */
  setWindow(first: number, end: number): void;
  readonly notes: Ref<ReadonlyMap<number, RowNotes>>;
  /** Shows a program; settles when its rows can be asked for. */
  show(program: string): Promise<void>;
  rowOf(insn: number): Promise<number | undefined>;
}

export function useCode(visible: Ref<boolean>): Code {
  const session = useSession();
  const program = ref<string>();
  const mode = ref<CodeMode>('all');
  const shown = shallowRef<Shown>();
  const window = ref({ first: 0, end: 0 });
  const notes = shallowRef<ReadonlyMap<number, RowNotes>>(new Map());
  let loading: Promise<void> = Promise.resolve();
  let wanted = 0;

  function load(): Promise<void> {
    const stamp = ++wanted;
    loading = (async () => {
      const name = program.value;
      const as = mode.value;
      if (name === undefined) {
        shown.value = undefined;
        return;
      }
      const summary = await session.tell(session.api.code(name, as));
      if (summary === undefined || stamp !== wanted) return;
      const cache: RowCache = new RowCache(
        (from, to) => session.tell(session.api.codeRows(name, from, to, as)),
        () => {
          if (shown.value?.cache === cache) triggerRef(shown);
        },
      );
      // What is in sight is there before it takes the place of what was: nothing blinks.
      const { first, end } = window.value;
      await cache.want(Math.min(first, summary.rows), Math.min(Math.max(end, 60), summary.rows));
      if (stamp === wanted) shown.value = { summary, mode: as, cache };
    })();
    return loading;
  }

  watch([program, mode, () => session.state.epoch, () => session.state.object?.name], () => void load());

  async function show(name: string): Promise<void> {
    if (program.value !== name) {
      program.value = name;
      notes.value = new Map();
      await load();
    } else await loading;
  }

  // ---- notes ------------------------------------------------------------------------------------------------------------

  const range = computed(() => {
    const { first, end } = window.value;
    return insnsOf(Array.from({ length: Math.max(0, end - first) }, (_, i) => shown.value?.cache.at(first + i)));
  });
  let asking = false;
  let again = false;

  // How often instructions of a long run were executed is counted when nothing else is wanted for a while.
  let counting: ReturnType<typeof setTimeout> | undefined;
  function countLater(): void {
    clearTimeout(counting);
    if (session.state.runs.current?.last === undefined) return;
    counting = setTimeout(() => {
      if (session.busy) countLater();
      else void count();
    }, QUIET_MS);
  }
  async function count(): Promise<void> {
    if ((await session.tell(session.api.countHits())) === true) await ask();
  }
  onScopeDispose(() => clearTimeout(counting));

  async function ask(): Promise<void> {
    clearTimeout(counting);
    if (asking) {
      again = true;
      return;
    }
    const name = shown.value?.summary.program;
    const { value: insns } = range;
    if (name === undefined || insns === undefined || !visible.value) return;
    asking = true;
    try {
      const answer = await session.tell(session.api.codeNotes(name, insns.from, insns.to, session.frame));
      if (answer !== undefined && shown.value?.summary.program === name)
        notes.value = notesByInsn(answer, insns.from, notes.value);
      if (answer?.hits.includes(-1) === true) countLater();
    } finally {
      asking = false;
      if (again) {
        again = false;
        void ask();
      }
    }
  }
  watch(
    [
      visible,
      () => `${range.value?.from} ${range.value?.to}`,
      () => session.state.revision,
      () => session.frame,
      () => shown.value?.summary.program,
    ],
    () => void ask(),
  );

  return {
    program,
    mode,
    summary: computed(() => shown.value?.summary),
    count: computed(() => shown.value?.summary.rows ?? 0),
    longest: computed(() => shown.value?.cache.longest ?? 0),
    at: (row) => shown.value?.cache.at(row),
    setWindow: (first, end) => {
      window.value = { first, end };
      void shown.value?.cache.want(first, end);
    },
    notes,
    show,
    rowOf: async (insn) => {
      const here = shown.value;
      if (here === undefined) return undefined;
      return (
        here.cache.rowOf(insn) ?? (await session.tell(session.api.codeRowOf(here.summary.program, insn, here.mode)))
      );
    },
  };
}
