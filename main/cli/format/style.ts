/** Colours of a terminal, or none: what is written is the same text in both cases. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  bad(text: string): string;
  warn(text: string): string;
  /** Names of programs, functions, maps. */
  name(text: string): string;
}

const none = (text: string): string => text;

/** For pipes, files and tests. */
export const PLAIN: Style = { bold: none, dim: none, good: none, bad: none, warn: none, name: none };

function sgr(on: number, off: number): (text: string) => string {
  // An empty text stays empty, so that padding can be decided by its length.
  return (text) => (text === '' ? '' : `\x1b[${on}m${text}\x1b[${off}m`);
}

export const COLOURED: Style = {
  bold: sgr(1, 22),
  dim: sgr(2, 22),
  good: sgr(32, 39),
  bad: sgr(31, 39),
  warn: sgr(33, 39),
  name: sgr(36, 39),
};

const ESCAPE = String.fromCharCode(27);
const SGR = new RegExp(`${ESCAPE}\\[[0-9;]*m`, 'g');

/** The number of columns that a text takes. */
export function width(text: string): number {
  return [...text.replace(SGR, '')].length;
}

/** Whether to colour: as the user says (no-color.org), else where a person is looking. */
export function wantsColour(environment: Readonly<Record<string, string | undefined>>, isTerminal: boolean): boolean {
  if (environment['NO_COLOR'] !== undefined && environment['NO_COLOR'] !== '') return false;
  if (environment['FORCE_COLOR'] !== undefined && environment['FORCE_COLOR'] !== '0') return true;
  return isTerminal && environment['TERM'] !== 'dumb';
}
