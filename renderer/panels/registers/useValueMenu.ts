/** What can be done with a value: of a register, a word of the stack, a byte of memory. */
import type { ShallowRef } from 'vue';
import { shallowRef } from 'vue';
import type { MenuEntry } from '../../common/menu.ts';
import { useOpenPanel } from '../../common/panel.ts';
import { useSession } from '../../session/store.ts';
import { showMemory } from '../memory/show.ts';

export type ValueAction = 'copy' | 'print' | 'who' | 'watch' | 'memory';

export interface MenuValue {
  /** As an expression of the debugger: `r6`, `*(u64 *)(fp - 8)`. */
  readonly expression: string;
  /** In words: `r6`, `fp-8`. */
  readonly name: string;
  /** Absent where it is not known. */
  readonly value?: string;
  readonly x: number;
  readonly y: number;
}

export interface ValueMenu {
  readonly shown: ShallowRef<MenuValue | undefined>;
  readonly entries: (value: MenuValue) => MenuEntry<ValueAction>[];
  act(action: ValueAction): Promise<void>;
}

export function useValueMenu(): ValueMenu {
  const session = useSession();
  const openPanel = useOpenPanel();
  const shown = shallowRef<MenuValue>();

  async function who({ expression, name }: MenuValue): Promise<void> {
    const written = await session.tell(session.api.whoWrote(expression, session.frame));
    if (written === undefined) return;
    if (written === null) {
      session.notify('info', `Nothing wrote ${name} before now.`);
      return;
    }
    await session.goTo(written.position);
    session.show(written.program, written.insn);
    session.notify('info', `insn ${written.insn} wrote ${name} last; it is next now.`);
  }

  async function print({ expression }: MenuValue): Promise<void> {
    const result = await session.tell(session.api.execute(`print ${expression}`));
    if (result !== undefined) session.notify(result.failed ? 'error' : 'info', result.text.trim());
  }

  return {
    shown,
    entries: ({ name, value }) => [
      { kind: 'title', text: value === undefined ? name : `${name} = ${value}` },
      { kind: 'item', id: 'copy', text: 'Copy the value', disabled: value === undefined },
      { kind: 'item', id: 'print', text: 'Print', disabled: value === undefined },
      { kind: 'item', id: 'memory', text: 'Show in Memory what it points to', disabled: value === undefined },
      { kind: 'line' },
      { kind: 'item', id: 'who', text: 'Who wrote this? Go there' },
      { kind: 'item', id: 'watch', text: 'Stop when it changes' },
    ],
    act: async (action) => {
      const value = shown.value;
      if (value === undefined) return;
      switch (action) {
        case 'copy':
          await navigator.clipboard.writeText(value.value ?? '');
          break;
        case 'print':
          await print(value);
          break;
        case 'who':
          await who(value);
          break;
        case 'watch':
          if ((await session.tell(session.api.addWatchpoint(value.expression))) !== undefined)
            session.notify('info', `Runs stop when ${value.name} changes.`);
          break;
        case 'memory':
          openPanel('memory');
          if (value.value !== undefined) showMemory(value.value);
          break;
      }
    },
  };
}
