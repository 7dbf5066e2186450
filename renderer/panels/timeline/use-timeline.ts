/** What the timeline shows: which run, which part of it, what is selected, and what is known of it so far. */
import type { ComputedRef, Ref, ShallowRef } from 'vue';
import { computed, onScopeDispose, ref, shallowRef, watch } from 'vue';
import type { Direction } from '../../../core/protocol/state.ts';
import { useSelectedRange } from '../../common/selection.ts';
import { useSession } from '../../session/store.ts';
import type { Picture } from './picture.ts';
import type { Rows } from './source.ts';
import type { Range } from './scale.ts';
import { axisOf, clamped, revealed, spanOf } from './scale.ts';
import { TimelineSource } from './source.ts';

export interface TimelineModel {
  readonly source: TimelineSource;
  /** Index of the run that is shown. */
  readonly run: ComputedRef<number | undefined>;
  /** The whole run, as soon as it is known. */
  readonly whole: Readonly<ShallowRef<Picture | undefined>>;
  /** What the lanes need. */
  readonly rows: Readonly<ShallowRef<Rows>>;
  /** The finest picture of a moment. */
  pictureAt(tick: number, width: number): Picture | undefined;
  readonly axis: ComputedRef<Range>;
  /** What is in sight: all of the run, until somebody looks closer. */
  readonly view: ComputedRef<Range>;
  readonly selected: Readonly<Ref<Range | undefined>>;
  readonly scrolled: Ref<number>;
  /** Undefined shows all of the run, however long it grows. */
  look(view: Range | undefined): void;
  select(range: Range | undefined): void;
  /** Goes to the moment of a tick. */
  goTo(tick: number): Promise<void>;
  /** Goes to the next event that a filter matches; false when there is none. */
  find(filter: string, direction: Direction): Promise<boolean | undefined>;
}

/** `changed`: there is something new to draw. */
export function useTimeline(visible: Readonly<Ref<boolean>>, changed: () => void): TimelineModel {
  const session = useSession();
  const whole = shallowRef<Picture>();
  const chosen = shallowRef<Range>();
  const selected = useSelectedRange();
  onScopeDispose(() => (selected.value = undefined));
  const scrolled = ref(0);
  const rows = shallowRef<Rows>({ depth: 1, resources: 1 });
  const run = computed(() => session.state.runs.current?.index);

  const arrivals = ref(0);
  const source: TimelineSource = new TimelineSource(
    async ({ from, to, pixels }) =>
      run.value === undefined ? undefined : session.tell(session.api.timeline(run.value, from, to, pixels)),
    () => {
      whole.value = source.whole;
      if (source.rows.depth !== rows.value.depth || source.rows.resources !== rows.value.resources)
        rows.value = source.rows;
      arrivals.value++;
      changed();
    },
  );

  // Another run, or another object: all is new.
  watch([run, () => session.state.epoch], () => {
    source.clear();
    rows.value = source.rows;
    whole.value = undefined;
    chosen.value = undefined;
    selected.value = undefined;
    scrolled.value = 0;
    changed();
  });
  // The same run knows more: it went on, or has other marks.
  const marks = computed(() => {
    const { bookmarks, breakpoints } = session.state;
    const ids = [
      ...bookmarks.map(({ id, name }) => `${id}${name}`),
      ...breakpoints.map(({ id, enabled, hits }) => `${id}${enabled}${hits}`),
    ];
    return ids.join(' ');
  });
  const isBeyond = computed(() => whole.value !== undefined && (session.state.tick ?? 0) > whole.value.view.last);
  watch(
    [marks, () => session.state.runs.current?.last?.step, () => session.state.runs.current?.last?.phase, isBeyond],
    () => {
      if (visible.value) source.refresh();
    },
  );
  watch(visible, (isVisible) => {
    if (isVisible && whole.value !== undefined) source.refresh();
    changed();
  });

  const axis = computed<Range>(() => {
    const view = whole.value?.view;
    return view === undefined ? { from: 0, to: 1 } : axisOf(view.first, Math.max(view.last, session.state.tick ?? 0));
  });
  const view = computed(() => (chosen.value === undefined ? axis.value : clamped(chosen.value, axis.value)));
  // Wherever the session goes, the timeline shows it.
  watch(
    () => session.state.tick,
    (tick) => {
      if (tick !== undefined && chosen.value !== undefined) chosen.value = revealed(tick, view.value, axis.value);
    },
  );
  watch([view, selected, scrolled, () => session.state.tick, () => session.state.unwinding], changed);

  return {
    source,
    run,
    whole,
    rows,
    pictureAt(tick, width) {
      if (arrivals.value < 0) return undefined;
      const pictures = source.pictures(view.value, width);
      return pictures.findLast(({ view: { from, to } }) => tick >= from && tick <= to) ?? pictures[0];
    },
    axis,
    view,
    selected,
    scrolled,
    look(next) {
      chosen.value = next === undefined || spanOf(next) >= spanOf(axis.value) * 0.9999 ? undefined : next;
    },
    select(range) {
      selected.value = range;
    },
    async goTo(tick) {
      const { value: index } = run;
      const known = whole.value?.view;
      if (index === undefined || known === undefined) return;
      const inside = Math.min(Math.max(tick, known.first), known.last);
      const position = await session.tell(session.api.moment(index, inside));
      if (position !== undefined) await session.goTo(position);
    },
    async find(filter, direction) {
      if (run.value === undefined) return undefined;
      const found = await session.tell(session.api.findEvent(run.value, filter, session.state.tick ?? 0, direction));
      if (found === undefined || found === null) return found === null ? false : undefined;
      await session.goTo(found);
      return true;
    },
  };
}
