/** Small questions about BTF types that several parts of this folder ask, with the kernel's words for the answers. */
import type { Btf } from '../../object/btf/btf.ts';
import {
  BTF_KIND_ENUM,
  BTF_KIND_ENUM64,
  BTF_KIND_INT,
  BTF_KIND_PTR,
  BTF_KIND_STRUCT,
  BTF_KIND_UNION,
} from '../../object/btf/kinds.ts';

/** The kind in capitals, as messages print it. */
export function kindWord(btf: Btf, id: number): string {
  return id === 0 ? 'UNKNOWN' : btf.kindName(id).toUpperCase();
}

export function isPointer(btf: Btf, id: number): boolean {
  return btf.kind(id) === BTF_KIND_PTR;
}

/** INT, ENUM or ENUM64: what fits a register and is no pointer. */
export function isScalarType(btf: Btf, id: number): boolean {
  const kind = btf.kind(id);
  return kind === BTF_KIND_INT || kind === BTF_KIND_ENUM || kind === BTF_KIND_ENUM64;
}

export function isStruct(btf: Btf, id: number): boolean {
  return btf.kind(id) === BTF_KIND_STRUCT;
}

/** Structs and unions count as structs where a pointer may point to them. */
export function isStructOrUnion(btf: Btf, id: number): boolean {
  const kind = btf.kind(id);
  return kind === BTF_KIND_STRUCT || kind === BTF_KIND_UNION;
}

const NO_CAST_SUFFIX = '___init';

/** Two names of one struct between which no cast is allowed: `nf_conn` and `nf_conn___init`. */
export function isNoCastAlias(a: string, b: string): boolean {
  return a === b + NO_CAST_SUFFIX || b === a + NO_CAST_SUFFIX;
}
