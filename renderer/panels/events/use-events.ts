/** The list of events that a filter and an order give, fetched as it comes into sight. */
import type { Ref, ShallowRef } from 'vue';
import { computed, ref, shallowRef, watch } from 'vue';
import type { EventRow } from '../../../core/protocol/timeline.ts';
import { PagedRows } from '../../common/paged-rows.ts';
import { SessionError } from '../../session/client.ts';
import { useSession } from '../../session/store.ts';
import type { Sort } from './columns.ts';

export interface EventList {
  readonly total: Readonly<Ref<number>>;
  readonly omitted: Readonly<Ref<number>>;
  /** Row of the last event that is not after the present moment. */
  readonly present: Readonly<Ref<number | undefined>>;
  /** What is wrong with the filter. */
  readonly error: Readonly<ShallowRef<{ readonly message: string; readonly hint?: string | undefined } | undefined>>;
  /** Undefined while it is being fetched; tracked, so that who shows it is told when it has arrived. */
  at(row: number): EventRow | undefined;
  want(first: number, end: number): void;
}

export interface Asked {
  readonly filter: Ref<string>;
  readonly order: Ref<{ readonly sort: Sort; readonly descending: boolean }>;
  readonly visible: Readonly<Ref<boolean>>;
}

/** While somebody types, nothing is asked. */
const PAUSE_MS = 150;

export function useEvents({ filter, order, visible }: Asked): EventList {
  const session = useSession();
  const total = ref(0);
  const omitted = ref(0);
  const present = ref<number>();
  const error = shallowRef<{ readonly message: string; readonly hint?: string | undefined }>();
  const arrivals = ref(0);
  const run = computed(() => session.state.runs.current?.index);
  let sight: readonly [number, number] = [0, 1];

  const query = async (from: number, count: number): Promise<readonly EventRow[] | undefined> => {
    if (run.value === undefined) return undefined;
    const { tick } = session.state;
    const asked = { run: run.value, filter: filter.value.trim(), ...order.value, from, count };
    try {
      const page = await session.api.events(tick === undefined ? asked : { ...asked, tick });
      total.value = page.total;
      omitted.value = page.omitted;
      if (tick === session.state.tick) present.value = page.at;
      error.value = undefined;
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
    total.value = omitted.value = 0;
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
  watch(filter, () => {
    clearTimeout(timer);
    timer = setTimeout(again, PAUSE_MS);
  });
  // The session has moved: where is that in the list? No rows are asked for.
  watch([() => session.state.tick, run], async ([tick]) => {
    if (tick === undefined) present.value = undefined;
    else if (visible.value) await query(0, 0);
    else isStale = true;
  });
  if (visible.value) again();

  return {
    total,
    omitted,
    present,
    error,
    at: (row) => (arrivals.value < 0 ? undefined : pages.at(row)),
    want(first, end) {
      sight = [first, Math.max(end, first + 1)];
      if (visible.value) pages.want(...sight);
    },
  };
}
