/**
 * When a type of the object and a type of the kernel are the same for CO-RE.
 *
 * Three relations, from loose to strict. Fields are *compatible* when an access through one reads the other; types are *compatible* when they have the same shape
 * down to structs, which count as equal whatever they hold; types *match* when every named part of the object's type is in the kernel's. In each
 * `undefined` means that no answer was found: the types nest too deep (or in a circle), which libbpf makes an error of.
 */
import type { Btf } from '../btf/btf.ts';
import {
  BTF_INT_SIGNED,
  BTF_KIND_ARRAY,
  BTF_KIND_ENUM,
  BTF_KIND_ENUM64,
  BTF_KIND_FLOAT,
  BTF_KIND_FUNC_PROTO,
  BTF_KIND_FWD,
  BTF_KIND_INT,
  BTF_KIND_PTR,
  BTF_KIND_STRUCT,
  BTF_KIND_UNION,
  BTF_KIND_UNKN,
} from '../btf/kinds.ts';
import { essentialName } from '../btf/names.ts';

/** Longest chain of pointers and arrays, and deepest nesting of prototypes and structs, that is followed; libbpf's limit. */
const MAX_DEPTH = 32;

/** One type of each side. */
export interface TypePair {
  readonly local: Btf;
  readonly localId: number;
  readonly target: Btf;
  readonly targetId: number;
}

type Answer = boolean | undefined;

/** Enums of both widths count as one kind. */
export function sameKind(local: Btf, localId: number, target: Btf, targetId: number): boolean {
  const kind = local.kind(localId);
  return kind === target.kind(targetId) || (local.isEnum(localId) && target.isEnum(targetId));
}

/** Integers with a bit offset of their own are bitfields of an old style; nothing is compatible with those. */
const areWholeIntegers = (local: Btf, localId: number, target: Btf, targetId: number): boolean =>
  local.intBitOffset(localId) === 0 && target.intBitOffset(targetId) === 0;

/** Whether an access to the object's field works on the kernel's. */
export function fieldsAreCompatible({ local, localId, target, targetId }: TypePair): Answer {
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const a = local.resolve(localId);
    const b = target.resolve(targetId);
    if (local.isComposite(a) && target.isComposite(b)) return true;
    if (!sameKind(local, a, target, b)) return false;
    switch (local.kind(a)) {
      case BTF_KIND_PTR:
      case BTF_KIND_FLOAT:
        return true;
      case BTF_KIND_FWD:
      case BTF_KIND_ENUM:
      case BTF_KIND_ENUM64: {
        const ours = essentialName(local.name(a));
        const theirs = essentialName(target.name(b));
        return ours === '' || theirs === '' || ours === theirs;
      }
      case BTF_KIND_INT:
        return areWholeIntegers(local, a, target, b);
      case BTF_KIND_ARRAY:
        localId = local.typeId(a);
        targetId = target.typeId(b);
        break;
      default:
        return false;
    }
  }
  return undefined;
}

/** What comparing costs is bounded by this many steps in all, since shared types can be reached by very many paths. */
const MAX_STEPS = 1_000_000;

/** Whether two types have the same shape, names aside. The names of the two themselves were compared by whoever asks. */
export function typesAreCompatible(pair: TypePair): Answer {
  return haveSameShape(pair, MAX_DEPTH, { left: MAX_STEPS });
}

function haveSameShape(pair: TypePair, level: number, steps: { left: number }): Answer {
  const { local, target } = pair;
  let { localId, targetId } = pair;
  if (!sameKind(local, localId, target, targetId)) return false;
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    if (--steps.left < 0) return undefined;
    const a = local.resolve(localId);
    const b = target.resolve(targetId);
    if (!sameKind(local, a, target, b)) return false;
    switch (local.kind(a)) {
      case BTF_KIND_UNKN:
      case BTF_KIND_STRUCT:
      case BTF_KIND_UNION:
      case BTF_KIND_ENUM:
      case BTF_KIND_ENUM64:
      case BTF_KIND_FWD:
        return true;
      case BTF_KIND_INT:
        return areWholeIntegers(local, a, target, b);
      case BTF_KIND_PTR:
      case BTF_KIND_ARRAY:
        break;
      case BTF_KIND_FUNC_PROTO: {
        const count = local.count(a);
        if (count !== target.count(b)) return false;
        for (let i = 0; i < count; i++) {
          if (level <= 0) return undefined;
          const answer = haveSameShape(
            {
              local,
              localId: local.resolve(local.paramTypeId(a, i)),
              target,
              targetId: target.resolve(target.paramTypeId(b, i)),
            },
            level - 1,
            steps,
          );
          if (answer !== true) return answer;
        }
        break;
      }
      default:
        return false;
    }
    localId = local.typeId(a);
    targetId = target.typeId(b);
  }
  return undefined;
}

