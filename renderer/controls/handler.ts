/** Keys of the whole page: they come here first, wherever the focus is. */
import { onBeforeUnmount, onMounted } from 'vue';
import { useSession } from '../session/store.ts';
import { pageCommands } from './commands.ts';
import { openDialog } from './dialogs.ts';
import { commandFor } from './keys.ts';

/** Whether what has the focus takes letters. The terminal is a text area, too. */
function takesText(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement)
    return true;
  return target instanceof HTMLInputElement && !['checkbox', 'radio', 'button', 'range'].includes(target.type);
}

export function useKeys(): void {
  const session = useSession();
  const pressed = (event: KeyboardEvent): void => {
    if (event.isComposing) return;
    if (event.key === 'Escape' && session.busy && openDialog.value === undefined) {
      session.cancel();
      event.preventDefault();
      return;
    }
    const id = commandFor(event, takesText(event.target));
    const command = id === undefined ? undefined : pageCommands().get(id);
    if (command === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    // A dialog is in front: only what opens another one.
    if (openDialog.value !== undefined && !command.id.startsWith('view.')) return;
    // A key that is held down takes the next step when the last one has arrived.
    if (event.repeat && command.moves === true && session.busy) return;
    if (command.can()) command.run();
  };
  onMounted(() => window.addEventListener('keydown', pressed, { capture: true }));
  onBeforeUnmount(() => window.removeEventListener('keydown', pressed, { capture: true }));
}
