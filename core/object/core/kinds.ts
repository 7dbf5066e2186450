/** CO-RE relocations: what each asks about a type of the running kernel (Documentation/bpf/llvm_reloc.rst, "CO-RE Relocations"). */

export const BPF_CORE_FIELD_BYTE_OFFSET = 0;
export const BPF_CORE_FIELD_BYTE_SIZE = 1;
export const BPF_CORE_FIELD_EXISTS = 2;
export const BPF_CORE_FIELD_SIGNED = 3;
export const BPF_CORE_FIELD_LSHIFT_U64 = 4;
export const BPF_CORE_FIELD_RSHIFT_U64 = 5;
export const BPF_CORE_TYPE_ID_LOCAL = 6;
export const BPF_CORE_TYPE_ID_TARGET = 7;
export const BPF_CORE_TYPE_EXISTS = 8;
export const BPF_CORE_TYPE_SIZE = 9;
export const BPF_CORE_ENUMVAL_EXISTS = 10;
export const BPF_CORE_ENUMVAL_VALUE = 11;
export const BPF_CORE_TYPE_MATCHES = 12;

/** What a relocation is about, by number; a number beyond is unknown. */
export const coreKinds: readonly { readonly name: string; readonly about: 'field' | 'type' | 'enumerator' }[] = [
  { name: 'byte_off', about: 'field' },
  { name: 'byte_sz', about: 'field' },
  { name: 'field_exists', about: 'field' },
  { name: 'signed', about: 'field' },
  { name: 'lshift_u64', about: 'field' },
  { name: 'rshift_u64', about: 'field' },
  { name: 'local_type_id', about: 'type' },
  { name: 'target_type_id', about: 'type' },
  { name: 'type_exists', about: 'type' },
  { name: 'type_size', about: 'type' },
  { name: 'enumval_exists', about: 'enumerator' },
  { name: 'enumval_value', about: 'enumerator' },
  { name: 'type_matches', about: 'type' },
];