function enumsMatch({ local, localId, target, targetId }: TypePair): boolean {
  if (local.size(localId) !== target.size(targetId) || local.count(localId) > target.count(targetId)) return false;
  const theirs = new Set(target.enumerators(targetId).map(({ name }) => essentialName(name)));
  return local.enumerators(localId).every(({ name }) => theirs.has(essentialName(name)));
}

class Matcher {
  readonly #local: Btf;
  readonly #target: Btf;
  #left = MAX_STEPS;

  constructor(local: Btf, target: Btf) {
    this.#local = local;
    this.#target = target;
  }

  match(localId: number, targetId: number, isBehindPointer: boolean, level: number): Answer {
    const local = this.#local;
    const target = this.#target;
    if (level <= 0) return undefined;
    for (let depth = 0; depth < MAX_DEPTH; depth++) {
      if (--this.#left < 0) return undefined;
      const a = local.resolve(localId);
      const b = target.resolve(targetId);
      if (essentialName(local.name(a)) !== essentialName(target.name(b))) return false;
      const kind = local.kind(a);
      const theirs = target.kind(b);
      switch (kind) {
        case BTF_KIND_UNKN:
          return theirs === kind;
        case BTF_KIND_FWD: {
          const isUnion = local.kindFlag(a);
          if (theirs === kind) return isUnion === target.kindFlag(b);
          return isBehindPointer && theirs === (isUnion ? BTF_KIND_UNION : BTF_KIND_STRUCT);
        }
        case BTF_KIND_ENUM:
        case BTF_KIND_ENUM64:
          return target.isEnum(b) && enumsMatch({ local, localId: a, target, targetId: b });
        case BTF_KIND_STRUCT:
        case BTF_KIND_UNION:
          if (!isBehindPointer) return theirs === kind && this.#membersMatch(a, b, level);
          if (theirs === kind) return true;
          return theirs === BTF_KIND_FWD && (kind === BTF_KIND_UNION) === target.kindFlag(b);
        case BTF_KIND_INT:
          return (
            theirs === kind &&
            local.size(a) === target.size(b) &&
            (local.intEncoding(a) & BTF_INT_SIGNED) === (target.intEncoding(b) & BTF_INT_SIGNED)
          );
        case BTF_KIND_PTR:
          if (theirs !== kind) return false;
          isBehindPointer = true;
          break;
        case BTF_KIND_ARRAY:
          if (theirs !== kind || local.arrayCount(a) !== target.arrayCount(b)) return false;
          break;
        case BTF_KIND_FUNC_PROTO: {
          const count = local.count(a);
          if (theirs !== kind || count !== target.count(b)) return false;
          for (let i = 0; i < count; i++) {
            const answer = this.match(local.paramTypeId(a, i), target.paramTypeId(b, i), isBehindPointer, level - 1);
            if (answer !== true) return answer;
          }
          break;
        }
        default:
          return false;
      }
      localId = local.typeId(a);
      targetId = target.typeId(b);
    }
    return undefined;
  }

  /** Every member of the object's struct has one of its name in the kernel's that matches. */
  #membersMatch(localId: number, targetId: number, level: number): Answer {
    const local = this.#local;
    const target = this.#target;
    const ours = local.count(localId);
    const theirs = target.count(targetId);
    if (ours > theirs) return false;
    for (let i = 0; i < ours; i++) {
      const name = essentialName(local.memberName(localId, i));
      let found = false;
      for (let j = 0; j < theirs && !found; j++) {
        if (--this.#left < 0) return undefined;
        if (essentialName(target.memberName(targetId, j)) !== name) continue;
        const answer = this.match(local.memberTypeId(localId, i), target.memberTypeId(targetId, j), false, level - 1);
        if (answer === undefined) return undefined;
        found = answer;
      }
      if (!found) return false;
    }
    return true;
  }
}

/** Whether everything that the object's type declares is in the kernel's type, by name and kind. */
export function typesMatch({ local, localId, target, targetId }: TypePair): Answer {
  return new Matcher(local, target).match(localId, targetId, false, MAX_DEPTH);
}
