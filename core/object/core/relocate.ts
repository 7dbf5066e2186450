/**
 * Carries out CO-RE relocations: finds the kernel's counterpart of a type, computes what the instruction has to hold there, and patches it.
 *
 * Candidates are all kernel types of the same name and kind, flavours (`___x`) aside. Those in which the access exists must agree on the result. An
 * access that exists in none makes a question ("does it exist?") zero, and any other instruction invalid ("poisoned").
 */
import { BailoutError } from '../../errors.ts';
import type { Instructions } from '../../isa/instructions.ts';
import {
  BPF_ALU,
  BPF_ALU64,
  BPF_B,
  BPF_DW,
  BPF_H,
  BPF_K,
  BPF_LD,
  BPF_LDX,
  BPF_ST,
  BPF_STX,
  BPF_W,
  OPCODE_CALL,
  OPCODE_LD_IMM64,
} from '../../isa/opcodes.ts';
import type { Btf } from '../btf/btf.ts';
import { BTF_INT_SIGNED, BTF_KIND_INT, BTF_KIND_PTR } from '../btf/kinds.ts';
import { essentialName } from '../btf/names.ts';
import { sameKind } from './compatible.ts';
import {
  BPF_CORE_ENUMVAL_EXISTS,
  BPF_CORE_FIELD_BYTE_OFFSET,
  BPF_CORE_FIELD_BYTE_SIZE,
  BPF_CORE_FIELD_EXISTS,
  BPF_CORE_FIELD_LSHIFT_U64,
  BPF_CORE_FIELD_RSHIFT_U64,
  BPF_CORE_FIELD_SIGNED,
  BPF_CORE_TYPE_ID_LOCAL,
  BPF_CORE_TYPE_ID_TARGET,
  BPF_CORE_TYPE_SIZE,
  coreKinds,
} from './kinds.ts';
import type { CoreSpec } from './spec.ts';
import { formatSpec, matchSpec, parseSpec } from './spec.ts';

/** The helper number that a poisoned instruction calls; libbpf's, so that the verifier's complaint is the known one. */
export const POISON_CORE = 195896080;

export interface CoreRelocation {
  readonly typeId: number;
  readonly access: string;
  readonly kind: number;
}

const MAX_S16 = 0x7fff;

/** What one side of a relocation comes to. */
interface Value {
  readonly value: bigint;
  /** Of the field, for loads and stores whose width may have to change; 0 when that is of no interest. */
  readonly size: number;
  readonly typeId: number;
  /** Whether the instruction must hold this value before it is patched. */
  readonly validate: boolean;
}

interface Outcome {
  readonly before: Value;
  /** Undefined: there is nothing to put there, so the instruction is poisoned. */
  readonly after: Value | undefined;
  /** The field is there, but in a width that the instruction cannot be changed to without changing what is read. */
  readonly widthMismatch: boolean;
}

function fail(message: string): never {
  throw new BailoutError('CORE_RELOCATION', `CO-RE relocation: ${message}.`);
}

const plain = (value: number | bigint, validate = true): Value => ({
  value: BigInt(value),
  size: 0,
  typeId: 0,
  validate,
});

/** Byte range from which a bitfield is loaded: the smallest aligned power of two from the field's own type up that holds it. */
function bitfieldRange(bitOffset: number, bitSize: number, typeSize: number): { offset: number; size: number } {
  let size = Math.max(1, typeSize);
  let offset = Math.floor(bitOffset / 8 / size) * size;
  while (bitOffset + bitSize - offset * 8 > size * 8) {
    if (size >= 8) fail(`a bitfield of ${bitSize} bits at bit ${bitOffset} cannot be read at once`);
    size *= 2;
    offset = Math.floor(bitOffset / 8 / size) * size;
  }
  return { offset, size };
}

function elementValue(kind: number, spec: CoreSpec, typeId: number): Value {
  const size = spec.btf.resolveSize(typeId) ?? fail(`type [${typeId}] has no size`);
  if (kind === BPF_CORE_FIELD_BYTE_OFFSET)
    return { value: BigInt(Math.floor(spec.bitOffset / 8)), size, typeId, validate: true };
  if (kind === BPF_CORE_FIELD_BYTE_SIZE) return plain(size);
  return fail(`${coreKinds[kind]?.name ?? kind} cannot be asked of an array's element`);
}

