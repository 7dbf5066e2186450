/** Kernel pointers kept in map values and allocated objects: loading, storing, and exchanging them. */
import { BPF_LDX, BPF_MEM, BPF_ST, BPF_STX } from '../../isa/opcodes.ts';
import { RCU_PROTECTED } from '../../kernel/tables/btf-lists.ts';
import type { Env } from '../context.ts';
import { KERNEL_BTF } from '../context.ts';
import { structIdsMatch } from '../memory/btf-access.ts';
import { checkPtrOffReg } from '../memory/pointer-offset.ts';
import { inRcuSection } from '../memory/rcu-section.ts';
import { markBtfRegister } from '../state/registers.ts';
import { AUX0, AUX1, OFF, ROW, TYPE, VALUE, isConst, isNull } from '../state/state.ts';
import {
  BASE_TYPE_MASK,
  MEM_ALLOC,
  MEM_PERCPU,
  MEM_RCU,
  NON_OWN_REF,
  PTR_MAYBE_NULL,
  PTR_TO_BTF_ID,
  PTR_TO_MEM,
  PTR_TRUSTED,
  PTR_UNTRUSTED,
  regTypeName,
  typeIsPointerAllocated,
} from '../state/types.ts';
import type { BtfField } from './records.ts';
import { KPTR_KINDS, findField, mapHasBtf, registerRecord, structRecord } from './records.ts';

/** Checks that a pointer may be stored in a kptr field. */
export function checkKptrMatch(env: Env, field: BtfField, regno: number): void {
  const { w } = env.frame;
  const base = regno * ROW;
  const type = w[base + TYPE]!;
  const target = env.btfs[field.btf === KERNEL_BTF ? 0 : 1]!.name(field.typeId);
  let name = '';
  const bad = (): never => {
    const expected = `expected=${regTypeName(PTR_TO_BTF_ID)}${target}`;
    const or = field.kind === 'kptr_untrusted' ? ` or ${regTypeName(PTR_TO_BTF_ID | PTR_UNTRUSTED)}${target}` : '';
    return env.fail(`invalid kptr access, R${regno} type=${regTypeName(type)}${name} ${expected}${or}`);
  };
  if ((type & BASE_TYPE_MASK) !== PTR_TO_BTF_ID) bad();
  const btf = w[base + AUX1]!;
  let permitted: number;
  if (btf === KERNEL_BTF) {
    permitted = PTR_MAYBE_NULL | PTR_TRUSTED | MEM_RCU;
    if (field.kind === 'kptr_untrusted') permitted |= PTR_UNTRUSTED;
  } else {
    permitted = PTR_MAYBE_NULL | MEM_ALLOC;
    if (field.kind === 'percpu_kptr') permitted |= MEM_PERCPU;
  }
  if ((type & ~BASE_TYPE_MASK & ~permitted) !== 0) bad();
  name = env.btfs[btf === KERNEL_BTF ? 0 : 1]!.name(w[base + AUX0]!);
  checkPtrOffReg(env, regno, true);
  const strict = field.kind !== 'kptr_untrusted';
  const own = env.btfs[btf === KERNEL_BTF ? 0 : 1]!;
  const needed = env.btfs[field.btf === KERNEL_BTF ? 0 : 1]!;
  if (!structIdsMatch(own, w[base + AUX0]!, w[base + OFF]!, needed, field.typeId, strict, (line) => env.verbose(line)))
    bad();
}

/** Flags of a kptr loaded by an instruction: usable in an RCU section if its object is kept alive by one. */
function loadedFlags(env: Env, field: BtfField): number {
  const rcuSafe =
    field.kind === 'percpu_kptr' ||
    (field.kind === 'kptr' && (field.btf !== KERNEL_BTF || RCU_PROTECTED.has(env.btfs[KERNEL_BTF].name(field.typeId))));
  let flags = PTR_MAYBE_NULL;
  if (rcuSafe && inRcuSection(env)) {
    flags |= MEM_RCU;
    if (field.kind === 'percpu_kptr') flags |= MEM_PERCPU;
    else if (field.btf !== KERNEL_BTF) {
      flags |= MEM_ALLOC;
      const record = structRecord(env, field.btf, field.typeId);
      if (record?.kinds.has('bpf_list_node') === true || record?.kinds.has('bpf_rb_node') === true)
        flags |= NON_OWN_REF;
    }
  } else {
    flags |= PTR_UNTRUSTED;
  }
  return flags;
}

/** A load or store of eight bytes exactly at a kptr field of a map value. */
export function checkMapKptrAccess(env: Env, _regno: number, valueRegno: number, insn: number, field: BtfField): void {
  const code = env.insns.code[insn]!;
  const instructionClass = code & 7;
  if ((code & 0xe0) !== BPF_MEM) env.fail('kptr in map can only be accessed using BPF_MEM instruction mode');
  if (instructionClass !== BPF_LDX && (field.kind === 'kptr' || field.kind === 'percpu_kptr')) {
    env.fail('store to referenced kptr disallowed');
  }
  if (instructionClass !== BPF_LDX && field.kind === 'uptr') env.fail('store to uptr disallowed');
  switch (instructionClass) {
    case BPF_LDX:
      if (field.kind === 'uptr') {
        const btf = env.btfs[1]!;
        const { w } = env.frame;
        markBtfRegister(env, env.frame, valueRegno, PTR_TO_BTF_ID, field.btf, field.typeId, PTR_MAYBE_NULL);
        w[valueRegno * ROW + TYPE] = PTR_TO_MEM | PTR_MAYBE_NULL;
        w[valueRegno * ROW + AUX0] = btf.size(field.typeId);
        w[valueRegno * ROW + AUX1] = 0;
        return;
      }
      markBtfRegister(env, env.frame, valueRegno, PTR_TO_BTF_ID, field.btf, field.typeId, loadedFlags(env, field));
      return;
    case BPF_STX: {
      const { w } = env.frame;
      if (isNull(w, valueRegno * ROW)) return;
      checkKptrMatch(env, field, valueRegno);
      return;
    }
    case BPF_ST:
      if (env.insns.imm[insn] !== 0) {
        env.fail(`BPF_ST imm must be 0 when storing to kptr at off=${field.offset}`);
      }
      return;
    default:
      env.fail('kptr in map can only be accessed using BPF_LDX/BPF_STX/BPF_ST');
  }
}

/** Checks the field that bpf_kptr_xchg exchanges with, and returns it. */
export function processKptrDestination(env: Env, regno: number): BtfField {
  const { w } = env.frame;
  const base = regno * ROW;
  const type = w[base + TYPE]!;
  const inObject = typeIsPointerAllocated(type);
  if (!inObject) {
    const map = env.maps[w[base + AUX0]!]!;
    if (!mapHasBtf(env, map)) env.fail(`map '${map.kernelName}' has to have BTF in order to use bpf_kptr_xchg`);
  }
  if (!isConst(w, base)) {
    env.fail(`R${regno} doesn't have constant offset. kptr has to be at the constant offset`);
  }
  const record = registerRecord(env, w, base);
  if (record === undefined || ![...record.kinds].some((kind) => KPTR_KINDS.has(kind) && kind !== 'uptr')) {
    env.fail(`R${regno} has no valid kptr`);
  }
  const off = w[base + OFF]! + w[base + VALUE]!;
  const field = findField(record, off, KPTR_KINDS);
  if (field === undefined || field.kind === 'uptr') return env.fail(`off=${off} doesn't point to kptr`);
  if (field.kind !== 'kptr' && field.kind !== 'percpu_kptr') env.fail(`off=${off} kptr isn't referenced kptr`);
  return field;
}
