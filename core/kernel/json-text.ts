/**
 * JSON text to values, with the place of each value.
 *
 * `JSON.parse` tells neither where a value stands, which an error about its content needs, nor the exact value of a whole number
 * beyond 2^53, which BPF programs are full of: here those become bigint. Depth is bounded, so hostile text cannot exhaust the stack.
 */
import { BailoutError } from '../errors.ts';

export type JsonValue = null | boolean | number | bigint | string | readonly JsonValue[] | JsonObject;

export interface JsonObject {
  readonly [key: string]: JsonValue;
}

export interface JsonDocument {
  readonly value: JsonValue;
  /** Offset, in characters, of the value at a path such as `tasks[0].pid`; of the whole document at the empty path. */
  readonly offsets: ReadonlyMap<string, number>;
}

const MAX_DEPTH = 64;
const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const SPACE = /[ \t\n\r]*/y;
// A run of characters that stand for themselves: no quote, backslash or control character.
// eslint-disable-next-line no-control-regex
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const ESCAPES = new Map([
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
]);

/** Line and column, from 1, of an offset in a text. */
export function lineAndColumn(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset);
  const lastBreak = before.lastIndexOf('\n');
  return { line: before.split('\n').length, column: offset - lastBreak };
}

/** The path of a member: `a.b`, or `a["b c"]` where the name is no plain word. */
export function memberPath(path: string, key: string): string {
  if (!/^[A-Za-z_$][\w$]*$/.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === '' ? key : `${path}.${key}`;
}

/** Reads a document, or throws a `BailoutError` with the given code and the place. */
export function parseJson(text: string, name: string, code: string): JsonDocument {
  return new Reader(text, name, code).document();
}

class Reader {
  readonly #text: string;
  readonly #name: string;
  readonly #code: string;
  readonly #offsets = new Map<string, number>();
  #at = 0;

  constructor(text: string, name: string, code: string) {
    this.#text = text;
    this.#name = name;
    this.#code = code;
  }

  document(): JsonDocument {
    // A byte order mark is not JSON, but editors write it.
    if (this.#text.startsWith('\ufeff')) this.#at = 1;
    const value = this.#value('', 0);
    this.#skipSpace();
    if (this.#at < this.#text.length) throw this.#error(`nothing should follow the value, but "${this.#here()}" does`);
    return { value, offsets: this.#offsets };
  }

  #here(): string {
    return this.#text.slice(this.#at, this.#at + 1);
  }

  #error(what: string, offset = this.#at): BailoutError {
    const { line, column } = lineAndColumn(this.#text, offset);
    return new BailoutError(this.#code, `${this.#name}:${line}:${column}: not valid JSON: ${what}.`, { offset });
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found !== null) this.#at += found[0].length;
    return found;
  }

  #skipSpace(): void {
    this.#match(SPACE);
  }

  #accept(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #value(path: string, depth: number): JsonValue {
    if (depth > MAX_DEPTH) throw this.#error(`values are nested more than ${MAX_DEPTH} deep`);
    this.#skipSpace();
    this.#offsets.set(path, this.#at);
    if (this.#accept('{')) return this.#object(path, depth);
    if (this.#accept('[')) return this.#array(path, depth);
    if (this.#accept('"')) return this.#string();
    if (this.#accept('true')) return true;
    if (this.#accept('false')) return false;
    if (this.#accept('null')) return null;
    return this.#number();
  }

  #number(): number | bigint {
    const found = this.#match(NUMBER);
    if (found === null)
      throw this.#error(
        this.#at >= this.#text.length
          ? 'the text ends where a value should stand'
          : `"${this.#here()}" begins no value`,
      );
    const value = Number(found[0]);
    const isWhole = found[1] === undefined && found[2] === undefined;
    return isWhole && !Number.isSafeInteger(value) && found[0].length < 64 ? BigInt(found[0]) : value;
  }

  #string(): string {
    let result = '';
    for (;;) {
      result += this.#match(PLAIN)?.[0] ?? '';
      if (this.#accept('"')) return result;
      if (this.#at >= this.#text.length) throw this.#error('a string does not end');
      if (!this.#accept('\\')) throw this.#error('a control character must be escaped in a string');
      const escape = this.#here();
      const plain = ESCAPES.get(escape);
      const hex = this.#text.slice(this.#at + 1, this.#at + 5);
      if (plain !== undefined) {
        result += plain;
        this.#at++;
      } else if (escape === 'u' && /^[0-9a-fA-F]{4}$/.test(hex)) {
        result += String.fromCharCode(Number.parseInt(hex, 16));
        this.#at += 5;
      } else throw this.#error(`"\\${escape}" is no escape`);
    }
  }

  #array(path: string, depth: number): JsonValue[] {
    const items: JsonValue[] = [];
    this.#skipSpace();
    if (this.#accept(']')) return items;
    for (;;) {
      items.push(this.#value(`${path}[${items.length}]`, depth + 1));
      this.#skipSpace();
      if (this.#accept(']')) return items;
      if (!this.#accept(',')) throw this.#error('"," or "]" should follow an element of a list');
    }
  }

  #object(path: string, depth: number): JsonObject {
    const members: Record<string, JsonValue> = {};
    this.#skipSpace();
    if (this.#accept('}')) return members;
    for (;;) {
      this.#skipSpace();
      const keyAt = this.#at;
      if (!this.#accept('"')) throw this.#error('a field begins with its name in double quotes');
      const key = this.#string();
      if (Object.hasOwn(members, key)) throw this.#error(`the field "${key}" stands there twice`, keyAt);
      this.#skipSpace();
      if (!this.#accept(':')) throw this.#error(`":" should follow the name of the field "${key}"`);
      const value = this.#value(memberPath(path, key), depth + 1);
      // Not an assignment: the name may be __proto__.
      Object.defineProperty(members, key, { value, enumerable: true, configurable: true, writable: true });
      this.#skipSpace();
      if (this.#accept('}')) return members;
      if (!this.#accept(',')) throw this.#error('"," or "}" should follow a field');
    }
  }
}
