/** Computes expressions: C's conversions over BTF's types, on the state of a stopped machine that a {@link Scope} shows. */
import { BailoutError, assertNever } from '../../errors.ts';
import { nearest } from '../../nearest.ts';
import { ExpressionError, ValueError } from './errors.ts';
import { parseExpression } from './parse.ts';
import type { BinaryOperator, Expression, TypeSyntax } from './syntax.ts';
import type { CType, Shape, TypeNames } from './types.ts';
import {
  CHAR,
  INT,
  LONG,
  UNSIGNED_INT,
  UNSIGNED_LONG,
  findMember,
  memberNames,
  nameOf,
  pointerTo,
  shapeOf,
  sizeOf,
} from './types.ts';
import type { Value } from './values.ts';
import { numberOf, scalar, textOf } from './values.ts';

/** What an expression can refer to: the state of a machine at a moment, or a test's. */
export interface Scope {
  readonly types: TypeNames;
  /** A register, a variable, a map, or what `$name` stands for; undefined when nothing has that name. */
  name(name: string): Value | undefined;
  /** Names to guess from when one is unknown. */
  names(): readonly string[];
  read(address: bigint, size: number): Uint8Array;
  /** The value of a key in a map. */
  element(map: string, key: Value): Value;
}

/** An expression that was understood once and can be computed at many moments: conditions of breakpoints, watchpoints. */
export class CompiledExpression {
  readonly text: string;
  readonly #tree: Expression;

  constructor(text: string, types: TypeNames) {
    this.text = text;
    this.#tree = parseExpression(text, (name) => types.isType(name));
  }

