/** Accesses to the program's context. */
import { PROGRAM_TYPES, contextAccess } from '../kernel/tables/program-types.ts';
import { btfContextAccess } from './btf-context.ts';
import { KERNEL_BTF, type Env } from './context.ts';
import { printSourceLine } from './print-state.ts';
import { type Access } from './stack.ts';
import { AUX0, AUX1, ID, REF_OBJ_ID, ROW, TYPE, setKnownScalar, setUnknownScalar, set64, SMIN, SMAX } from './state.ts';
import { syncBounds } from './bounds.ts';
import {
  BASE_TYPE_MASK,
  PTR_MAYBE_NULL,
  PTR_TO_BTF_ID,
  PTR_TO_FLOW_KEYS,
  PTR_TO_PACKET,
  PTR_TO_PACKET_END,
  PTR_TO_PACKET_META,
  PTR_TO_SOCKET,
  PTR_TO_SOCK_COMMON,
  PTR_TO_TP_BUFFER,
  PTR_TRUSTED,
  SCALAR_VALUE,
} from './types.ts';

const BTF_KIND_STRUCT = 4;

/** What a context load puts into a register. */
interface ContextValueType {
  readonly type: number;
  readonly btf: number;
  readonly btfId: number;
  readonly refObjId: number;
  /** Bounds of a traced function's return value, where the hook states them. */
  readonly range?: { readonly min: number; readonly max: number } | undefined;
}

const VALUE_TYPES = {
  scalar: SCALAR_VALUE,
  packet: PTR_TO_PACKET,
  packet_meta: PTR_TO_PACKET_META,
  packet_end: PTR_TO_PACKET_END,
  sock: PTR_TO_SOCKET,
  sock_or_null: PTR_TO_SOCKET | PTR_MAYBE_NULL,
  sock_common_or_null: PTR_TO_SOCK_COMMON | PTR_MAYBE_NULL,
  flow_keys: PTR_TO_FLOW_KEYS,
  tp_buffer: PTR_TO_TP_BUFFER,
  btf: PTR_TO_BTF_ID | PTR_TRUSTED,
} as const;

function fromTables(env: Env, off: number, size: number, access: Access): ContextValueType | undefined {
  const found = contextAccess(env.program.type, env.program.attachType, off, size, access);
  if (found === undefined) return undefined;
  let btfId = 0;
  if (found.struct !== '') btfId = env.btfs[KERNEL_BTF].findByName(found.struct, BTF_KIND_STRUCT) ?? 0;
  return { type: VALUE_TYPES[found.value], btf: KERNEL_BTF, btfId, refObjId: 0 };
}

/** Checks an access at a fixed offset into the context; a load's result goes to `value`. */
export function checkContextAccess(
  env: Env,
  insn: number,
  off: number,
  size: number,
  access: Access,
  value: number,
  _signed: boolean,
): void {
  const found =
    PROGRAM_TYPES[env.program.type].layout === 'btf'
      ? btfContextAccess(env, off, size, access)
      : fromTables(env, off, size, access);
  if (found === undefined) {
    env.verbose(`invalid bpf_context access off=${off} size=${size}\n`);
    printSourceLine(env, insn, '; ');
    env.reject();
  }
  const base = found.type & BASE_TYPE_MASK;
  if (base === PTR_TO_BTF_ID && found.refObjId !== 0) {
    if (!env.state.refs.some((reference) => reference.id === found.refObjId)) {
      env.verbose(`invalid bpf_context access off=${off}. Reference may already be released\n`);
      printSourceLine(env, insn, '; ');
      env.reject();
    }
  }
  if (access === 'write' || value < 0) return;
  const w = env.frame.w;
  const d = value * ROW;
  if (found.type === SCALAR_VALUE) {
    setUnknownScalar(w, d);
    if (found.range !== undefined) {
      set64(w, d + SMIN, BigInt(found.range.min));
      set64(w, d + SMAX, BigInt(found.range.max));
      syncBounds(w, d);
    }
    return;
  }
  setKnownScalar(w, d, 0, 0);
  w[d + TYPE] = found.type;
  if ((found.type & PTR_MAYBE_NULL) !== 0) w[d + ID] = env.newId();
  if (base === PTR_TO_BTF_ID) {
    w[d + AUX0] = found.btfId;
    w[d + AUX1] = found.btf;
    w[d + REF_OBJ_ID] = found.refObjId;
  }
}