function fieldValue(kind: number, spec: CoreSpec): Value {
  const { btf, bitOffset } = spec;
  const last = spec.accessors.at(-1)!;
  if (last.name === undefined) return elementValue(kind, spec, last.typeId);
  const typeId = btf.resolve(btf.memberTypeId(last.typeId, last.index));
  const fieldBits = btf.memberBitSize(last.typeId, last.index);
  const isBitfield = fieldBits > 0;
  const { offset, size } = isBitfield
    ? bitfieldRange(bitOffset, fieldBits, btf.size(typeId))
    : { offset: Math.floor(bitOffset / 8), size: btf.resolveSize(typeId) ?? fail(`member ${last.name} has no size`) };
  const bits = isBitfield ? fieldBits : size * 8;
  switch (kind) {
    case BPF_CORE_FIELD_BYTE_OFFSET:
      return isBitfield ? plain(offset, false) : { value: BigInt(offset), size, typeId, validate: true };
    case BPF_CORE_FIELD_BYTE_SIZE:
      return plain(size, !isBitfield);
    case BPF_CORE_FIELD_SIGNED: {
      const isSigned = btf.isEnum(typeId) ? btf.kindFlag(typeId) : (btf.intEncoding(typeId) & BTF_INT_SIGNED) !== 0;
      return plain(isSigned ? 1 : 0);
    }
    case BPF_CORE_FIELD_LSHIFT_U64:
      return plain(BigInt.asUintN(32, BigInt(64 - (bitOffset + bits - offset * 8))), !isBitfield);
    case BPF_CORE_FIELD_RSHIFT_U64:
      return plain(BigInt.asUintN(32, BigInt(64 - bits)));
    default:
      return fail(`kind ${kind} is unknown`);
  }
}

/** What a specification comes to; without one (not found in the kernel) a question is answered with zero, and nothing else can be answered. */
function valueOf(kind: number, spec: CoreSpec | undefined): Value | undefined {
  switch (coreKinds[kind]?.about) {
    case 'field':
      if (kind === BPF_CORE_FIELD_EXISTS) return plain(spec === undefined ? 0 : 1);
      return spec === undefined ? undefined : fieldValue(kind, spec);
    case 'type':
      if (spec === undefined) return plain(0);
      if (kind === BPF_CORE_TYPE_ID_TARGET) return plain(spec.rootTypeId, false);
      if (kind === BPF_CORE_TYPE_SIZE)
        return plain(spec.btf.resolveSize(spec.rootTypeId) ?? fail(`type [${spec.rootTypeId}] has no size`));
      return plain(1);
    case 'enumerator': {
      if (kind === BPF_CORE_ENUMVAL_EXISTS) return plain(spec === undefined ? 0 : 1);
      const accessor = spec?.accessors[0];
      return accessor === undefined
        ? undefined
        : plain(BigInt.asUintN(64, spec!.btf.enumeratorValue(accessor.typeId, accessor.index)));
    }
    case undefined:
      return fail(`kind ${kind} is unknown`);
  }
}

/** A load may change its width between two pointers or two unsigned integers: what is read is then extended by zeros. */
function widthMayChange(local: Btf, localType: number, target: Btf, targetType: number): boolean {
  if (local.kind(localType) === BTF_KIND_PTR && target.kind(targetType) === BTF_KIND_PTR) return true;
  return (
    local.kind(localType) === BTF_KIND_INT &&
    target.kind(targetType) === BTF_KIND_INT &&
    local.intEncoding(localType) !== BTF_INT_SIGNED &&
    target.intEncoding(targetType) !== BTF_INT_SIGNED
  );
}

function outcomeOf(kind: number, local: CoreSpec, target: CoreSpec | undefined): Outcome {
  const before = valueOf(kind, local)!;
  const after = valueOf(kind, target);
  const widthMismatch =
    after !== undefined &&
    target !== undefined &&
    before.size !== after.size &&
    !widthMayChange(local.btf, before.typeId, target.btf, after.typeId);
  return { before, after, widthMismatch };
}

const sizeCodes: ReadonlyMap<number, number> = new Map([
  [1, BPF_B],
  [2, BPF_H],
  [4, BPF_W],
  [8, BPF_DW],
]);
const SIZE_MASK = 0x18;
const CLASS_MASK = 0x07;

function poison(insns: Instructions, at: number): void {
  const end = at + insns.slots(at);
  for (let i = at; i < end; i++) insns.set(i, { code: OPCODE_CALL, dst: 0, src: 0, off: 0, imm: POISON_CORE });
}

function expect(before: Value, found: bigint, where: string): void {
  if (before.validate && found !== before.value)
    fail(`${where} holds ${found}, where the object's types say ${before.value}`);
}

