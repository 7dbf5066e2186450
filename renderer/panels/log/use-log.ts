/** The log of the selected program: its lines as they come into sight, what is searched, what is followed. */
import type { ComputedRef, Ref, ShallowRef } from 'vue';
import { computed, ref, shallowRef, watch } from 'vue';
import type { SearchResult } from '../../../core/protocol/code.ts';
import type { LogLevel, LogLine, LogSummary } from '../../../core/protocol/verifier.ts';
import { count } from '../../common/format.ts';
import { PagedRows } from '../../common/paged-rows.ts';
import { useSession } from '../../session/store.ts';
import { nextOf } from './parts.ts';

export interface LogView {
  at(line: number): LogLine | undefined;
  want(first: number, end: number): void;
  readonly search: Ref<string>;
  /** How many lines the search finds, and which of them is shown. */
  readonly found: ComputedRef<string>;
  /** The line that is shown; a new object whenever it is gone to. */
  readonly place: Readonly<ShallowRef<{ readonly line: number } | undefined>>;
  readonly isFollowing: Ref<boolean>;
  /** To the next line that the search finds; without one, that is about the instruction chosen in Code. */
  find(by: 1 | -1): void;
  follow(line: number): void;
}

export interface LogAsked {
  readonly level: Readonly<Ref<LogLevel>>;
  readonly summary: Readonly<ShallowRef<LogSummary | undefined>>;
  readonly visible: Readonly<Ref<boolean>>;
}

const PAUSE_MS = 60;
const NOTHING: SearchResult = { rows: [], total: 0 };

export function useLog({ level, summary, visible }: LogAsked): LogView {
  const session = useSession();
  const search = ref('');
  const isFollowing = ref(true);
  const place = shallowRef<{ readonly line: number }>();
  /** Undefined while it is on its way. */
  const searched = shallowRef<SearchResult | undefined>(NOTHING);
  const followed = shallowRef<SearchResult>(NOTHING);
  const arrivals = ref(0);

  const pages = new PagedRows<LogLine>(
    async (from, more) => {
      const { program } = session.state;
      if (program === undefined || summary.value === undefined) return undefined;
      return session.tell(session.api.logLines(program, level.value, from, Math.min(from + more, summary.value.lines)));
    },
    () => arrivals.value++,
  );

  let turn = 0;
  async function look(text: string, isNew: boolean): Promise<void> {
    const { program } = session.state;
    const mine = ++turn;
    searched.value = undefined;
    const result =
      text === '' || program === undefined
        ? NOTHING
        : await session.tell(session.api.searchLog(program, level.value, text));
    if (mine !== turn) return;
    searched.value = result ?? NOTHING;
    const first = isNew ? nextOf(searched.value.rows, (place.value?.line ?? 0) - 1, 1) : undefined;
    if (first !== undefined) place.value = { line: first };
  }

  watch(summary, (now) => {
    pages.renew();
    arrivals.value++;
    place.value = now?.errorLine === undefined ? undefined : { line: now.errorLine };
    searched.value = NOTHING;
    if (now === undefined) return;
    pages.want(...sight);
    if (search.value !== '') void look(search.value, false);
    if (now.errorLine === undefined) void followCode(session.reveal?.insn);
  });

  let timer: ReturnType<typeof setTimeout> | undefined;
  watch(search, (text) => {
    clearTimeout(timer);
    searched.value = undefined;
    timer = setTimeout(() => void look(text, true), PAUSE_MS);
  });

  /** Shows where the log first speaks of an instruction, or, when it is shown already, where it does next. */
  async function followCode(insn: number | undefined): Promise<void> {
    const { program } = session.state;
    if (
      insn === undefined ||
      program === undefined ||
      !isFollowing.value ||
      !visible.value ||
      summary.value === undefined
    )
      return;
    const lines = await session.tell(session.api.logLinesOf(program, level.value, insn));
    if (lines === undefined) return;
    const isAgain = followed.value.rows.join() === lines.rows.join();
    followed.value = lines;
    const line = nextOf(lines.rows, isAgain ? place.value?.line : undefined, 1);
    if (line !== undefined) place.value = { line };
  }
  // Both a link that was clicked and a step of the session.
  watch(
    () => session.reveal,
    (chosen) => {
      if (chosen?.program === session.state.program) void followCode(chosen?.insn);
    },
  );
  watch(
    () => session.state.place?.insn,
    (insn) => {
      if (session.state.place?.program === session.state.program) void followCode(insn);
    },
  );

  let sight: readonly [number, number] = [0, 1];
  const result = computed(() => (search.value === '' ? followed.value : (searched.value ?? NOTHING)));

  return {
    at: (line) => (arrivals.value < 0 ? undefined : pages.at(line)),
    want(first, end) {
      sight = [first, Math.max(end, first + 1)];
      if (summary.value !== undefined) pages.want(...sight);
    },
    search,
    found: computed(() => {
      const { rows, total } = result.value;
      if (search.value === '' ? total === 0 : searched.value === undefined) return '';
      if (total === 0) return 'none';
      const at = place.value === undefined ? -1 : rows.indexOf(place.value.line);
      const what = search.value === '' ? 'visits' : '';
      return `${at < 0 ? '' : `${count(at + 1)} of `}${count(total)} ${what}`.trim();
    }),
    place,
    isFollowing,
    find(by) {
      const next = nextOf(result.value.rows, place.value?.line, by);
      if (next !== undefined) place.value = { line: next };
    },
    follow: (line) => (place.value = { line }),
  };
}
