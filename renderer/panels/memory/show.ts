/** An address that Memory is asked to show, from wherever. */
import type { Ref } from 'vue';
import { ref } from 'vue';

const wanted = ref<{ readonly address: string; readonly stamp: number }>();

export function showMemory(address: string): void {
  wanted.value = { address, stamp: (wanted.value?.stamp ?? 0) + 1 };
}

export function useWantedMemory(): Readonly<Ref<{ readonly address: string; readonly stamp: number } | undefined>> {
  return wanted;
}
