/** The range that is selected in the timeline: what lists events lists those in it. */
import type { ShallowRef } from 'vue';
import { shallowRef } from 'vue';
import type { TickRange } from '../../core/protocol/timeline.ts';

const selected = shallowRef<TickRange>();

/** Of the present run; undefined while nothing is selected. */
export function useSelectedRange(): ShallowRef<TickRange | undefined> {
  return selected;
}
