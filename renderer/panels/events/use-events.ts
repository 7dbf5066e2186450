/** The list of events that a filter and an order give, fetched as it comes into sight. */
import type { Ref, ShallowRef } from 'vue';
import { computed, ref, shallowRef, watch } from 'vue';
import type { EventRow } from '../../../core/protocol/timeline.ts';
import { PagedRows } from '../../common/paged-rows.ts';
import { useSelectedRange } from '../../common/selection.ts';
import { SessionError } from '../../session/client.ts';
import { useSession } from '../../session/store.ts';
import type { Listed, Sort } from './columns.ts';
import { sameList } from './columns.ts';

export interface EventList {
  readonly total: Readonly<Ref<number>>;
  /** Of which events the list is, when it is not of all. */
  readonly listed: Readonly<ShallowRef<Listed | undefined>>;
  /** Row of the last event that is not after the present moment. */
  readonly present: Readonly<Ref<number | undefined>>;
  /** What is wrong with the filter. */
  readonly error: Readonly<ShallowRef<{ readonly message: string; readonly hint?: string | undefined } | undefined>>;
  /** Undefined while it is being fetched; tracked, so that who shows it is told when it has arrived. */
  at(row: number): EventRow | undefined;
  want(first: number, end: number): void;
  /** Lists what happened about a step, until the session moves. */
  look(step: number): void;
}

export interface Asked {
  readonly filter: Ref<string>;
  readonly order: Ref<{ readonly sort: Sort; readonly descending: boolean }>;
  readonly visible: Readonly<Ref<boolean>>;
}

/** While somebody types, or draws a range, nothing is asked. */
const PAUSE_MS = 150;

export function useEvents({ filter, order, visible }: Asked): EventList {
  const session = useSession();
  const total = ref(0);
  const listed = shallowRef<Listed>();
  /** About which step is listed, where that is not the present moment. */
  let elsewhere: number | undefined;
  const present = ref<number>();
  const error = shallowRef<{ readonly message: string; readonly hint?: string | undefined }>();
  const range = useSelectedRange();
  const arrivals = ref(0);
  const run = computed(() => session.state.runs.current?.index);
  let sight: readonly [number, number] = [0, 1];

  const query = async (from: number, count: number): Promise<readonly EventRow[] | undefined> => {
    if (run.value === undefined) return undefined;
    const { tick } = session.state;
    const step = elsewhere;
    const asked = {
      ...{ run: run.value, filter: filter.value.trim(), ...order.value, from, count },
      ...(tick === undefined ? {} : { tick }),
      ...(step === undefined ? {} : { step }),
      ...(range.value === undefined ? {} : { range: range.value }),
    };
    try {
      const page = await session.api.events(asked);
      // Somebody looks elsewhere by now.
      if (step !== elsewhere || asked.run !== run.value || asked.range !== range.value) return undefined;
      const { part, keptTo, all } = page;
      const list =
        keptTo === undefined && asked.range === undefined ? undefined : { part, keptTo, all, range: asked.range };
      const isOther = !sameList(list, listed.value);
      total.value = page.total;
      listed.value = list;
      if (tick === session.state.tick) present.value = step === undefined ? page.at : undefined;
      error.value = undefined;
      if (isOther) {
        // The rows are of another list than those that are there.
        pages.renew();
        pages.want(...sight);
      }
      return page.rows;
    } catch (caught) {
      if (!(caught instanceof SessionError)) throw caught;
      error.value = { message: caught.message, hint: caught.hint };
      return undefined;
    }
  };
  const pages = new PagedRows<EventRow>(query, () => arrivals.value++);

  let isStale = true;
  const again = (): void => {
    if (!visible.value) {
      isStale = true;
      return;
    }
    isStale = false;
    pages.renew(true);
    pages.want(...sight);
  };

  // Another run: nothing of what was there belongs to it.
  watch([run, () => session.state.epoch], () => {
    pages.renew();
    total.value = 0;
    listed.value = elsewhere = undefined;
    present.value = undefined;
    again();
  });
  watch(order, again);
  // The same run went on.
  watch([() => session.state.runs.current?.last?.step, () => session.state.runs.current?.last?.phase], again);
  watch(visible, (isVisible) => {
    if (isVisible && isStale) again();
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  watch([filter, range], () => {
    clearTimeout(timer);
    timer = setTimeout(again, PAUSE_MS);
  });
  // The session has moved: where is that in the list? No rows are asked for.
  watch([() => session.state.tick, run], async ([tick]) => {
    elsewhere = undefined;
    if (tick === undefined) present.value = undefined;
    else if (visible.value) await query(0, 0);
    else isStale = true;
  });
  if (visible.value) again();

  return {
    total,
    listed,
    present,
    error,
    at: (row) => (arrivals.value < 0 ? undefined : pages.at(row)),
    want(first, end) {
      sight = [first, Math.max(end, first + 1)];
      if (visible.value) pages.want(...sight);
    },
    look(step) {
      elsewhere = step;
      again();
    },
  };
}
