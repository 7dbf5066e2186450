/** Whether a value that a machine holds is one of those that the verifier's row of a register or stack slot stands for. */
import { ArrayMap } from '../kernel/maps/array.ts';
import { HashMap } from '../kernel/maps/hash.ts';
import type { BpfMap } from '../kernel/maps/map.ts';
import { POINTER_TAG } from '../kernel/memory.ts';
import type { Frame } from '../machine/frames.ts';
import type { Machine } from '../machine/machine.ts';
import type { Claims } from '../verifier/claims/claims.ts';
import {
  AUX0,
  FRAMENO,
  MASK,
  OFF,
  REF_OBJ_ID,
  S32_MAX,
  S32_MIN,
  SMAX,
  SMIN,
  TYPE,
  U32_MAX,
  U32_MIN,
  UMAX,
  UMIN,
  VALUE,
  s64Number,
  slotKind,
  slotType,
  u64Number,
} from '../verifier/state/state.ts';
import {
  BASE_TYPE_MASK,
  CONST_PTR_TO_MAP,
  MEM_ALLOC,
  NOT_INIT,
  PTR_MAYBE_NULL,
  PTR_TO_ARENA,
  PTR_TO_BTF_ID,
  PTR_TO_CTX,
  PTR_TO_FUNC,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_PACKET,
  PTR_TO_PACKET_END,
  PTR_TO_PACKET_META,
  PTR_TO_STACK,
  PTR_TRUSTED,
  PTR_UNTRUSTED,
  SCALAR_VALUE,
  STACK_SPILL,
  STACK_ZERO,
} from '../verifier/state/types.ts';
import { AT_PKT_END, BEYOND_PKT_END } from '../verifier/values/compare.ts';
import { lts, ltu } from '../verifier/values/wide.ts';

/** Pointers below are null with a member's distance added. */
const NULL_RANGE = 4096;
const BPF_MAX_VAR_OFF = 1 << 29;

/** A 64-bit value as two words, for the arithmetic of the verifier's rows. */
const value = new Int32Array(2);

/** What rows are compared with: the frames of one chain, the outermost first, and where things lie. */
export class ConcreteState {
  readonly #machine: Machine;
  readonly #claims: Claims;
  readonly #frames: readonly Frame[];

  constructor(machine: Machine, claims: Claims, frames: readonly Frame[]) {
    this.#machine = machine;
    this.#claims = claims;
    this.#frames = frames;
  }

  /** Whether a register's row stands for a value, given as its two halves. */
  holds(w: Int32Array, base: number, low: number, high: number): boolean {
    const type = w[base + TYPE]!;
    if (type === NOT_INIT) return true;
    if (type === SCALAR_VALUE) return scalarHolds(w, base, low, high);
    if ((type & BASE_TYPE_MASK) === PTR_TO_ARENA) return true;
    if (high === 0 && low >>> 0 < NULL_RANGE) return (type & PTR_MAYBE_NULL) !== 0 || !isNeverNull(w, base);
    return this.#pointerHolds(w, base, low >>> 0, high >>> 0);
  }

  /** Whether a slot's row stands for the eight bytes at an offset in linear memory. */
  slotHolds(w: Int32Array, base: number, at: number): boolean {
    const { bytes, view } = this.#machine.memory;
    for (let byte = 0; byte < 8; byte++)
      if (slotType(w, base, byte) === STACK_ZERO && bytes[at + 7 - byte] !== 0) return false;
    if (slotKind(w, base) !== STACK_SPILL) return true;
    let size = 8;
    while (size > 1 && slotType(w, base, 8 - size) !== STACK_SPILL) size--;
    if (size === 8) return this.holds(w, base, view.getInt32(at, true), view.getInt32(at + 4, true));
    return narrowHolds(w, base, view.getBigUint64(at, true), size);
  }

  #pointerHolds(w: Int32Array, base: number, low: number, high: number): boolean {
    const { kernel } = this.#machine;
    const isAddress = high === POINTER_TAG;
    const kind = w[base + TYPE]! & BASE_TYPE_MASK;
    switch (kind) {
      case PTR_TO_STACK: {
        const frame = this.#frames[w[base + FRAMENO]!];
        return frame === undefined || (isAddress && offsetHolds(w, base, low - frame.framePointer));
      }
      case PTR_TO_CTX: {
        const { current } = kernel.contexts;
        if (current === undefined || current.type !== this.#claims.program.type) return true;
        return isAddress && offsetHolds(w, base, low - current.offset);
      }
      case PTR_TO_MAP_VALUE:
        return isAddress && this.#mapValueHolds(w, base, low);
      case CONST_PTR_TO_MAP: {
        const map = this.#map(w[base + AUX0]!);
        return map === undefined || map.address === BigInt.asUintN(64, (BigInt(high) << 32n) | BigInt(low));
      }
      case PTR_TO_FUNC: {
        const start = this.#claims.program.subprograms[w[base + AUX0]!]?.start;
        const image = this.#frames[0]?.image;
        return start === undefined || image === undefined || (isAddress && low === image.address(start));
      }
      case PTR_TO_PACKET:
      case PTR_TO_PACKET_META:
      case PTR_TO_PACKET_END:
        return this.#packetHolds(w, base, kind, low, isAddress);
      default:
        return true;
    }
  }

