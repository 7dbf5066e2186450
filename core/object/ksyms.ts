/**
 * Resolves kernel functions and variables that the object refers to by name.
 *
 * A function, and a variable with a type, is found in the kernel's BTF. A variable of type void has only an address, which a loader takes from
 * /proc/kallsyms; a simulated kernel has no such list, so its addresses are made up here, and are the same in every run.
 */
import type { Btf } from './btf/btf.ts';
import { BTF_KIND_FUNC, BTF_KIND_VAR } from './btf/kinds.ts';
import { essentialName } from './btf/names.ts';
import { typesAreCompatible } from './core/compatible.ts';
import type { KernelSymbol, KsymExtern } from './externs.ts';
import type { Refusal } from './refusal.ts';

/** Where the text of an x86-64 kernel begins. */
const KERNEL_TEXT = 0xffffffff81000000n;
const FUNCTION_SPACING = 64n;

/** Symbols of the kernel that its BTF does not list and programs ask for. */
const knownAddresses: ReadonlyMap<string, bigint> = new Map([
  ['_text', KERNEL_TEXT],
  ['_stext', KERNEL_TEXT],
  ['_etext', 0xffffffff82000000n],
  ['_sdata', 0xffffffff83000000n],
  ['_edata', 0xffffffff83800000n],
  ['__start_BTF', 0xffffffff82400000n],
  ['__stop_BTF', 0xffffffff82942da9n],
  ['init_task', 0xffffffff8300f940n],
  ['init_net', 0xffffffff83010a00n],
  ['jiffies', 0xffffffff83005a00n],
  ['bpf_link_fops', 0xffffffff8223a7c0n],
  ['bpf_map_fops', 0xffffffff8223a600n],
  ['bpf_prog_fops', 0xffffffff8223a6c0n],
]);

/** A made-up address of a kernel symbol; undefined when the kernel has none of that name. */
export function kernelAddress(kernel: Btf, name: string): bigint | undefined {
  const known = knownAddresses.get(name);
  if (known !== undefined) return known;
  const id = kernel.findByName(name, BTF_KIND_FUNC) || kernel.findByName(name, BTF_KIND_VAR);
  return id === 0 ? undefined : KERNEL_TEXT + BigInt(id) * FUNCTION_SPACING;
}

function describe(btf: Btf, id: number): string {
  return `[${id}] ${btf.kindName(id)} ${btf.name(id)}`.trimEnd();
}

function resolveVariable(btf: Btf, kernel: Btf, extern: KsymExtern, refusal: Refusal): KernelSymbol | undefined {
  if (extern.typeId === 0) {
    const address = kernelAddress(kernel, extern.name);
    if (address !== undefined) return { kind: 'address', address };
    if (!extern.isWeak) refusal.refuse('KSYM_NOT_FOUND', `Extern ${extern.name}: the kernel has no such symbol.`);
    return undefined;
  }
  const id = kernel.findByName(extern.name, BTF_KIND_VAR);
  if (id === 0) {
    if (!extern.isWeak)
      refusal.refuse('KSYM_NOT_FOUND', `Extern variable ${extern.name}: not found in the kernel's BTF.`);
    return undefined;
  }
  const targetId = kernel.resolve(kernel.typeId(id));
  if (typesAreCompatible({ local: btf, localId: extern.typeId, target: kernel, targetId }) === true)
    return { kind: 'type', id };
  refusal.refuse(
    'KSYM_TYPE',
    `Extern variable ${extern.name}: the object expects ${describe(btf, extern.typeId)}, and the kernel has ${describe(kernel, targetId)}.`,
  );
  return undefined;
}

function resolveFunction(btf: Btf, kernel: Btf, extern: KsymExtern, refusal: Refusal): KernelSymbol | undefined {
  const id = kernel.findByName(essentialName(extern.name), BTF_KIND_FUNC);
  if (id === 0) {
    if (!extern.isWeak)
      refusal.refuse(
        'KFUNC_NOT_FOUND',
        `Extern function ${extern.name}: not found in the kernel's BTF.`,
        'It may belong to a module, or to another version of the kernel.',
      );
    return undefined;
  }
  if (typesAreCompatible({ local: btf, localId: extern.typeId, target: kernel, targetId: kernel.typeId(id) }) === true)
    return { kind: 'type', id };
  if (!extern.isWeak)
    refusal.refuse(
      'KFUNC_TYPE',
      `Extern function ${extern.name}: its prototype [${extern.typeId}] is not compatible with the kernel's [${kernel.typeId(id)}].`,
    );
  return undefined;
}

/** Sets `resolved` of every kernel symbol that can be found. What cannot be, and is not weak, refuses the object. */
export function resolveKernelSymbols(externs: readonly KsymExtern[], btf: Btf, kernel: Btf, refusal: Refusal): void {
  for (const extern of externs) {
    const resolve = extern.kind === 'function' ? resolveFunction : resolveVariable;
    const resolved = resolve(btf, kernel, extern, refusal);
    if (resolved !== undefined) extern.resolved = resolved;
  }
}