/** Puts the outcome into the instruction. Returns whether it was poisoned instead. */
function patch(insns: Instructions, at: number, { before, after, widthMismatch }: Outcome): boolean {
  const code = insns.code[at]!;
  const where = `instruction ${at}`;
  switch (code & CLASS_MASK) {
    case BPF_ALU:
    case BPF_ALU64:
      if ((code & 0x08) !== BPF_K) return fail(`${where}, opcode 0x${code.toString(16)}, has no constant to change`);
      if (after === undefined) break;
      expect(before, BigInt.asUintN(64, BigInt(insns.imm[at]!)), where);
      insns.set(at, { imm: Number(BigInt.asIntN(32, after.value)) });
      return false;
    case BPF_LDX:
    case BPF_ST:
    case BPF_STX: {
      if (after === undefined) break;
      expect(before, BigInt.asUintN(64, BigInt(insns.off[at]!)), where);
      if (after.value > BigInt(MAX_S16)) fail(`${where} cannot hold offset ${after.value}`);
      if (widthMismatch) break;
      insns.set(at, { off: Number(after.value) });
      if (before.size !== after.size) {
        const size = sizeCodes.get(after.size);
        if (sizeCodes.get(before.size) !== (code & SIZE_MASK) || size === undefined)
          return fail(`${where} cannot be changed from ${before.size} to ${after.size} bytes`);
        insns.set(at, { code: (code & ~SIZE_MASK) | size });
      }
      return false;
    }
    case BPF_LD: {
      const next = insns.at(at + 1);
      if (
        code !== OPCODE_LD_IMM64 ||
        insns.src[at] !== 0 ||
        insns.off[at] !== 0 ||
        next.code !== 0 ||
        next.dst !== 0 ||
        next.src !== 0 ||
        next.off !== 0
      )
        return fail(`${where} is no plain 64-bit load`);
      if (after === undefined) break;
      expect(before, insns.imm64(at), where);
      insns.set(at, { imm: Number(BigInt.asIntN(32, after.value)) });
      insns.set(at + 1, { imm: Number(BigInt.asIntN(32, after.value >> 32n)) });
      return false;
    }
    default:
      return fail(`${where}, opcode 0x${code.toString(16)}, cannot be relocated`);
  }
  poison(insns, at);
  return true;
}

/** Relocates the instructions of one object against one kernel, remembering candidates per type. */
export class CoreRelocator {
  readonly #local: Btf;
  readonly #target: Btf;
  readonly #candidates = new Map<number, readonly number[]>();

  constructor(local: Btf, target: Btf) {
    this.#local = local;
    this.#target = target;
  }

  #candidatesOf(typeId: number): readonly number[] {
    const known = this.#candidates.get(typeId);
    if (known !== undefined) return known;
    const name = this.#local.name(typeId);
    if (name === '') fail(`type [${typeId}] has no name by which the kernel's could be found`);
    const found = this.#target
      .findFlavours(essentialName(name))
      .filter((id) => sameKind(this.#local, typeId, this.#target, id));
    this.#candidates.set(typeId, found);
    return found;
  }

  /**
   * Patches the instruction at `at`.
   *
   * @returns when it was poisoned, what could not be found, in libbpf's form
   */
  relocate(insns: Instructions, at: number, { typeId, access, kind }: CoreRelocation): string | undefined {
    const local = parseSpec(this.#local, typeId, kind, access);
    if (kind === BPF_CORE_TYPE_ID_LOCAL) {
      const same = plain(typeId, false);
      patch(insns, at, { before: same, after: same, widthMismatch: false });
      return undefined;
    }
    return patch(insns, at, this.#resolve(local)) ? formatSpec(local) : undefined;
  }

  /** What a relocation asks, what the object's types answer, and what the kernel's do (undefined: it is not there). Changes nothing. */
  explain({ typeId, access, kind }: CoreRelocation): { question: string; before: bigint; after: bigint | undefined } {
    const local = parseSpec(this.#local, typeId, kind, access);
    const question = formatSpec(local);
    if (kind === BPF_CORE_TYPE_ID_LOCAL) return { question, before: BigInt(typeId), after: BigInt(typeId) };
    const { before, after } = this.#resolve(local);
    return { question, before: before.value, after: after?.value };
  }

  #resolve(local: CoreSpec): Outcome {
    const { kind, rootTypeId } = local;
    const matching: number[] = [];
    let chosen: { outcome: Outcome; spec: CoreSpec } | undefined;
    for (const candidate of this.#candidatesOf(rootTypeId)) {
      const spec = matchSpec(local, this.#target, candidate);
      if (spec === undefined) continue;
      const outcome = outcomeOf(kind, local, spec);
      if (chosen === undefined) chosen = { outcome, spec };
      else if (spec.bitOffset !== chosen.spec.bitOffset)
        fail(
          `${formatSpec(local)} is at bit ${chosen.spec.bitOffset} in one type of the kernel and at ${spec.bitOffset} in another`,
        );
      else if (outcome.after?.value !== chosen.outcome.after?.value)
        fail(
          `${formatSpec(local)} is ${chosen.outcome.after?.value ?? 'missing'} in one type of the kernel and ${outcome.after?.value ?? 'missing'} in another`,
        );
      matching.push(candidate);
    }
    if (chosen === undefined) return outcomeOf(kind, local, undefined);
    // Types that did not have this access are no candidates for the next one either.
    this.#candidates.set(rootTypeId, matching);
    return chosen.outcome;
  }
}