  /** The map behind a handle; undefined for the template of inner maps, which stands for many. */
  #map(handle: number): BpfMap | undefined {
    const definition = this.#claims.program.maps[handle];
    return definition === undefined ? undefined : this.#machine.kernel.maps.byName(definition.name);
  }

  #mapValueHolds(w: Int32Array, base: number, at: number): boolean {
    const map = this.#map(w[base + AUX0]!);
    if (map instanceof ArrayMap) {
      const end = map.stride * map.maxEntries * this.#machine.kernel.cpus;
      const distance = at - map.values - w[base + OFF]!;
      // Which element it is nobody knows: some variable part has to lead to the beginning of one.
      const least = s64Number(w, base + SMIN);
      const most = s64Number(w, base + SMAX);
      let part = least + modulo(distance - least, map.stride);
      for (let tries = 0; part <= most && tries < 64; part += map.stride, tries++) {
        if (distance - part >= 0 && distance - part < end && offsetHolds(w, base, part + w[base + OFF]!)) return true;
      }
      // Too many elements for all to be tried.
      return part <= most;
    }
    if (map instanceof HashMap) {
      const label = `elements of ${map.name}`;
      const first = at - w[base + OFF]! - Math.max(0, Math.min(s64Number(w, base + SMAX), map.valueSize));
      const { memory } = this.#machine;
      return memory.allocationAt(first)?.label === label || memory.allocationAt(at)?.label === label;
    }
    return true;
  }

  #packetHolds(w: Int32Array, base: number, kind: number, at: number, isAddress: boolean): boolean {
    const { contexts } = this.#machine.kernel;
    const { current, packets } = contexts;
    if (current === undefined || current.object === 0 || current.type !== this.#claims.program.type) return true;
    if (current.struct !== 'xdp_md' && current.struct !== '__sk_buff') return true;
    if (!isAddress) return false;
    const end = packets.end(current.object);
    if (kind === PTR_TO_PACKET_END) return offsetHolds(w, base, at - end);
    const start = kind === PTR_TO_PACKET ? packets.data(current.object) : packets.meta(current.object);
    if (!offsetHolds(w, base, at - start)) return false;
    const range = w[base + AUX0]!;
    if (range === AT_PKT_END) return at >= end;
    if (range === BEYOND_PKT_END) return at > end;
    const limit = kind === PTR_TO_PACKET ? end : packets.data(current.object);
    return range <= 0 || at - w[base + OFF]! + range <= limit;
  }
}

function modulo(a: number, n: number): number {
  return ((a % n) + n) % n;
}

/** Kinds that stand for something in any case. Pointers into the kernel without a word of trust may be null: loads through them are guarded. */
function isNeverNull(w: Int32Array, base: number): boolean {
  const type = w[base + TYPE]!;
  switch (type & BASE_TYPE_MASK) {
    case PTR_TO_BTF_ID:
      return w[base + REF_OBJ_ID] !== 0 || (type & (PTR_TRUSTED | MEM_ALLOC)) !== 0;
    case PTR_TO_MEM:
      return (type & PTR_UNTRUSTED) === 0;
    default:
      return true;
  }
}

/** Whether a pointer may be so far from what it points into. */
function offsetHolds(w: Int32Array, base: number, distance: number): boolean {
  const variable = distance - w[base + OFF]!;
  if (!Number.isSafeInteger(variable) || Math.abs(variable) > 2 * BPF_MAX_VAR_OFF) return false;
  return (
    variable >= s64Number(w, base + SMIN) &&
    variable <= s64Number(w, base + SMAX) &&
    tnumHolds(w, base, variable | 0, variable < 0 ? -1 : 0) &&
    (variable < 0 || (variable >= u64Number(w, base + UMIN) && variable <= u64Number(w, base + UMAX)))
  );
}

function tnumHolds(w: Int32Array, base: number, low: number, high: number): boolean {
  return (
    ((low ^ w[base + VALUE]!) & ~w[base + MASK]!) === 0 && ((high ^ w[base + VALUE + 1]!) & ~w[base + MASK + 1]!) === 0
  );
}

/** All of what is known of a number: its bits, and its bounds in all four readings. */
export function scalarHolds(w: Int32Array, base: number, low: number, high: number): boolean {
  if (!tnumHolds(w, base, low, high)) return false;
  value[0] = low;
  value[1] = high;
  return (
    !ltu(value, 0, w, base + UMIN) &&
    !ltu(w, base + UMAX, value, 0) &&
    !lts(value, 0, w, base + SMIN) &&
    !lts(w, base + SMAX, value, 0) &&
    low >>> 0 >= w[base + U32_MIN]! >>> 0 &&
    low >>> 0 <= w[base + U32_MAX]! >>> 0 &&
    (low | 0) >= w[base + S32_MIN]! &&
    (low | 0) <= w[base + S32_MAX]!
  );
}

/** Of a narrow spill the row says what the whole register was; only its lowest bytes lie in the slot. */
function narrowHolds(w: Int32Array, base: number, word: bigint, size: number): boolean {
  if (w[base + TYPE] !== SCALAR_VALUE) return true;
  const part = BigInt.asUintN(size * 8, word);
  const low = Number(BigInt.asIntN(32, part));
  const high = Number(BigInt.asIntN(32, part >> 32n));
  if (u64Number(w, base + UMAX) < 2 ** (size * 8)) return scalarHolds(w, base, low, high);
  const known = size >= 4 ? -1 : (1 << (size * 8)) - 1;
  if (((low ^ w[base + VALUE]!) & ~w[base + MASK]! & known) !== 0) return false;
  if (size !== 4) return true;
  return (
    low >>> 0 >= w[base + U32_MIN]! >>> 0 &&
    low >>> 0 <= w[base + U32_MAX]! >>> 0 &&
    low >= w[base + S32_MIN]! &&
    low <= w[base + S32_MAX]!
  );
}
