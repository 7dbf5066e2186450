/** Setting, guarding, and switching breakpoints at instructions. */
import type { Ref } from 'vue';
import { computed } from 'vue';
import { useSession } from '../../session/store.ts';
import type { BreakpointMark } from './marks.ts';
import { breakpointMarks } from './marks.ts';

export interface Breakpoints {
  readonly marks: Ref<ReadonlyMap<number, BreakpointMark>>;
  toggle(insn: number): Promise<void>;
  switch(insn: number): Promise<void>;
  setCondition(insn: number, condition: string): Promise<void>;
}

export function useBreakpoints(program: Ref<string | undefined>): Breakpoints {
  const session = useSession();
  const marks = computed(() =>
    program.value === undefined ? new Map() : breakpointMarks(session.state.breakpoints, program.value),
  );

  async function toggle(insn: number): Promise<void> {
    if (program.value !== undefined) await session.tell(session.api.toggleBreakpoint(program.value, insn));
  }

  return {
    marks,
    toggle,
    switch: async (insn) => {
      const mark = marks.value.get(insn);
      for (const id of mark?.ids ?? [])
        await session.tell(session.api.changeBreakpoint(id, { enabled: mark?.enabled !== true }));
    },
    setCondition: async (insn, condition) => {
      const name = program.value;
      if (name === undefined) return;
      if (!marks.value.has(insn)) {
        if (condition === '') return;
        await toggle(insn);
      }
      // The new state may be on its way still: ask for it.
      const state = await session.tell(session.api.state());
      const mark = breakpointMarks(state?.breakpoints ?? [], name).get(insn);
      for (const id of mark?.ids ?? []) await session.tell(session.api.changeBreakpoint(id, { condition }));
    },
  };
}
