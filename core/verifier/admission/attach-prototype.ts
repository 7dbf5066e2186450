/** The kernel function that a program stands in for or listens to, as far as its arguments are the program's context. */
import type { Program } from '../../object/program.ts';
import type { Btf } from '../../object/btf/btf.ts';
import { BTF_KIND_FUNC, BTF_KIND_FUNC_PROTO, BTF_KIND_PTR, BTF_KIND_TYPEDEF } from '../../object/btf/kinds.ts';

export interface AttachPrototype {
  /** As messages have it: the tracepoint without `btf_trace_`, the struct_ops member, the function. */
  readonly name: string;
  /** The FUNC_PROTO in the kernel's BTF. */
  readonly typeId: number;
  /** Parameters before the first that the program sees: a tracepoint's `void *__data`. */
  readonly hidden: number;
  /** FUNC_PROTO whose parameters have the names that say more (`__nullable`); the same one where nothing better is known. */
  readonly namesFrom: number;
}

const TRACE_PREFIX = 'btf_trace_';

const known = new WeakMap<Program, { readonly prototype: AttachPrototype | undefined }>();

/** `undefined` for a program that is not attached by BTF. */
export function attachPrototype(program: Program): AttachPrototype | undefined {
  let entry = known.get(program);
  if (entry === undefined) {
    entry = { prototype: findPrototype(program) };
    known.set(program, entry);
  }
  return entry.prototype;
}

function findPrototype(program: Program): AttachPrototype | undefined {
  const btf = program.kernelBtf;
  const id = program.attachBtfId;
  if (id === undefined) return undefined;
  if (program.type === 'struct_ops') return structOpsPrototype(program, btf, id);
  if (program.type !== 'tracing' && program.type !== 'lsm') return undefined;
  if (program.attachType === 'trace_raw_tp') return tracepointPrototype(btf, id);
  if (btf.kind(id) !== BTF_KIND_FUNC) return undefined;
  return prototype(btf, btf.name(id), btf.typeId(id));
}

function prototype(
  btf: Btf,
  name: string,
  typeId: number,
  hidden = 0,
  namesFrom = typeId,
): AttachPrototype | undefined {
  return btf.kind(typeId) === BTF_KIND_FUNC_PROTO ? { name, typeId, hidden, namesFrom } : undefined;
}

function tracepointPrototype(btf: Btf, id: number): AttachPrototype | undefined {
  if (btf.kind(id) !== BTF_KIND_TYPEDEF || !btf.name(id).startsWith(TRACE_PREFIX)) return undefined;
  const name = btf.name(id).slice(TRACE_PREFIX.length);
  const pointer = btf.typeId(id);
  if (btf.kind(pointer) !== BTF_KIND_PTR) return undefined;
  const typeId = btf.typeId(pointer);
  // The typedef is made without parameter names; the function behind the tracepoint has them.
  const template = btf.findByName(`__bpf_trace_${name}`, BTF_KIND_FUNC);
  return prototype(btf, name, typeId, 1, template > 0 ? btf.typeId(template) : typeId);
}

function structOpsPrototype(program: Program, btf: Btf, structId: number): AttachPrototype | undefined {
  const ops = program.structOps;
  if (ops === undefined) return undefined;
  const pointer = btf.resolve(btf.memberTypeId(structId, ops.memberIndex));
  if (btf.kind(pointer) !== BTF_KIND_PTR) return undefined;
  const typeId = btf.resolve(btf.typeId(pointer));
  // Where the kernel says more about a member's arguments, it does so by a stub function of this name.
  const stub = btf.findByName(`${ops.structName}__${ops.member}`, BTF_KIND_FUNC);
  return prototype(btf, ops.member, typeId, 0, stub > 0 ? btf.typeId(stub) : typeId);
}
