/**
 * The kernel's types, with Bailout's additions on top.
 *
 * The bytes are those of `/sys/kernel/btf/vmlinux`, of the running kernel or of the bundled 6.18. Above them lies a small split BTF with the
 * prototypes of kernel functions that no kernel has but that Bailout knows: so far those of the 2023 proposal for exceptions (docs/exceptions.md). A name
 * that the kernel has itself is found there first.
 */
import { Btf } from './btf/btf.ts';
import { BtfBuilder } from './btf/builder.ts';

/** Version of the bundled kernel BTF, as `LINUX_KERNEL_VERSION` encodes it. */
export const bundledKernelVersion = (6 << 16) | (18 << 8);

function additions(kernel: Btf): Uint8Array {
  const types = new BtfBuilder({ firstId: kernel.typeCount, firstString: kernel.stringEnd });
  const int = types.int('int', 4, { signed: true });
  const u64 = types.int('unsigned long long', 8);
  // void bpf_set_exception_callback(int (*callback)(u64 cookie))
  const callback = types.pointer(types.funcProto(int, [{ name: 'cookie', type: u64 }]));
  const setter = types.func('bpf_set_exception_callback', types.funcProto(0, [{ name: 'callback', type: callback }]));
  types.declTag('bpf_kfunc', setter);
  return types.bytes();
}

/**
 * Opens a kernel's BTF. Types are neither decoded nor checked one by one: an id in it that leads nowhere reads as void.
 *
 * @param bytes contents of a `/sys/kernel/btf/vmlinux` file
 */
export function openKernelBtf(bytes: Uint8Array): Btf {
  const kernel = Btf.open(bytes, { what: 'kernel BTF', validate: false });
  return Btf.open(additions(kernel), { what: 'additions to the kernel BTF', base: kernel });
}