  evaluate(scope: Scope): Value {
    return new Evaluator(scope, this.text).value(this.#tree);
  }

  /** Whether the expression holds, as C's `if` sees it. */
  isTrue(scope: Scope): boolean {
    return new Evaluator(scope, this.text).isTrue(this.evaluate(scope));
  }

  /** The same where some parts may have no value: a comparison with one is false, and what is on the other side of `||` counts. */
  holds(scope: Scope): boolean {
    return new Evaluator(scope, this.text).holds(this.#tree);
  }

  /** Refuses names that nothing has, before the expression is computed at many moments. */
  check(scope: Pick<Scope, 'types' | 'names'>, isKnown: (name: string) => boolean): void {
    const names = new Map<string, number>();
    collectNames(this.#tree, names);
    for (const [name, at] of names) {
      if (!isKnown(name) && !isConstant(scope.types, name)) throw unknownName(name, scope, this.text, at);
    }
  }

  /** The names that the expression mentions: what a watchpoint has to look at. */
  get names(): ReadonlySet<string> {
    const names = new Map<string, number>();
    collectNames(this.#tree, names);
    return new Set(names.keys());
  }
}

/** Computes an expression once. */
export function evaluate(text: string, scope: Scope): Value {
  return new CompiledExpression(text, scope.types).evaluate(scope);
}

function isConstant(types: TypeNames, name: string): boolean {
  return ['NULL', 'true', 'false'].includes(name) || types.enumerator(name) !== undefined;
}

function unknownName(name: string, scope: Pick<Scope, 'names'>, text: string, at: number): ExpressionError {
  const near = nearest(name, scope.names());
  const guess = near === undefined ? '' : `; did you mean \`${near}\``;
  return new ExpressionError(`there is no \`${name}\` here${guess}`, text, at);
}

/** Names, and where they stand first. */
function collectNames(tree: Expression, names: Map<string, number>): void {
  switch (tree.kind) {
    case 'name':
      if (!names.has(tree.name)) names.set(tree.name, tree.at);
      return;
    case 'unary':
    case 'cast':
    case 'sizeof':
      collectNames(tree.operand, names);
      return;
    case 'binary':
      collectNames(tree.left, names);
      // What stands behind `~` may be a word that is no name.
      if (tree.operator !== '~' || tree.right.kind !== 'name') collectNames(tree.right, names);
      return;
    case 'conditional':
      for (const part of [tree.test, tree.then, tree.otherwise]) collectNames(part, names);
      return;
    case 'member':
      collectNames(tree.object, names);
      return;
    case 'index':
      collectNames(tree.object, names);
      collectNames(tree.index, names);
      return;
    case 'number':
    case 'character':
    case 'string':
    case 'sizeof-type':
      return;
    default:
      assertNever(tree);
  }
}

interface Number {
  readonly type: CType;
  readonly bits: bigint;
}

class Evaluator {
  readonly #scope: Scope;
  readonly #text: string;

  constructor(scope: Scope, text: string) {
    this.#scope = scope;
    this.#text = text;
  }

  value(tree: Expression): Value {
    switch (tree.kind) {
      case 'number':
        return scalar(literalType(tree.value, tree.suffix), tree.value);
      case 'character':
        return scalar(CHAR, tree.value);
      case 'string':
        return { kind: 'text', text: tree.text };
      case 'name':
        return this.#name(tree.name, tree.at);
      case 'unary':
        return this.#unary(tree);
      case 'binary':
        return this.#binary(tree);
      case 'conditional':
        return this.value(this.isTrue(this.value(tree.test)) ? tree.then : tree.otherwise);
      case 'cast':
        return this.#cast(this.#type(tree.type), this.value(tree.operand), tree.at);
      case 'sizeof-type':
        return this.#size(this.#type(tree.type), tree.at);
      case 'sizeof': {
        const operand = this.value(tree.operand);
        if (operand.kind === 'text') return scalar(UNSIGNED_LONG, BigInt(operand.text.length + 1));
        if (operand.kind === 'map') throw this.#error('a map has no size', tree.at);
        return this.#size(operand.type, tree.at);
      }
      case 'member':
        return this.#member(tree);
      case 'index':
        return this.#index(tree);
      default:
        return assertNever(tree);
    }
  }

  isTrue(value: Value): boolean {
    if (value.kind === 'nothing') return false;
    if (value.kind === 'text' || value.kind === 'map') return true;
    return this.#number(value).bits !== 0n;
  }

  holds(tree: Expression): boolean {
    if (tree.kind === 'binary' && tree.operator === '&&') return this.holds(tree.left) && this.holds(tree.right);
    if (tree.kind === 'binary' && tree.operator === '||') return this.holds(tree.left) || this.holds(tree.right);
    if (tree.kind === 'unary' && tree.operator === '!') return !this.holds(tree.operand);
    try {
      return this.isTrue(this.value(tree));
    } catch (error) {
      if (error instanceof ValueError) return false;
      throw error;
    }
  }

  #name(name: string, at: number): Value {
    const known = this.#scope.name(name);
    if (known !== undefined) return known;
    const enumerator = this.#scope.types.enumerator(name);
    if (enumerator !== undefined) return scalar(enumerator.type, enumerator.value);
    if (name === 'NULL') return scalar(pointerTo({ kind: 'void' }), 0n);
    if (name === 'true' || name === 'false') return scalar(INT, name === 'true' ? 1n : 0n);
    throw unknownName(name, this.#scope, this.#text, at);
  }

  #type(syntax: TypeSyntax): CType {
    const type = this.#scope.types.resolve(syntax);
    if (type !== undefined) return type;
    const written = syntax.keyword === undefined ? syntax.name : `${syntax.keyword} ${syntax.name}`;
    throw this.#error(`neither the object nor the kernel has a type \`${written}\``, syntax.at);
  }

  #size(type: CType, at: number): Value {
    const size = sizeOf(type);
    if (size === undefined) throw this.#error(`a ${nameOf(type)} has no size`, at);
    return scalar(UNSIGNED_LONG, BigInt(size));
  }

  #number(value: Value): Number {
    return numberOf(value, (address, size) => this.#scope.read(address, size));
  }

  #unary({ operator, operand, at }: Extract<Expression, { kind: 'unary' }>): Value {
    const value = this.value(operand);
    switch (operator) {
      case '*':
        return this.#dereference(value, at);
      case '&':
        if (value.kind === 'nothing') return scalar(pointerTo(value.type), 0n);
        if (value.kind !== 'place' || value.bits !== undefined) {
          throw this.#error('this lies nowhere in memory, so it has no address', at);
        }
        return scalar(pointerTo(value.type), value.address);
      case '!':
        return scalar(INT, this.isTrue(value) ? 0n : 1n);
      case '-':
      case '+':
      case '~': {
        const { type, bits } = promote(this.#arithmetic(value, at));
        return scalar(type, operator === '-' ? -bits : operator === '~' ? ~bits : bits);
      }
      default:
        return assertNever(operator);
    }
  }

  /** A number to calculate with: pointers count as unsigned long. */
  #arithmetic(value: Value, at: number): Number {
    const number = this.#number(value);
    const { kind } = shapeOf(number.type);
    if (kind === 'pointer') return { type: UNSIGNED_LONG, bits: number.bits };
    if (kind === 'integer' || kind === 'enum') return number;
    throw this.#error(`a ${nameOf(number.type)} is not a number`, at);
  }

  #dereference(value: Value, at: number): Value {
    const { type, bits } = this.#number(value);
    const shape = shapeOf(type);
    // A plain number is an address of 64 bits, as with `x`: nobody wants to type the cast for a register.
    if (shape.kind === 'integer' && shape.size === 8)
      return { kind: 'place', type: UNSIGNED_LONG, address: BigInt.asUintN(64, bits) };
    if (shape.kind !== 'pointer') throw this.#error(`a ${nameOf(type)} points nowhere`, at);
    if (shapeOf(shape.to).kind === 'void')
      throw this.#error('void has no value: cast the pointer to what it points to', at);
    return { kind: 'place', type: shape.to, address: bits };
  }

