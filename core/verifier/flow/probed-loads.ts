/**
 * Loads that the kernel guards with an exception table: where there is nothing to be read, they give 0. Which ones these
 * are follows from the pointer that the verifier saw there (kernel: convert_ctx_accesses).
 */
import { BPF_CLASS, BPF_LDX } from '../../isa/opcodes.ts';
import type { Env } from '../context.ts';
import {
  BASE_TYPE_MASK,
  MEM_ALLOC,
  MEM_RDONLY,
  PTR_TO_ARENA,
  PTR_TO_BTF_ID,
  PTR_TO_MEM,
  PTR_UNTRUSTED,
} from '../state/types.ts';

/** 1 for each load through a pointer that may lead nowhere. */
export function probedLoads(env: Env): Uint8Array {
  const { insns } = env;
  const probed = new Uint8Array(insns.length);
  for (let i = 0; i < insns.length; i++) {
    if (BPF_CLASS(insns.code[i]!) === BPF_LDX && mayLeadNowhere(env.facts.pointerType[i]!)) probed[i] = 1;
  }
  return probed;
}

function mayLeadNowhere(type: number): boolean {
  switch (type & BASE_TYPE_MASK) {
    case PTR_TO_ARENA:
      return true;
    case PTR_TO_BTF_ID: {
      // Trusted pointers and those under RCU are known to be good; of allocated objects, only untrusted ones are not.
      const flags = type & ~BASE_TYPE_MASK;
      return flags === 0 || flags === PTR_UNTRUSTED || flags === (MEM_ALLOC | PTR_UNTRUSTED);
    }
    case PTR_TO_MEM:
      return (type & ~BASE_TYPE_MASK) === (MEM_RDONLY | PTR_UNTRUSTED);
    default:
      return false;
  }
}
