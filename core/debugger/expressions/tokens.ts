/** The words of an expression: C's, and gdb's `$name`. */
import { ExpressionError } from './errors.ts';

export type Token =
  | {
      readonly kind: 'number';
      readonly at: number;
      readonly end: number;
      readonly value: bigint;
      readonly suffix: string;
    }
  | { readonly kind: 'character'; readonly at: number; readonly end: number; readonly value: bigint }
  | { readonly kind: 'string'; readonly at: number; readonly end: number; readonly text: string }
  /** A name; `$` names what the debugger knows (`$step`, `$_`). */
  | { readonly kind: 'name'; readonly at: number; readonly end: number; readonly text: string }
  | { readonly kind: 'sign'; readonly at: number; readonly end: number; readonly text: string }
  | { readonly kind: 'end'; readonly at: number; readonly end: number };

// Longest first: the first that fits is the one that C means.
const SIGNS = ['<<', '>>', '<=', '>=', '==', '!=', '&&', '||', '->', ...'+-*/%&|^~!<>=?:.,()[]@'.split('')] as const;

const NUMBER = /^(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|[0-9][0-9_]*)/;
const WORD = /^[A-Za-z_$][A-Za-z0-9_$]*/;
const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  '0': '\0',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
};

/** Longer expressions are refused: nobody types them. */
export const MAX_EXPRESSION = 4096;

/** Cuts an expression into tokens; the last one is `end`. */
export function tokenize(text: string): Token[] {
  if (text.length > MAX_EXPRESSION)
    throw new ExpressionError('it is longer than 4096 characters', text, MAX_EXPRESSION);
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const character = text[at]!;
    if (/\s/.test(character)) {
      at++;
      continue;
    }
    const token = readToken(text, at, character);
    tokens.push(token);
    at = token.end;
  }
  tokens.push({ kind: 'end', at, end: at });
  return tokens;
}

function readToken(text: string, at: number, character: string): Token {
  const rest = text.slice(at);
  const number = NUMBER.exec(rest)?.[0];
  if (number !== undefined) return readNumber(text, at, number);
  const word = WORD.exec(rest)?.[0];
  if (word !== undefined) return { kind: 'name', at, end: at + word.length, text: word };
  if (character === '"' || character === "'") return readQuoted(text, at, character);
  const sign = SIGNS.find((candidate) => rest.startsWith(candidate));
  if (sign !== undefined) return { kind: 'sign', at, end: at + sign.length, text: sign };
  throw new ExpressionError(`\`${character}\` means nothing here`, text, at);
}

function readNumber(text: string, at: number, digits: string): Token {
  const suffix = /^[uUlL]*/.exec(text.slice(at + digits.length))![0];
  const end = at + digits.length + suffix.length;
  const plain = digits.replaceAll('_', '');
  if (/^[A-Za-z0-9_$.]/.test(text.slice(end)) || !/^(?:0[xX].+|0[bB].+|\d+)$/.test(plain)) {
    throw new ExpressionError('this is no whole number', text, at);
  }
  // A leading zero makes a number octal in C, and so here.
  const octal = /^0\d+$/.test(plain);
  if (octal && /[89]/.test(plain)) throw new ExpressionError('a number that begins with 0 is octal', text, at);
  const value = BigInt(octal ? `0o${plain.slice(1)}` : plain);
  if (value >= 1n << 64n) throw new ExpressionError('the number does not fit into 64 bits', text, at);
  return { kind: 'number', at, end, value, suffix: suffix.toLowerCase() };
}

function readQuoted(text: string, start: number, quote: string): Token {
  let content = '';
  let at = start + 1;
  for (; at < text.length && text[at] !== quote; at++) {
    if (text[at] !== '\\') {
      content += text[at];
      continue;
    }
    const hex = /^x([0-9a-fA-F]{1,2})/.exec(text.slice(at + 1));
    if (hex !== null) {
      content += String.fromCharCode(Number.parseInt(hex[1]!, 16));
      at += hex[0].length;
    } else {
      at++;
      const escaped = text[at] ?? '';
      content += ESCAPES[escaped] ?? escaped;
    }
  }
  if (text[at] !== quote) throw new ExpressionError(`the closing ${quote} is missing`, text, start);
  const end = at + 1;
  if (quote === '"') return { kind: 'string', at: start, end, text: content };
  if (content.length !== 1) throw new ExpressionError('a character constant has one character', text, start);
  return { kind: 'character', at: start, end, value: BigInt(content.charCodeAt(0)) };
}