  #cast(type: CType, value: Value, at: number): Value {
    const shape = shapeOf(type);
    if (shape.kind === 'struct' || shape.kind === 'union' || shape.kind === 'array') {
      // gdb's extension: what lies there, seen as something else.
      if (value.kind === 'place') return { kind: 'place', type, address: value.address };
      throw this.#error(
        `a number cannot be made into a ${nameOf(type)}; cast its address to \`${nameOf(pointerTo(type))}\``,
        at,
      );
    }
    if (shape.kind === 'void' || shape.kind === 'opaque' || shape.kind === 'float') {
      throw this.#error(`nothing can be made into a ${nameOf(type)}`, at);
    }
    return scalar(type, this.#number(value).bits);
  }

  #member({ object, name, arrow, at }: Extract<Expression, { kind: 'member' }>): Value {
    let value = this.value(object);
    // gdb follows a pointer also at a dot.
    if (arrow || (value.kind !== 'map' && value.kind !== 'text' && shapeOf(value.type).kind === 'pointer')) {
      value = this.#followed(value, at);
    }
    if (value.kind === 'nothing') throw new ValueError(value.why);
    if (value.kind === 'map' || value.kind === 'text') throw this.#error('this is no struct', at);
    const shape = shapeOf(value.type);
    if (shape.kind !== 'struct' && shape.kind !== 'union') {
      throw this.#error(`a ${nameOf(value.type)} has no members: cast it to a pointer to a struct`, at);
    }
    const member = findMember(shape, name);
    if (member === undefined) throw this.#noMember(shape, name, value.type, at);
    if (value.kind !== 'place') throw this.#error('this lies nowhere in memory', at);
    const { type, bitOffset, bitSize } = member;
    if (bitSize !== 0)
      return { kind: 'place', type, address: value.address, bits: { offset: bitOffset, size: bitSize } };
    return { kind: 'place', type, address: value.address + BigInt(bitOffset >> 3) };
  }

  #followed(value: Value, at: number): Value {
    if (value.kind === 'nothing') return value;
    const { type, bits } = this.#number(value);
    const shape = shapeOf(type);
    if (shape.kind !== 'pointer') {
      throw this.#error(`a ${nameOf(type)} is no pointer to a struct: cast it, ((struct NAME *)…)->`, at);
    }
    return { kind: 'place', type: shape.to, address: bits };
  }

  #noMember(
    shape: Extract<Shape, { kind: 'struct' | 'union' }>,
    name: string,
    type: CType,
    at: number,
  ): ExpressionError {
    const near = nearest(name, memberNames(shape));
    const guess = near === undefined ? '' : `; did you mean \`${near}\``;
    return this.#error(`\`${nameOf(type)}\` has no member \`${name}\`${guess}`, at);
  }

  #index({ object, index, at }: Extract<Expression, { kind: 'index' }>): Value {
    const base = this.value(object);
    const key = this.value(index);
    if (base.kind === 'map') {
      // The name of a map may stand in quotes: map["flows"].
      if (base.name === '') {
        if (key.kind !== 'text') throw this.#error('the name of a map stands in quotes: map["NAME"]', at);
        return this.#mapNamed(key.text, at);
      }
      return this.#scope.element(base.name, key);
    }
    if (base.kind === 'nothing') throw new ValueError(base.why);
    if (base.kind === 'text') throw this.#error('a text has no elements', at);
    const { bits: distance } = this.#arithmetic(key, at);
    const { type, bits } = this.#number(base);
    const shape = shapeOf(type);
    if (shape.kind !== 'pointer') throw this.#error(`a ${nameOf(type)} is neither array nor pointer`, at);
    return { kind: 'place', type: shape.to, address: BigInt.asUintN(64, bits + distance * this.#stride(shape.to, at)) };
  }

  #mapNamed(name: string, at: number): Value {
    const value = this.#scope.name(`map ${name}`);
    if (value !== undefined) return value;
    throw this.#error(`there is no map \`${name}\``, at);
  }

  #stride(type: CType, at: number): bigint {
    const size = sizeOf(type);
    if (size === undefined) throw this.#error(`a ${nameOf(type)} has no size`, at);
    return BigInt(size);
  }

  #binary({ operator, left, right, at }: Extract<Expression, { kind: 'binary' }>): Value {
    if (operator === '&&' || operator === '||') {
      const first = this.isTrue(this.value(left));
      if (first === (operator === '||')) return scalar(INT, first ? 1n : 0n);
      return scalar(INT, this.isTrue(this.value(right)) ? 1n : 0n);
    }
    const a = this.value(left);
    if (operator === '~') return scalar(INT, this.#contains(a, right) ? 1n : 0n);
    const b = this.value(right);
    if (operator === '@') return this.#repeat(a, b, at);
    if (operator === '==' || operator === '!=') {
      const equal = this.#special(a, b);
      if (equal !== undefined) return scalar(INT, equal === (operator === '==') ? 1n : 0n);
    }
    const x = this.#number(a);
    const y = this.#number(b);
    const pointer = this.#pointerArithmetic(operator, x, y, at);
    if (pointer !== undefined) return pointer;
    return this.#calculate(operator, this.#arithmetic(a, at), this.#arithmetic(b, at), at);
  }

  /** Comparisons that are not between numbers: of text, and of elements that do not exist. */
  #special(a: Value, b: Value): boolean | undefined {
    if (a.kind === 'nothing' || b.kind === 'nothing') {
      const other = a.kind === 'nothing' ? b : a;
      return other.kind === 'nothing' || (other.kind === 'scalar' && other.bits === 0n);
    }
    if (a.kind !== 'text' && b.kind !== 'text') return undefined;
    const read = (address: bigint, size: number): Uint8Array => this.#scope.read(address, size);
    const x = textOf(a, read);
    const y = textOf(b, read);
    if (x === undefined || y === undefined) throw new ValueError('Only text can be compared with text');
    return x === y;
  }

  /** Whether a text, or the digits of a number, contain a word. */
  #contains(value: Value, word: Expression): boolean {
    const isWord = word.kind === 'name' && this.#scope.name(word.name) === undefined;
    const text = this.#asText(value);
    const part = isWord ? word.name : this.#asText(this.value(word));
    return part !== undefined && text?.toLowerCase().includes(part.toLowerCase()) === true;
  }

  #asText(value: Value): string | undefined {
    if (value.kind === 'nothing') return undefined;
    const text = textOf(value, (address, size) => this.#scope.read(address, size));
    return text ?? String(this.#number(value).bits);
  }

  /** gdb's `first@count`: an array that begins at a place. */
  #repeat(value: Value, times: Value, at: number): Value {
    const { bits: count } = this.#arithmetic(times, at);
    if (value.kind !== 'place') throw this.#error('what stands before `@` has to lie in memory', at);
    if (count < 1n || count > 65536n) throw this.#error('what stands after `@` is a count from 1 to 65536', at);
    return { kind: 'place', type: { kind: 'array', of: value.type, count: Number(count) }, address: value.address };
  }

  #pointerArithmetic(operator: BinaryOperator, x: Number, y: Number, at: number): Value | undefined {
    if (operator !== '+' && operator !== '-') return undefined;
    const a = shapeOf(x.type);
    const b = shapeOf(y.type);
    if (a.kind === 'pointer' && b.kind === 'pointer') {
      if (operator === '+') throw this.#error('two pointers cannot be added', at);
      return scalar(LONG, (x.bits - y.bits) / this.#stride(a.to, at));
    }
    if (a.kind === 'pointer') {
      const distance = y.bits * this.#stride(a.to, at);
      return scalar(x.type, operator === '+' ? x.bits + distance : x.bits - distance);
    }
    if (b.kind === 'pointer' && operator === '+') return scalar(y.type, y.bits + x.bits * this.#stride(b.to, at));
    return undefined;
  }

  #calculate(
    operator: Exclude<BinaryOperator, '&&' | '||' | '@' | '~'>,
    left: Number,
    right: Number,
    at: number,
  ): Value {
    if (operator === '<<' || operator === '>>') {
      // A shift has the type of its left side alone, and counts modulo its width as BPF's shifts do.
      const { type, bits } = promote(left);
      const by = BigInt.asUintN(sizeOf(type) === 8 ? 6 : 5, right.bits);
      return scalar(type, operator === '<<' ? bits << by : bits >> by);
    }
    const type = commonType(promote(left), promote(right));
    const a = wrapTo(left.bits, type);
    const b = wrapTo(right.bits, type);
    switch (operator) {
      case '+':
        return scalar(type, a + b);
      case '-':
        return scalar(type, a - b);
      case '*':
        return scalar(type, a * b);
      case '/':
      case '%':
        if (b === 0n) throw this.#error('it divides by zero', at);
        return scalar(type, operator === '/' ? a / b : a % b);
      case '&':
        return scalar(type, a & b);
      case '|':
        return scalar(type, a | b);
      case '^':
        return scalar(type, a ^ b);
      case '<':
        return scalar(INT, a < b ? 1n : 0n);
      case '<=':
        return scalar(INT, a <= b ? 1n : 0n);
      case '>':
        return scalar(INT, a > b ? 1n : 0n);
      case '>=':
        return scalar(INT, a >= b ? 1n : 0n);
      case '==':
        return scalar(INT, a === b ? 1n : 0n);
      case '!=':
        return scalar(INT, a !== b ? 1n : 0n);
      default:
        return assertNever(operator);
    }
  }

  #error(problem: string, at: number): ExpressionError {
    return new ExpressionError(problem, this.#text, at);
  }
}

