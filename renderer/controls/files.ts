/** Files that come into the page and go out of it. */
import type { DroppedFile } from '../../core/protocol/api.ts';
import { refusalOfSize } from '../../core/protocol/files.ts';
import type { useSession } from '../session/store.ts';

type SessionStore = ReturnType<typeof useSession>;

/** What can be dropped, in words. */
export const TAKEN = 'BPF objects, recordings, packet captures and scenarios';

/** Whatever the name says, the session looks at the bytes; so all files can be chosen. */
export function chooseFile(): Promise<File | undefined> {
  return new Promise((resolve) => {
    const input = document.createElement('input');
    input.type = 'file';
    input.addEventListener('change', () => resolve(input.files?.[0]));
    input.addEventListener('cancel', () => resolve(undefined));
    input.click();
  });
}

/** A file that is too large is refused before it is read. */
export async function openFile(session: SessionStore, file: File): Promise<void> {
  const refusal = refusalOfSize(file.name, file.size);
  if (refusal !== undefined) {
    const { code, message, hint } = refusal;
    session.notify('error', message, { code, ...(hint === undefined ? {} : { hint }) });
    return;
  }
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(await file.arrayBuffer());
  } catch {
    session.notify('error', `${file.name} cannot be read.`, {
      code: 'FILE_UNREADABLE',
      hint: 'A folder cannot be opened; neither can a file that was changed or moved after it was chosen.',
    });
    return;
  }
  const opened = await session.tell(session.api.open({ name: file.name, bytes }));
  if (opened !== undefined) session.notify('info', `Opened ${file.name}: ${OPENED[opened.what]}`);
}

const OPENED: Record<Awaited<ReturnType<SessionStore['api']['open']>>['what'], string> = {
  object: 'an object',
  recording: 'a recording. It is looked at; nothing new can be run in it.',
  capture: 'packets. The first is the input of the next run; `run --all` in the terminal runs each of them.',
  scenario: 'a scenario. The next run begins in its world.',
};

/** The browser puts it where downloads go. */
export function download({ name, bytes }: DroppedFile): void {
  const address = URL.createObjectURL(new Blob([new Uint8Array(bytes)]));
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  // Some browsers read the address only after the click was handled.
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
