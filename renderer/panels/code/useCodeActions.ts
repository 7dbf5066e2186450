/** What can be done with a row of Code: by its menu, by keys, by a click in the gutter. */
import type { Ref, ShallowRef } from 'vue';
import { computed, ref, shallowRef } from 'vue';
import type { MenuEntry } from '../../common/menu.ts';
import { useSession } from '../../session/store.ts';
import type { CodeAction } from './code-menu.ts';
import { codeMenu } from './code-menu.ts';
import { insnAt } from './marks.ts';
import type { Breakpoints } from './useBreakpoints.ts';
import type { Code } from './useCode.ts';
import type { CodePlace } from './useCodePlace.ts';

export interface CodeActions {
  /** Where the menu of the selected row is open. */
  readonly menu: ShallowRef<{ readonly x: number; readonly y: number } | undefined>;
  readonly entries: Ref<readonly MenuEntry<CodeAction>[]>;
  /** The instruction whose condition is being written. */
  readonly editing: Ref<number | undefined>;
  act(action: CodeAction): void;
  toggle(row: number): void;
  follow(row: number): void;
  /** Of a jump it follows it, of anything else it sets a breakpoint. */
  enter(row: number): void;
  saveCondition(condition: string): void;
}

export function useCodeActions(code: Code, place: CodePlace, breakpoints: Breakpoints): CodeActions {
  const session = useSession();
  const menu = shallowRef<{ readonly x: number; readonly y: number }>();
  const editing = ref<number>();
  const { selected, insn } = place;

  const entries = computed(() => {
    const row = menu.value === undefined ? undefined : code.at(selected.value);
    if (row === undefined) return [];
    return codeMenu({
      row,
      breakpoint: insn.value === undefined ? undefined : breakpoints.marks.value.get(insn.value),
      began: session.state.position !== undefined,
      canGoBack: place.canGoBack.value,
      pieces: place.pieces.value.length,
    });
  });

  function toggle(row: number): void {
    const at = insnAt(row, code.at, code.count.value);
    if (at !== undefined) void breakpoints.toggle(at);
  }

  function targetOf(row: number): number | undefined {
    const found = code.at(row);
    return found?.kind === 'insn' ? found.target : undefined;
  }

  function follow(row: number): void {
    const target = targetOf(row);
    if (target === undefined) return;
    selected.value = row;
    void place.follow(target);
  }

  function act(action: CodeAction): void {
    const program = code.summary.value?.program;
    if (insn.value === undefined || program === undefined) return;
    switch (action) {
      case 'toggle':
        void breakpoints.toggle(insn.value);
        break;
      case 'condition':
        editing.value = insn.value;
        break;
      case 'switch':
        void breakpoints.switch(insn.value);
        break;
      case 'to-here':
      case 'back-here':
        void session.go({
          kind: 'to-insn',
          direction: action === 'to-here' ? 'forwards' : 'backwards',
          program,
          insn: insn.value,
        });
        break;
      case 'follow':
        follow(selected.value);
        break;
      case 'back':
        void place.back();
        break;
      case 'next-piece':
        place.nextPiece(1);
        break;
      case 'copy': {
        const row = code.at(selected.value);
        if (row !== undefined) void navigator.clipboard.writeText(row.kind === 'function' ? row.name : row.text.trim());
        break;
      }
    }
  }

  return {
    menu,
    entries,
    editing,
    act,
    toggle,
    follow,
    enter: (row) => (targetOf(row) === undefined ? toggle(row) : follow(row)),
    saveCondition: (condition) => {
      if (editing.value !== undefined) void breakpoints.setCondition(editing.value, condition);
      editing.value = undefined;
    },
  };
}
