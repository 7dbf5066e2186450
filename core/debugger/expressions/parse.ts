/** C's grammar of expressions, by precedence climbing. What is a type and what a value is decided by asking for names of types. */
import { ExpressionError } from './errors.ts';
import type { BinaryOperator, Expression, TypeSyntax, UnaryOperator } from './syntax.ts';
import type { Token } from './tokens.ts';
import { tokenize } from './tokens.ts';

/** From weak to strong, as C orders them; gdb's `@` binds as strongly as anything with two sides. */
const LEVELS: readonly (readonly BinaryOperator[])[] = [
  ['||'],
  ['&&'],
  ['|'],
  ['^'],
  ['&'],
  ['==', '!=', '~'],
  ['<', '<=', '>', '>='],
  ['<<', '>>'],
  ['+', '-'],
  ['*', '/', '%'],
  ['@'],
];

const PREFIXES: ReadonlySet<string> = new Set(['-', '+', '!', '~', '*', '&']);
const QUALIFIERS: ReadonlySet<string> = new Set(['const', 'volatile', 'restrict', '__restrict']);
const TAGS: ReadonlySet<string> = new Set(['struct', 'union', 'enum']);
const BASIC: ReadonlySet<string> = new Set(['unsigned', 'signed', 'long', 'short', 'int', 'char', 'void', '_Bool']);
/** Deeper nesting is refused before the host's stack is. */
const MAX_DEPTH = 100;

/** Parses an expression. `isType` says whether a name that stands alone in parentheses is a type's. */
export function parseExpression(text: string, isType: (name: string) => boolean): Expression {
  return new Parser(text, isType).whole();
}

class Parser {
  readonly #text: string;
  readonly #isType: (name: string) => boolean;
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(text: string, isType: (name: string) => boolean) {
    this.#text = text;
    this.#isType = isType;
    this.#tokens = tokenize(text);
  }

  whole(): Expression {
    if (this.#peek().kind === 'end') throw this.#error('it is empty');
    const expression = this.#conditional();
    if (this.#peek().kind !== 'end') throw this.#error('it should have ended here');
    return expression;
  }

  #conditional(): Expression {
    const test = this.#binary(0);
    if (!this.#take('?')) return test;
    const then = this.#conditional();
    this.#expect(':');
    return { kind: 'conditional', at: test.at, test, then, otherwise: this.#conditional() };
  }

  #binary(level: number): Expression {
    const operators = LEVELS[level];
    if (operators === undefined) return this.#unary();
    let left = this.#binary(level + 1);
    for (;;) {
      const token = this.#peek();
      const operator = operators.find((candidate) => token.kind === 'sign' && token.text === candidate);
      if (operator === undefined) return left;
      this.#next++;
      left = { kind: 'binary', at: token.at, operator, left, right: this.#binary(level + 1) };
    }
  }

  #unary(): Expression {
    if (++this.#depth > MAX_DEPTH) throw this.#error('it is nested too deeply');
    try {
      return this.#prefixed();
    } finally {
      this.#depth--;
    }
  }

  #prefixed(): Expression {
    const token = this.#peek();
    if (token.kind === 'sign' && PREFIXES.has(token.text)) {
      this.#next++;
      return { kind: 'unary', at: token.at, operator: token.text as UnaryOperator, operand: this.#unary() };
    }
    if (token.kind === 'name' && token.text === 'sizeof') {
      this.#next++;
      if (this.#isSign('(') && this.#beginsType(1)) {
        this.#next++;
        const type = this.#type();
        this.#expect(')');
        return { kind: 'sizeof-type', at: token.at, type };
      }
      return { kind: 'sizeof', at: token.at, operand: this.#unary() };
    }
    if (this.#isSign('(') && this.#beginsType(1)) {
      this.#next++;
      const type = this.#type();
      this.#expect(')');
      return { kind: 'cast', at: token.at, type, operand: this.#unary() };
    }
    return this.#postfixed(this.#primary());
  }

  #postfixed(object: Expression): Expression {
    for (;;) {
      const { at } = this.#peek();
      if (this.#take('[')) {
        const index = this.#conditional();
        this.#expect(']');
        object = { kind: 'index', at, object, index };
      } else if (this.#isSign('.') || this.#isSign('->')) {
        const arrow = this.#isSign('->');
        this.#next++;
        const name = this.#peek();
        if (name.kind !== 'name') throw this.#error('the name of a member is missing');
        this.#next++;
        object = { kind: 'member', at: name.at, object, name: name.text, arrow };
      } else return object;
    }
  }

  #primary(): Expression {
    const token = this.#peek();
    this.#next++;
    switch (token.kind) {
      case 'number':
        return { kind: 'number', at: token.at, value: token.value, suffix: token.suffix };
      case 'character':
        return { kind: 'character', at: token.at, value: token.value };
      case 'string':
        return { kind: 'string', at: token.at, text: token.text };
      case 'name':
        return { kind: 'name', at: token.at, name: token.text };
      case 'sign':
        if (token.text === '(') {
          const inner = this.#conditional();
          this.#expect(')');
          return inner;
        }
        break;
      case 'end':
        break;
    }
    this.#next--;
    throw this.#error(token.kind === 'end' ? 'something is missing at its end' : 'a value is missing here');
  }

  /** Whether the token so many places ahead begins a type. */
  #beginsType(ahead: number): boolean {
    const token = this.#tokens[this.#next + ahead];
    if (token?.kind !== 'name') return false;
    return TAGS.has(token.text) || BASIC.has(token.text) || QUALIFIERS.has(token.text) || this.#isType(token.text);
  }

  #type(): TypeSyntax {
    const { at } = this.#peek();
    this.#skipQualifiers();
    const first = this.#word();
    let keyword: TypeSyntax['keyword'];
    let name = first;
    if (first === 'struct' || first === 'union' || first === 'enum') {
      keyword = first;
      name = this.#word();
    } else if (BASIC.has(first)) {
      for (;;) {
        this.#skipQualifiers();
        const token = this.#peek();
        if (token.kind !== 'name' || !BASIC.has(token.text)) break;
        name += ` ${this.#word()}`;
      }
    }
    let stars = 0;
    for (;;) {
      this.#skipQualifiers();
      if (!this.#take('*')) break;
      stars++;
    }
    const lengths: number[] = [];
    while (this.#take('[')) {
      const length = this.#peek();
      if (length.kind !== 'number' || length.value > 0xffffffffn)
        throw this.#error('the length of an array is missing');
      this.#next++;
      lengths.push(Number(length.value));
      this.#expect(']');
    }
    return { at, ...(keyword === undefined ? {} : { keyword }), name, stars, lengths };
  }

  #skipQualifiers(): void {
    for (;;) {
      const token = this.#peek();
      if (token.kind !== 'name' || !QUALIFIERS.has(token.text)) return;
      this.#next++;
    }
  }

  #word(): string {
    const token = this.#peek();
    if (token.kind !== 'name') throw this.#error('the name of a type is missing');
    this.#next++;
    return token.text;
  }

  #peek(): Token {
    return this.#tokens[this.#next] ?? { kind: 'end', at: this.#text.length, end: this.#text.length };
  }

  #isSign(text: string): boolean {
    const token = this.#peek();
    return token.kind === 'sign' && token.text === text;
  }

  #take(text: string): boolean {
    if (!this.#isSign(text)) return false;
    this.#next++;
    return true;
  }

  #expect(text: string): void {
    if (!this.#take(text)) throw this.#error(`\`${text}\` is missing`);
  }

  #error(problem: string): ExpressionError {
    return new ExpressionError(problem, this.#text, this.#peek().at);
  }
}
