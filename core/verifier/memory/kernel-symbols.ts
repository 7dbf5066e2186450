/** Kernel variables and functions whose address a program takes (`extern … __ksym` with a type). */
import { KERNEL_BTF, type Env } from '../context.ts';
import { MEM_PERCPU, MEM_RDONLY, PTR_TO_BTF_ID, PTR_TO_MEM } from '../state/types.ts';

const KIND_STRUCT = 4;
const KIND_UNION = 5;
const KIND_TYPEDEF = 8;
const KIND_VOLATILE = 9;
const KIND_CONST = 10;
const KIND_RESTRICT = 11;
const KIND_FUNC = 12;
const KIND_VAR = 14;
const KIND_DATASEC = 15;
const KIND_TYPE_TAG = 18;

export interface KernelSymbol {
  readonly type: number;
  /** Size of the memory, for a symbol that is no struct. */
  readonly size: number;
  readonly typeId: number;
}

function skipModifiers(env: Env, id: number): number {
  const btf = env.btfs[KERNEL_BTF];
  for (;;) {
    const kind = btf.kind(id);
    if (
      kind !== KIND_TYPEDEF &&
      kind !== KIND_VOLATILE &&
      kind !== KIND_CONST &&
      kind !== KIND_RESTRICT &&
      kind !== KIND_TYPE_TAG
    )
      return id;
    id = btf.typeId(id);
  }
}

function isPerCpu(env: Env, id: number): boolean {
  const btf = env.btfs[KERNEL_BTF];
  const section = btf.findByName('.data..percpu', KIND_DATASEC);
  if (section === undefined || section <= 0) return false;
  return btf.sectionVariables(section).some((variable) => variable.typeId === id);
}

/** What a register that was loaded with the address of a kernel symbol is. */
export function kernelSymbol(env: Env, id: number): KernelSymbol {
  const key = `ksym ${id}`;
  const known = env.callFacts.get(key) as KernelSymbol | undefined;
  if (known !== undefined) return known;
  const symbol = resolve(env, id);
  env.callFacts.set(key, symbol);
  return symbol;
}

function resolve(env: Env, id: number): KernelSymbol {
  const btf = env.btfs[KERNEL_BTF];
  const kind = btf.kind(id);
  if (kind !== KIND_VAR && kind !== KIND_FUNC) env.fail(`pseudo btf_id ${id} in ldimm64 isn't KIND_VAR or KIND_FUNC`);
  if (kind === KIND_FUNC) return { type: PTR_TO_MEM | MEM_RDONLY, size: 0, typeId: 0 };
  const typeId = btf.typeId(id);
  if (isPerCpu(env, id)) return { type: PTR_TO_BTF_ID | MEM_PERCPU, size: 0, typeId };
  const resolved = skipModifiers(env, typeId);
  if (btf.kind(resolved) === KIND_STRUCT || btf.kind(resolved) === KIND_UNION)
    return { type: PTR_TO_BTF_ID, size: 0, typeId };
  return { type: PTR_TO_MEM | MEM_RDONLY, size: btf.resolveSize(resolved) ?? 0, typeId: 0 };
}
