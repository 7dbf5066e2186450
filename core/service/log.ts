/** The verifier's log as lines that can be asked for one screen at a time: the text once, and where each line begins. */
import type { SearchResult } from '../protocol/code.ts';
import type { LogLine, LogSummary } from '../protocol/verifier.ts';
import type { Verification } from '../verifier/verification.ts';
import { searchRows } from './search.ts';

/** Lines of one page at most. */
const MAX_ROWS = 2000;
/** A line that is longer is cut. */
const MAX_TEXT = 4000;

export class Log {
  readonly #text: string;
  /** Where each line begins, and where the last one ends. */
  readonly #starts: Uint32Array;
  readonly #errorLine: number | undefined;
  #ofInsn: ReadonlyMap<number, readonly number[]> | undefined;

  constructor({ log, verdict, message }: Verification) {
    this.#text = log.endsWith('\n') ? log.slice(0, -1) : log;
    const starts: number[] = [];
    if (this.#text !== '') {
      for (let at = 0; at >= 0 && at <= this.#text.length;) {
        starts.push(at);
        const next = this.#text.indexOf('\n', at);
        at = next < 0 ? -1 : next + 1;
      }
    }
    starts.push(this.#text.length + 1);
    this.#starts = Uint32Array.from(starts);
    this.#errorLine = verdict === 'rejected' ? this.#lastOf(message) : undefined;
  }

  get length(): number {
    return this.#starts.length - 1;
  }

  summary(): LogSummary {
    return { lines: this.length, ...(this.#errorLine === undefined ? {} : { errorLine: this.#errorLine }) };
  }

  lines(from: number, to: number): LogLine[] {
    const start = Math.max(from, 0);
    const end = Math.min(to, start + MAX_ROWS, this.length);
    const lines: LogLine[] = [];
    for (let line = start; line < end; line++) lines.push(this.#line(line));
    return lines;
  }

  search(text: string): SearchResult {
    return searchRows(this.length, (line) => this.#textOf(line), text);
  }

  /** Lines about an instruction: one for each time that a path came by. */
  linesOf(insn: number): SearchResult {
    this.#ofInsn ??= this.#index();
    const rows = this.#ofInsn.get(insn) ?? [];
    return { rows, total: rows.length };
  }

  #index(): ReadonlyMap<number, readonly number[]> {
    const found = new Map<number, number[]>();
    for (let line = 0; line < this.length; line++) {
      const match = INSN.exec(this.#textOf(line));
      if (match === null) continue;
      const insn = Number(match[1]);
      const known = found.get(insn);
      if (known === undefined) found.set(insn, [line]);
      else known.push(line);
    }
    return found;
  }

  #textOf(line: number): string {
    return this.#text.slice(this.#starts[line], (this.#starts[line + 1] ?? 1) - 1);
  }

  #line(line: number): LogLine {
    const text = this.#textOf(line);
    const shown = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
    if (line === this.#errorLine) return { text: shown, kind: 'error' };
    const { kind, insn } = kindOf(text);
    return { text: shown, kind, ...(insn === undefined ? {} : { insn }) };
  }

  #lastOf(message: string): number | undefined {
    if (message === '') return undefined;
    for (let line = this.length - 1; line >= 0; line--) if (this.#textOf(line).startsWith(message)) return line;
    return undefined;
  }
}

/** `12: (b7) r1 = 7` */
const INSN = /^(\d+): \([0-9a-f]{2}\)/;
/** `12: R0=…`, `from 3 to 12: R0=…` */
const STATE = /^(?:from \d+ to )?(\d+): (?:frame\d+: ?)?(?:\(speculative execution\): ?)?R\d/;

function kindOf(text: string): { readonly kind: LogLine['kind']; readonly insn?: number } {
  if (text.startsWith(';')) return { kind: 'source' };
  const insn = INSN.exec(text);
  if (insn !== null) return { kind: 'insn', insn: Number(insn[1]) };
  const state = STATE.exec(text);
  if (state !== null) return { kind: 'state', insn: Number(state[1]) };
  return /^(?:frame\d+: | *R\d+(?:_\w+)?=|caller:|callee:)/.test(text) ? { kind: 'state' } : { kind: 'other' };
}
