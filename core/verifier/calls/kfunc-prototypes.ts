/** Prototypes of kernel functions, read from the kernel's BTF: parameters are told apart by their types and by the suffixes of their names. */
import type { Kfunc } from '../../kernel/tables/kfuncs.ts';
import { kfuncByName } from '../../kernel/tables/kfuncs.ts';
import type { Btf } from '../../object/btf/btf.ts';
import { BTF_KIND_FUNC, BTF_KIND_FUNC_PROTO, BTF_KIND_PTR } from '../../object/btf/kinds.ts';
import type { Env } from '../context.ts';
import { KERNEL_BTF } from '../context.ts';
import { isPointer, isScalarType, isStructOrUnion } from './btf-words.ts';

export interface KfuncParameter {
  readonly name: string;
  /** Without modifiers and typedefs. */
  readonly typeId: number;
  readonly isScalar: boolean;
  readonly isPointer: boolean;
  /** What a pointer points to, without modifiers and typedefs, and its name. */
  readonly pointee: number;
  readonly pointeeName: string;
  readonly isCallback: boolean;
}

export interface KfuncPrototype {
  readonly id: number;
  readonly name: string;
  readonly kfunc: Kfunc | undefined;
  readonly typeId: number;
  readonly parameters: readonly KfuncParameter[];
  /** Without modifiers and typedefs. */
  readonly result: number;
}

const prototypes = new WeakMap<Btf, Map<number, KfuncPrototype | undefined>>();

/** The kernel function with this FUNC id. */
export function kfuncPrototype(env: Env, id: number): KfuncPrototype | undefined {
  const btf = env.btfs[KERNEL_BTF];
  let known = prototypes.get(btf);
  if (known === undefined) {
    known = new Map();
    prototypes.set(btf, known);
  }
  if (!known.has(id)) known.set(id, read(btf, id));
  return known.get(id);
}

function read(btf: Btf, id: number): KfuncPrototype | undefined {
  if (btf.kind(id) !== BTF_KIND_FUNC) return undefined;
  const typeId = btf.typeId(id);
  const name = btf.name(id);
  return {
    id,
    name,
    kfunc: kfuncByName(name),
    typeId,
    parameters: btf.params(typeId).map((parameter) => {
      const type = btf.resolve(parameter.typeId);
      const pointer = isPointer(btf, type);
      const pointee = pointer ? btf.resolve(btf.typeId(type)) : 0;
      return {
        name: parameter.name,
        typeId: type,
        isScalar: isScalarType(btf, type),
        isPointer: pointer,
        pointee,
        pointeeName: btf.name(pointee),
        isCallback: pointer && btf.kind(pointee) === BTF_KIND_FUNC_PROTO,
      };
    }),
    result: btf.resolve(btf.typeId(typeId)),
  };
}

/** Whether a parameter's name ends in a suffix that tells what it is for. */
export function hasSuffix(parameter: KfuncParameter, suffix: string): boolean {
  return parameter.name.length > suffix.length && parameter.name.endsWith(suffix);
}

/** Whether the result is a pointer to a struct. */
export function returnsStructPointer(btf: Btf, prototype: KfuncPrototype): boolean {
  return btf.kind(prototype.result) === BTF_KIND_PTR && isStructOrUnion(btf, btf.resolve(btf.typeId(prototype.result)));
}
