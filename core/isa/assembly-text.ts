/**
 * Assembly text as tokens, one line at a time, each with its place, so that an error can point at it.
 */
import { BailoutError } from '../errors.ts';

/** Something wrong in assembly source. Lines and columns count from 1. */
export class AssemblyError extends BailoutError {
  readonly line: number;
  readonly column: number;

  constructor(code: string, message: string, line: number, column: number, hint?: string) {
    super(code, `${message} (line ${line}, column ${column})`, { hint });
    this.line = line;
    this.column = column;
  }
}

export type Token =
  | { readonly kind: 'word'; readonly text: string; readonly column: number }
  | { readonly kind: 'number'; readonly text: string; readonly value: bigint; readonly column: number }
  | { readonly kind: 'sign'; readonly text: string; readonly column: number };

// Signed operators begin with a letter, so they are tried before words. The dash of kernel-function is the one in a name.
const SIGN_WITH_LETTER = /s(?:>>=|\/=|%=|>=|<=|>|<)/y;
const NUMBER = /0[xX][0-9a-fA-F]+|[0-9]+/y;
const WORD = /kernel-function|%?[A-Za-z_$.][\w$.]*/y;
const SIGN = /<<=|>>=|\+=|-=|\*=|\/=|%=|&=|\|=|\^=|==|!=|>=|<=|[=<>&*()[\],:#+\-{}]/y;
const SPACE = /\s+/y;

function matchAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

/**
 * Cuts off a comment: from `;` or `//`, or from a `#` that stands at the beginning or after a space (elsewhere it belongs to
 * `call name#number`). A comment in `/*` is blanked so that columns stay right.
 */
function withoutComment(text: string): string {
  const blanked = text.replace(/\/\*.*?\*\//g, (comment) => ' '.repeat(comment.length));
  const end = blanked.search(/;|\/\/|(?<=^|\s)#/);
  return end < 0 ? blanked : blanked.slice(0, end);
}

function tokenize(text: string, line: number): Token[] {
  const source = withoutComment(text);
  const tokens: Token[] = [];
  let at = 0;
  while (at < source.length) {
    const column = at + 1;
    const space = matchAt(SPACE, source, at);
    if (space !== undefined) {
      at += space.length;
      continue;
    }
    const signed = matchAt(SIGN_WITH_LETTER, source, at);
    const number = matchAt(NUMBER, source, at);
    const word = matchAt(WORD, source, at);
    const found = signed ?? number ?? word ?? matchAt(SIGN, source, at);
    if (found === undefined)
      throw new AssemblyError('ASM_BAD_CHARACTER', `"${source[at]}" has no meaning here`, line, column);
    if (found === number) tokens.push({ kind: 'number', text: found, value: BigInt(found), column });
    else if (found === word && signed === undefined)
      tokens.push({ kind: 'word', text: found.replace(/^%/, ''), column });
    else tokens.push({ kind: 'sign', text: found, column });
    at += found.length;
  }
  return tokens;
}

/** A register operand: `r3` is `{ index: 3, is64: true }`, `w3` its lower half. */
export interface Register {
  readonly index: number;
  readonly is64: boolean;
  readonly column: number;
}

const REGISTER = /^(?:[rRwW]([0-9]+)|fp)$/;

/** The tokens of one line, read from left to right. */
export class Line {
  readonly number: number;
  readonly #tokens: readonly Token[];
  readonly #end: number;
  #at = 0;

  constructor(text: string, number: number) {
    this.number = number;
    this.#tokens = tokenize(text, number);
    const last = this.#tokens.at(-1);
    this.#end = last === undefined ? 1 : last.column + last.text.length;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#tokens.length;
  }

  /** Column of the next token, or the one after the last. */
  get column(): number {
    return this.#tokens[this.#at]?.column ?? this.#end;
  }

  peek(ahead = 0): Token | undefined {
    return this.#tokens[this.#at + ahead];
  }

  /** Whether the next tokens are exactly these. */
  sees(...texts: readonly string[]): boolean {
    return texts.every((text, i) => this.peek(i)?.text === text);
  }

  /** Takes the next tokens if they are exactly these. */
  accept(...texts: readonly string[]): boolean {
    if (!this.sees(...texts)) return false;
    this.#at += texts.length;
    return true;
  }

  expect(text: string): void {
    if (!this.accept(text)) throw this.unexpected(`"${text}"`);
  }

  expectEnd(): void {
    if (!this.isAtEnd) throw this.unexpected('the end of the line');
  }

  /** Takes the next token whatever it is. */
  take(expected: string): Token {
    const token = this.peek();
    if (token === undefined) throw this.unexpected(expected);
    this.#at++;
    return token;
  }

  word(expected = 'a name'): string {
    if (this.peek()?.kind !== 'word') throw this.unexpected(expected);
    return this.take(expected).text;
  }

  seesNumber(): boolean {
    const first = this.peek();
    if (first?.kind === 'number') return true;
    return (first?.text === '-' || first?.text === '+') && this.peek(1)?.kind === 'number';
  }

  /** A number with an optional sign. */
  integer(expected = 'a number'): bigint {
    const isNegative = this.sees('-');
    if (!this.seesNumber()) throw this.unexpected(expected);
    if (isNegative || this.sees('+')) this.#at++;
    const token = this.take(expected);
    const value = token.kind === 'number' ? token.value : 0n;
    return isNegative ? -value : value;
  }

  /** A number that must lie in a range. */
  integerIn(min: bigint, max: bigint, what: string, hint?: string): number {
    const column = this.column;
    const value = this.integer();
    if (value < min || value > max)
      throw this.error('ASM_OUT_OF_RANGE', `${value} does not fit ${what} (${min} to ${max})`, column, hint);
    return Number(value);
  }

  seesRegister(ahead = 0): boolean {
    const token = this.peek(ahead);
    return token?.kind === 'word' && REGISTER.test(token.text);
  }

  register(): Register {
    const column = this.column;
    if (!this.seesRegister()) throw this.unexpected('a register (r0 to r10, w0 to w10)');
    const text = this.take('a register').text;
    if (text === 'fp') return { index: 10, is64: true, column };
    const index = Number(text.slice(1));
    if (index > 10) throw this.error('ASM_BAD_REGISTER', `There is no register ${text}`, column);
    return { index, is64: text[0] === 'r' || text[0] === 'R', column };
  }

  error(code: string, message: string, column = this.column, hint?: string): AssemblyError {
    return new AssemblyError(code, message, this.number, column, hint);
  }

  unexpected(expected: string): AssemblyError {
    const token = this.peek();
    const found = token === undefined ? 'the line ends' : `found "${token.text}"`;
    return this.error('ASM_SYNTAX', `Expected ${expected}, but ${found}`);
  }
}
