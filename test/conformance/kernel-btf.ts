/** The kernel's types of the reference: always the bundled 6.18, whatever kernel is running here. */
import { bundledKernelBtf } from '../../main/kernel-btf.ts';
import type { Btf } from '../../core/object/btf/btf.ts';

export function kernelBtf(): Btf {
  return bundledKernelBtf();
}