/** The type of a number as it is written (C, 6.4.4.1). */
function literalType(value: bigint, suffix: string): CType {
  const unsigned = suffix.includes('u');
  const long = suffix.includes('l');
  if (!long && !unsigned && value < 1n << 31n) return INT;
  if (!long && unsigned && value < 1n << 32n) return UNSIGNED_INT;
  return unsigned || value >= 1n << 63n ? UNSIGNED_LONG : LONG;
}

/** Integer promotion (C, 6.3.1.1): what is smaller than int becomes int. */
function promote(number: Number): Number {
  const shape = shapeOf(number.type);
  if (shape.kind === 'enum')
    return {
      type: shape.size === 8 ? (shape.signed ? LONG : UNSIGNED_LONG) : shape.signed ? INT : UNSIGNED_INT,
      bits: number.bits,
    };
  if (shape.kind === 'integer' && shape.size < 4) return { type: INT, bits: number.bits };
  // A register that was calculated with is still something that may point.
  return number;
}

/** The usual arithmetic conversions (C, 6.3.1.8). */
function commonType(a: Number, b: Number): CType {
  const x = shapeOf(a.type);
  const y = shapeOf(b.type);
  if (x.kind !== 'integer' || y.kind !== 'integer') return UNSIGNED_LONG;
  if (x.size !== y.size) return x.size > y.size ? a.type : b.type;
  if (x.signed !== y.signed) return x.signed ? b.type : a.type;
  return x.address === true ? a.type : y.address === true ? b.type : a.type;
}

function wrapTo(bits: bigint, type: CType): bigint {
  const shape = shapeOf(type);
  if (shape.kind !== 'integer') return bits;
  return shape.signed ? BigInt.asIntN(shape.size * 8, bits) : BigInt.asUintN(shape.size * 8, bits);
}

/** Whether an error is about an expression that has no value at this moment, rather than about its text. */
export function hasNoValue(error: unknown): error is BailoutError {
  return error instanceof BailoutError && error.code === 'EXPRESSION_VALUE';
}
