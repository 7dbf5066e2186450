/** Accesses to the program's context. */
import { PROGRAM_TYPES, contextAccess } from '../../kernel/tables/program-types.ts';
import { btfContextAccess } from './btf-context.ts';
import { KERNEL_BTF, type Env } from '../context.ts';
import { type Access } from './stack.ts';
import { lsmReturnRange } from '../calls/return-code.ts';
import {
  AUX0,
  AUX1,
  ID,
  REF_OBJ_ID,
  ROW,
  S32_MAX,
  S32_MIN,
  SMAX,
  SMIN,
  TYPE,
  set64,
  setKnownScalar,
  setUnknownScalar,
} from '../state/state.ts';
import { syncBounds } from '../values/bounds.ts';
import {
  BASE_TYPE_MASK,
  PTR_MAYBE_NULL,
  PTR_TO_BTF_ID,
  PTR_TO_FLOW_KEYS,
  PTR_TO_MEM,
  PTR_TO_PACKET,
  PTR_TO_PACKET_END,
  PTR_TO_PACKET_META,
  PTR_TO_SOCKET,
  PTR_TO_SOCK_COMMON,
  PTR_TO_TP_BUFFER,
  PTR_TRUSTED,
  SCALAR_VALUE,
} from '../state/types.ts';

const BTF_KIND_STRUCT = 4;

/** What a context load puts into a register. */
interface ContextValueType {
  readonly type: number;
  readonly btf: number;
  readonly btfId: number;
  readonly refObjId: number;
  readonly memSize: number;
  readonly isReturnValue: boolean;
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
  return { type: VALUE_TYPES[found.value], btf: KERNEL_BTF, btfId, refObjId: 0, memSize: 0, isReturnValue: false };
}

/** Checks an access at a fixed offset into the context; a load's result goes to `value`. */
export function checkContextAccess(
  env: Env,
  _insn: number,
  off: number,
  size: number,
  access: Access,
  value: number,
  signed: boolean,
): void {
  const found =
    PROGRAM_TYPES[env.program.type].layout === 'btf'
      ? btfContextAccess(env, off, size, access)
      : fromTables(env, off, size, access);
  if (found === undefined) {
    return env.fail(`invalid bpf_context access off=${off} size=${size}`);
  }
  // A pointer is not a number whose sign could be extended.
  if (signed && found.type !== SCALAR_VALUE) env.fail(`invalid bpf_context access off=${off} size=${size}`);
  const base = found.type & BASE_TYPE_MASK;
  if (base === PTR_TO_BTF_ID && found.refObjId !== 0) {
    if (!env.state.refs.some((reference) => reference.id === found.refObjId)) {
      env.fail(`invalid bpf_context access off=${off}. Reference may already be released`);
    }
  }
  if (access === 'write' || value < 0) return;
  const w = env.frame.w;
  const d = value * ROW;
  if (found.type === SCALAR_VALUE) {
    setUnknownScalar(w, d);
    if (found.isReturnValue) boundReturnValue(env, w, d);
    return;
  }
  setKnownScalar(w, d, 0, 0);
  w[d + TYPE] = found.type;
  if ((found.type & PTR_MAYBE_NULL) !== 0) w[d + ID] = env.newId();
  if (base === PTR_TO_BTF_ID) {
    w[d + AUX0] = found.btfId;
    w[d + AUX1] = found.btf;
    w[d + REF_OBJ_ID] = found.refObjId;
  } else if (base === PTR_TO_MEM) w[d + AUX0] = found.memSize;
}

/** What a hook returns is known to be in its range. */
function boundReturnValue(env: Env, w: Int32Array, base: number): void {
  const range = lsmReturnRange(env.program);
  if (range === undefined) return;
  w[base + S32_MIN] = range.min;
  w[base + S32_MAX] = range.max;
  set64(w, base + SMIN, BigInt(range.min));
  set64(w, base + SMAX, BigInt(range.max));
  syncBounds(w, base);
}
