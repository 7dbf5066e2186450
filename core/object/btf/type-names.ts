/** Types in C's words, as a person would write them. */
import type { Btf } from './btf.ts';
import {
  BTF_KIND_ARRAY,
  BTF_KIND_CONST,
  BTF_KIND_ENUM,
  BTF_KIND_ENUM64,
  BTF_KIND_FUNC,
  BTF_KIND_FUNC_PROTO,
  BTF_KIND_FWD,
  BTF_KIND_PTR,
  BTF_KIND_RESTRICT,
  BTF_KIND_STRUCT,
  BTF_KIND_TYPE_TAG,
  BTF_KIND_UNION,
  BTF_KIND_VAR,
  BTF_KIND_VOLATILE,
} from './kinds.ts';

/** Deeper types are cut short: they are circles, or nobody reads them. */
const MAX_DEPTH = 32;
/** Types that one spelling goes through; prototypes in prototypes can be made such that there are very many. */
const MAX_STEPS = 2000;

const keywords: ReadonlyMap<number, string> = new Map([
  [BTF_KIND_STRUCT, 'struct'],
  [BTF_KIND_UNION, 'union'],
  [BTF_KIND_ENUM, 'enum'],
  [BTF_KIND_ENUM64, 'enum'],
]);

const qualifiers: ReadonlyMap<number, string> = new Map([
  [BTF_KIND_CONST, 'const'],
  [BTF_KIND_VOLATILE, 'volatile'],
  [BTF_KIND_RESTRICT, 'restrict'],
]);

/** A base type before a declarator: `int` and `*p` are `int *p`, `char` and `[16]` are `char[16]`. */
const join = (base: string, declarator: string): string =>
  declarator === '' || declarator.startsWith('[') ? base + declarator : `${base} ${declarator}`;

/** The type around what it declares, from the inside out, as C's grammar has it. */
function spell(btf: Btf, id: number, declarator: string, depth: number, steps: { left: number }): string {
  if (depth > MAX_DEPTH || --steps.left < 0) return join('…', declarator);
  const kind = btf.kind(id);
  const target = btf.typeId(id);
  switch (kind) {
    case BTF_KIND_PTR: {
      const pointee = btf.kind(btf.skipModifiers(target));
      const needsParentheses = pointee === BTF_KIND_ARRAY || pointee === BTF_KIND_FUNC_PROTO;
      return spell(btf, target, needsParentheses ? `(*${declarator})` : `*${declarator}`, depth + 1, steps);
    }
    case BTF_KIND_CONST:
    case BTF_KIND_VOLATILE:
    case BTF_KIND_RESTRICT: {
      const word = qualifiers.get(kind)!;
      // A qualified pointer has the word after its star, everything else before its name.
      if (btf.kind(btf.skipModifiers(target)) === BTF_KIND_PTR)
        return spell(btf, target, declarator === '' ? word : ` ${word} ${declarator}`.trimStart(), depth + 1, steps);
      return `${word} ${spell(btf, target, declarator, depth + 1, steps)}`;
    }
    case BTF_KIND_TYPE_TAG:
      return spell(btf, target, `__${btf.name(id)}${declarator === '' ? '' : ` ${declarator}`}`, depth + 1, steps);
    case BTF_KIND_ARRAY:
      return spell(btf, target, `${declarator}[${btf.arrayCount(id)}]`, depth + 1, steps);
    case BTF_KIND_FUNC:
      return spell(btf, target, btf.name(id), depth + 1, steps);
    case BTF_KIND_VAR:
      return spell(btf, target, btf.name(id), depth + 1, steps);
    case BTF_KIND_FUNC_PROTO: {
      const params = btf
        .params(id)
        .map(({ name, typeId }) => (typeId === 0 ? '...' : spell(btf, typeId, name, depth + 1, steps)));
      return spell(btf, target, `${declarator}(${params.length === 0 ? 'void' : params.join(', ')})`, depth + 1, steps);
    }
    case BTF_KIND_FWD:
      return join(`${btf.kindFlag(id) ? 'union' : 'struct'} ${btf.name(id)}`, declarator);
    default: {
      const keyword = keywords.get(kind);
      const name = btf.name(id);
      if (kind === 0) return join('void', declarator);
      if (keyword === undefined) return join(name, declarator);
      return join(name === '' ? `${keyword} {…}` : `${keyword} ${name}`, declarator);
    }
  }
}

/** `struct task_struct *`, `char[16]`, `int (*)(u64 cookie)`; for a FUNC or VAR its declaration. */
export function typeName(btf: Btf, id: number): string {
  return declaration(btf, id, '');
}

/** A declaration of `name`: `struct task_struct *p`, `char comm[16]`, `int (*callback)(u64 cookie)`. */
export function declaration(btf: Btf, id: number, name: string): string {
  return spell(btf, id, name, 0, { left: MAX_STEPS });
}

/** A struct's, union's or enum's definition, a line per member with its place; for other types its name. */
export function definition(btf: Btf, id: number): string {
  if (btf.isEnum(id)) {
    const values = btf.enumerators(id).map(({ name, value }) => `  ${name} = ${value},`);
    return [`${typeName(btf, id)} {`, ...values, '};'].join('\n');
  }
  if (!btf.isComposite(id)) return typeName(btf, id);
  const members = btf.members(id).map(({ name, typeId, bitOffset, bitSize }) => {
    const place = bitOffset % 8 === 0 ? `${bitOffset / 8}` : `${Math.floor(bitOffset / 8)}.${bitOffset % 8}`;
    return `  ${declaration(btf, typeId, name)}${bitSize === 0 ? '' : ` : ${bitSize}`}; /* ${place} */`;
  });
  return [`${typeName(btf, id).replace(' {…}', '')} {`, ...members, `}; /* ${btf.size(id)} bytes */`].join('\n');
}
