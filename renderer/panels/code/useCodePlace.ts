/**
 * Where Code looks: it follows the present moment and the chosen frame, goes where links lead, and remembers where it was
 * before a jump was followed. Also the selected row, which the keys move.
 */
import type { Ref, ShallowRef } from 'vue';
import { computed, ref, watch } from 'vue';
import type { FrameView } from '../../../core/protocol/views.ts';
import { useSession } from '../../session/store.ts';
import { insnAt, nextRow } from './marks.ts';
import type { Code } from './useCode.ts';

/** The list that shows the rows. */
export interface RowList {
  scrollTo(index: number, align?: 'nearest' | 'center'): void;
}

interface Place {
  readonly program: string;
  readonly insn: number;
}

export interface CodePlace {
  readonly selected: Ref<number>;
  /** The instruction that the selected row stands for. */
  readonly insn: Ref<number | undefined>;
  /** Where the session stands, and where the chosen outer frame does. */
  readonly here: Ref<Place | undefined>;
  readonly frame: Ref<Place | undefined>;
  select(row: number): void;
  go(place: Place): Promise<void>;
  /** To the target of a jump; {@link back} returns. */
  follow(insn: number): Promise<void>;
  back(): Promise<void>;
  readonly canGoBack: Ref<boolean>;
  /** Of the source line that is selected: the rows of all its pieces. */
  readonly pieces: Ref<readonly number[]>;
  nextPiece(by: 1 | -1): void;
}

const MOST_REMEMBERED = 100;
/** Rows between the edge and a row that is comfortably in sight. */
const MARGIN = 3;

export function useCodePlace(
  code: Code,
  frames: Ref<readonly FrameView[]>,
  list: Readonly<ShallowRef<RowList | null>>,
): CodePlace {
  const session = useSession();
  const selected = ref(0);
  const pieces = ref<readonly number[]>([]);
  const history = ref<readonly Place[]>([]);
  let stamp = 0;

  const here = computed(() => {
    const { place } = session.state;
    return place === undefined ? undefined : { program: place.program, insn: place.insn };
  });
  const frame = computed(() => {
    const view = session.frame === 0 ? undefined : frames.value[session.frame];
    return view === undefined ? undefined : { program: view.program, insn: view.insn };
  });
  const insn = computed(() => insnAt(selected.value, code.at, code.count.value));

  watch([insn, () => code.summary.value?.program], ([at, program]) => {
    session.cursor = at === undefined || program === undefined ? undefined : { program, insn: at };
  });

  function bring(row: number): void {
    list.value?.scrollTo(Math.max(0, row - MARGIN), 'center');
    list.value?.scrollTo(Math.min(row + MARGIN, code.count.value - 1), 'center');
  }

  function select(row: number): void {
    selected.value = Math.min(Math.max(0, row), Math.max(0, code.count.value - 1));
    bring(selected.value);
  }

  async function go(place: Place): Promise<void> {
    const mine = ++stamp;
    await code.show(place.program);
    const row = await code.rowOf(place.insn);
    if (row === undefined || mine !== stamp) return;
    pieces.value = [];
    select(row);
  }

  function remember(): void {
    const program = code.summary.value?.program;
    if (program === undefined || insn.value === undefined) return;
    history.value = [...history.value, { program, insn: insn.value }].slice(-MOST_REMEMBERED);
  }

  async function follow(target: number): Promise<void> {
    const program = code.summary.value?.program;
    if (program === undefined) return;
    remember();
    await go({ program, insn: target });
  }

  async function back(): Promise<void> {
    const place = history.value.at(-1);
    if (place === undefined) return;
    history.value = history.value.slice(0, -1);
    await go(place);
  }

  // ---- following --------------------------------------------------------------------------------------------------------

  const target = computed(() => frame.value ?? here.value);
  const key = computed(() => {
    const { position } = session.state;
    const at = target.value;
    return `${position?.run}:${position?.step}:${position?.phase} ${at?.program} ${at?.insn}`;
  });
  watch(
    key,
    () => {
      if (target.value !== undefined) void go(target.value);
    },
    { immediate: true },
  );
  watch(
    () => session.state.program,
    (program) => {
      if (program !== undefined && (here.value === undefined || here.value.program !== program))
        void go({ program, insn: 0 });
    },
    { immediate: true },
  );
  // A link in another panel is a jump, too.
  watch(
    () => session.reveal,
    (reveal) => {
      if (reveal === undefined) return;
      remember();
      void go(reveal);
    },
  );
  // Without source lines the rows have other numbers.
  watch(code.mode, async () => {
    const at = insn.value;
    const program = code.program.value;
    if (at !== undefined && program !== undefined) await go({ program, insn: at });
  });

  // ---- pieces of a line -------------------------------------------------------------------------------------------------

  watch(selected, async (row) => {
    if (pieces.value.includes(row)) return;
    pieces.value = [];
    const found = code.at(row);
    const program = code.summary.value?.program;
    if (found?.kind !== 'source' || program === undefined) return;
    const rows = await session.tell(session.api.codeRowsOfLine(program, found.file, found.line));
    if (rows !== undefined && selected.value === row) pieces.value = rows;
  });

  function nextPiece(by: 1 | -1): void {
    const row = nextRow(pieces.value, selected.value, by);
    if (row !== undefined) select(row);
  }

  return {
    selected,
    insn,
    here,
    frame,
    select,
    go,
    follow,
    back,
    canGoBack: computed(() => history.value.length > 0),
    pieces,
    nextPiece,
  };
}
