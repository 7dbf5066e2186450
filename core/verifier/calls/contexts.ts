/** Which C types stand for a program's context. */
import { PROGRAM_TYPES } from '../../kernel/tables/program-types.ts';
import type { Btf } from '../../object/btf/btf.ts';
import { BTF_KIND_TYPEDEF } from '../../object/btf/kinds.ts';
import type { ProgramTypeName } from '../../object/program.ts';
import { isStructOrUnion } from './btf-words.ts';

/** A struct that programs see in place of the kernel's own. */
export function isProjection(seen: string, own: string): boolean {
  return (seen === '__sk_buff' && own === 'sk_buff') || (seen === 'xdp_md' && own === 'xdp_buff');
}

/** Whether a pointer type (its id, modifiers skipped) is one to the context of programs of this type. */
export function isContextPointer(btf: Btf, pointer: number, type: ProgramTypeName): boolean {
  const pointee = btf.typeId(pointer);
  if (type === 'kprobe') {
    const named = btf.skipModifiers(pointee);
    if (btf.kind(named) === BTF_KIND_TYPEDEF && btf.name(named) === 'bpf_user_pt_regs_t') return true;
  }
  const struct = btf.resolve(pointee);
  if (!isStructOrUnion(btf, struct)) return false;
  const name = btf.name(struct);
  const { contextStruct } = PROGRAM_TYPES[type];
  if (contextStruct === '' || name === '') return false;
  if (name === contextStruct || isProjection(contextStruct, name)) return true;
  return contextStruct === 'bpf_user_pt_regs_t' && name === 'pt_regs';
}
