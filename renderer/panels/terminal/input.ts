/** What the rest of the page may ask of the terminal, without loading it. */
import { ref } from 'vue';
import { read, write } from '../../session/kept.ts';

let listener: ((text: string) => void) | undefined;
let waiting: string | undefined;

export const terminalInput = {
  /** Puts the beginning of a command behind the prompt. */
  begin(text: string): void {
    if (listener === undefined) waiting = text;
    else listener(text);
  },
  onBegin(hear: (text: string) => void): void {
    listener = hear;
    if (waiting !== undefined) hear(waiting);
    waiting = undefined;
  },
};

/** The terminal's text is read out. It costs time with much output, so it is chosen. */
export const screenReader = ref(read('screenReader') === 'yes');

export function toggleScreenReader(): void {
  screenReader.value = !screenReader.value;
  write('screenReader', screenReader.value ? 'yes' : 'no');
}
