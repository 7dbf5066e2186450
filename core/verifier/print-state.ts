/** Registers, stack and whole states as the kernel's log prints them: `R1=ctx() R10=fp0 fp-8=0000????`. */
import { disassembleLine, type DisassemblyNames } from '../isa/disassemble.ts';
import { BPF_PSEUDO_BTF_ID, BPF_PSEUDO_MAP_FD, BPF_PSEUDO_MAP_VALUE } from '../isa/opcodes.ts';
import { helperName } from './calls/names.ts';
import type { Env } from './context.ts';
import {
  AUX0,
  AUX1,
  AUX2,
  FRAMENO,
  type Frame,
  ID,
  OFF,
  PRECISE,
  REF_OBJ_ID,
  ROW,
  S32_MAX,
  S32_MIN,
  SMAX,
  SMIN,
  type State,
  TYPE,
  U32_MAX,
  U32_MIN,
  UMAX,
  UMIN,
  VALUE,
  getS64,
  getU64,
  isConst,
  slotBase,
  slotKind,
  slotType,
} from './state/state.ts';
import { tnumIsUnknown } from './values/tnum.ts';
import {
  BASE_TYPE_MASK,
  CONST_PTR_TO_DYNPTR,
  CONST_PTR_TO_MAP,
  ID_ADD_CONST,
  MAX_BPF_REG,
  NOT_INIT,
  PTR_TO_ARENA,
  PTR_TO_BTF_ID,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_STACK,
  SCALAR_VALUE,
  SLOT_LETTERS,
  STACK_DYNPTR,
  STACK_INVALID,
  STACK_ITER,
  STACK_SPILL,
  regTypeName,
  typeIsNonOwningReference,
  typeIsPacketPointer,
} from './state/types.ts';

const MASK64 = 0xffff_ffff_ffff_ffffn;

/** An unsigned number: decimal up to 16 bits, hexadecimal above. */
export function unsignedText(value: bigint): string {
  return value <= 0xffffn ? value.toString() : '0x' + value.toString(16);
}

/** A signed number: decimal within 16 bits, else the hexadecimal of its two's complement. */
export function signedText(value: bigint): string {
  return value >= -0x8000n && value <= 0x7fffn ? value.toString() : '0x' + (value & MASK64).toString(16);
}

/** A tnum: a plain number when all bits are known, `(value; mask)` otherwise. */
export function tnumLogText(w: Int32Array, at: number): string {
  const value = getU64(w, at);
  const mask = getU64(w, at + 2);
  if (mask === 0n) return unsignedText(value);
  return `(0x${value.toString(16)}; 0x${mask.toString(16)})`;
}

interface Limit {
  name: string;
  value: bigint;
  omit: boolean;
}

function s32ForPrint(value: number): bigint {
  return value >= -0x8000 && value <= 0x7fff ? BigInt(value) : BigInt(value >>> 0);
}

function scalarRanges(w: Int32Array, b: number): string[] {
  const limits: Limit[] = [
    { name: 'smin', value: getS64(w, b + SMIN), omit: w[b + SMIN] === 0 && w[b + SMIN + 1] === -0x8000_0000 },
    { name: 'smax', value: getS64(w, b + SMAX), omit: w[b + SMAX] === -1 && w[b + SMAX + 1] === 0x7fff_ffff },
    { name: 'umin', value: getU64(w, b + UMIN), omit: (w[b + UMIN]! | w[b + UMIN + 1]!) === 0 },
    { name: 'umax', value: getU64(w, b + UMAX), omit: (w[b + UMAX]! & w[b + UMAX + 1]!) === -1 },
    { name: 'smin32', value: s32ForPrint(w[b + S32_MIN]!), omit: w[b + S32_MIN] === -0x8000_0000 },
    { name: 'smax32', value: s32ForPrint(w[b + S32_MAX]!), omit: w[b + S32_MAX] === 0x7fff_ffff },
    { name: 'umin32', value: BigInt(w[b + U32_MIN]! >>> 0), omit: w[b + U32_MIN] === 0 },
    { name: 'umax32', value: BigInt(w[b + U32_MAX]! >>> 0), omit: w[b + U32_MAX] === -1 },
  ];
  const parts: string[] = [];
  for (let i = 0; i < limits.length; i++) {
    const first = limits[i]!;
    if (first.omit) continue;
    const signed = first.name.startsWith('s');
    const bits = first.value & MASK64;
    const negative = signed && BigInt.asIntN(64, bits) < 0n;
    let text = first.name + '=';
    for (let j = i + 2; j < limits.length; j += 2) {
      const other = limits[j]!;
      if (other.omit || (other.value & MASK64) !== bits) continue;
      const otherNegative = other.name.startsWith('s') && BigInt.asIntN(64, other.value) < 0n;
      if (otherNegative !== negative) continue;
      other.omit = true;
      text += other.name + '=';
    }
    parts.push(text + (signed ? signedText(BigInt.asIntN(64, bits)) : unsignedText(bits)));
  }
  return parts;
}

const DYNPTR_NAMES = ['<invalid>', 'local', 'ringbuf', 'skb', 'xdp', 'skb_meta'];
const ITER_STATES = ['<invalid>', 'active', 'drained'];

export function dynptrTypeName(type: number): string {
  return DYNPTR_NAMES[type] ?? '<unknown>';
}

/** What names in the text of a register come from. */
export type StateNames = Pick<Env, 'btfs' | 'maps' | 'program'>;

/** Name of an iterator type without its `bpf_iter_`. */
export function iterTypeName(env: StateNames, btf: number, id: number): string {
  if (id === 0) return '<invalid>';
  return (env.btfs[btf]?.name(id) ?? '').slice('bpf_iter_'.length);
}

/** A BTF type's name, by the handle and id that a register carries. */
export function btfTypeName(env: StateNames, btf: number, id: number): string {
  return env.btfs[btf]?.name(id) ?? '';
}

function signedOffset(value: number): string {
  return value < 0 ? String(value) : `+${value}`;
}

/** One register: `Pscalar(...)`, `map_value(map=…,ks=4,vs=8)`, `fp-16`. */
export function registerText(env: StateNames, frameno: number, w: Int32Array, b: number): string {
  const type = w[b + TYPE]!;
  let text = type === SCALAR_VALUE && w[b + PRECISE] !== 0 ? 'P' : '';
  const constant = isConst(w, b);
  if (type === SCALAR_VALUE && constant) return text + signedText(getS64(w, b + VALUE));
  text += regTypeName(type);
  if (type === PTR_TO_ARENA) return text;
  if (type === PTR_TO_STACK) {
    if (w[b + FRAMENO] !== frameno) text += `[${w[b + FRAMENO]}]`;
    if (constant) return text + signedText(getS64(w, b + VALUE) + BigInt(w[b + OFF]!));
  }
  const base = type & BASE_TYPE_MASK;
  if (base === PTR_TO_BTF_ID) text += btfTypeName(env, w[b + AUX1]!, w[b + AUX0]!);
  const parts: string[] = [];
  const id = w[b + ID]!;
  const off = w[b + OFF]!;
  const linked = (id & ID_ADD_CONST) !== 0;
  if (id !== 0) parts.push(`id=${id & ~ID_ADD_CONST}${linked ? signedOffset(off) : ''}`);
  if (w[b + REF_OBJ_ID] !== 0) parts.push(`ref_obj_id=${w[b + REF_OBJ_ID]}`);
  if (typeIsNonOwningReference(type)) parts.push('non_own_ref');
  if (base === CONST_PTR_TO_MAP || base === PTR_TO_MAP_KEY || base === PTR_TO_MAP_VALUE) {
    const map = env.maps[w[b + AUX0]!]!;
    // The template of inner maps, by which they are known here, has no name.
    const name = w[b + AUX0]! < env.program.maps.length ? map.kernelName : '';
    if (name !== '') parts.push(`map=${name}`);
    parts.push(`ks=${map.keySize},vs=${map.valueSize}`);
  }
  if (type !== SCALAR_VALUE && off !== 0) parts.push('off=' + signedText(BigInt(off)));
  if (typeIsPacketPointer(type)) parts.push('r=' + unsignedText(BigInt(w[b + AUX0]!) & MASK64));
  if (base === PTR_TO_MEM) parts.push('sz=' + unsignedText(BigInt(w[b + AUX0]! >>> 0)));
  if (type === CONST_PTR_TO_DYNPTR) parts.push(`type=${dynptrTypeName(w[b + AUX0]!)}`);
  if (constant) {
    if ((w[b + VALUE]! | w[b + VALUE + 1]!) !== 0) parts.push('imm=' + signedText(getS64(w, b + VALUE)));
  } else {
    parts.push(...scalarRanges(w, b));
    if (!tnumIsUnknown(w, b)) parts.push('var_off=' + tnumLogText(w, b + VALUE));
  }
  return `${text}(${parts.join(',')})`;
}

function slotScratched(env: Env, slot: number): boolean {
  return slot < 32 ? (env.scratchedSlotsLow >>> slot) % 2 === 1 : (env.scratchedSlotsHigh >>> (slot - 32)) % 2 === 1;
}

function stackText(env: Env, frame: Frame, all: boolean): string {
  const w = frame.w;
  let text = '';
  for (let slot = 0; slot < frame.slots; slot++) {
    if (!all && !slotScratched(env, slot)) continue;
    let base = slotBase(slot);
    let letters = '';
    let valid = false;
    for (let byte = 0; byte < 8; byte++) {
      const kind = slotType(w, base, byte);
      if (kind !== STACK_INVALID) valid = true;
      letters += SLOT_LETTERS[kind]!;
    }
    if (!valid) continue;
    const at = ` fp${-(slot + 1) * 8}=`;
    switch (slotKind(w, base)) {
      case STACK_SPILL:
        text += at + letters.slice(0, letters.indexOf('r')) + registerText(env, frame.frameno, w, base);
        break;
      case STACK_DYNPTR:
        // The slot above is the first one: it has the dynptr's data.
        slot += 1;
        base = slotBase(slot);
        text += ` fp${-(slot + 1) * 8}=${dynptrSlotText(w, base)}`;
        break;
      case STACK_ITER:
        if (w[base + REF_OBJ_ID] === 0) continue;
        text += at + iteratorSlotText(env, w, base);
        break;
      default:
        text += at + letters;
    }
  }
  return text;
}

/** The first slot of a dynptr: `dynptr_ringbuf(ref_id=2,dynptr_id=1)`. */
export function dynptrSlotText(w: Int32Array, base: number): string {
  const parts: string[] = [];
  if (w[base + ID] !== 0) parts.push(`id=${w[base + ID]}`);
  if (w[base + REF_OBJ_ID] !== 0) parts.push(`ref_id=${w[base + REF_OBJ_ID]}`);
  // Linux keeps "is the first slot" in the same word as the number that it prints here.
  parts.push('dynptr_id=1');
  return `dynptr_${dynptrTypeName(w[base + AUX0]!)}(${parts.join(',')})`;
}

/** The first slot of an iterator: `iter_num(ref_id=4,state=active,depth=3)`. */
export function iteratorSlotText(env: StateNames, w: Int32Array, base: number): string {
  const state = w[base + AUX2]! & 3;
  return (
    `iter_${iterTypeName(env, w[base + AUX1]!, w[base + AUX0]!)}` +
    `(ref_id=${w[base + REF_OBJ_ID]},state=${ITER_STATES[state] ?? '<unknown>'},depth=${w[base + AUX2]! >>> 2})`
  );
}

/** The state of one frame, all of it or only what the last instruction touched; ends with a newline. */
export function stateText(env: Env, state: State, frameno: number, all: boolean): string {
  const frame = state.frames[frameno]!;
  let text = frameno !== 0 ? ` frame${frameno}:` : '';
  for (let register = 0; register < MAX_BPF_REG; register++) {
    const base = register * ROW;
    if (frame.w[base + TYPE] === NOT_INIT) continue;
    if (!all && (env.scratchedRegisters & (1 << register)) === 0) continue;
    text += ` R${register}=${registerText(env, frameno, frame.w, base)}`;
  }
  text += stackText(env, frame, all);
  if (state.refs.length > 0 && state.refs[0]!.id !== 0)
    text +=
      ' refs=' +
      state.refs
        .filter((reference) => reference.id !== 0)
        .map((reference) => reference.id)
        .join(',');
  if (frame.inCallback) text += ' cb';
  if (frame.inAsyncCallback) text += ' async_cb';
  return text + '\n';
}

/** Prints a frame's state; a partial print forgets what was touched. */
export function printState(env: Env, state: State, frameno: number, all: boolean): void {
  env.verbose(stateText(env, state, frameno, all));
  if (!all) env.scratchNone();
}

const MIN_ALIGNMENT = 8;
const ALIGNMENT = 40;

function padding(width: number): number {
  const wanted = Math.max(width + MIN_ALIGNMENT / 2, ALIGNMENT);
  return Math.ceil(wanted / MIN_ALIGNMENT) * MIN_ALIGNMENT - width - 1;
}

/** What the instruction changed: on its own line when that was the last one printed, else on a new one. */
export function printInsnState(env: Env): void {
  const log = env.log;
  if (log.insnEnd !== 0 && log.insnEnd === log.position) {
    log.reset(log.insnEnd - 1);
    log.write(' '.repeat(Math.max(1, padding(log.insnWidth))) + ';');
  } else log.write(`${env.insn}:`);
  printState(env, env.state, env.state.frames.length - 1, false);
}

/** Where maps, their values and kernel symbols stand in the log: the kernel prints addresses, ours only look like them. */
function pretendedAddress(env: Env, insn: number): string | undefined {
  const { insns } = env;
  const imm = insns.imm[insn]!;
  switch (insns.src[insn]) {
    case BPF_PSEUDO_MAP_FD:
      return `0xffff8881${(imm * 0x400).toString(16).padStart(8, '0')}`;
    case BPF_PSEUDO_MAP_VALUE:
      return `0xffffc900${(imm * 0x10_0000 + (insns.imm[insn + 1]! & 0xf_ffff)).toString(16).padStart(8, '0')}`;
    case BPF_PSEUDO_BTF_ID:
      return `0xffffffff8${(imm * 0x10).toString(16).padStart(7, '0')}`;
    default:
      return undefined;
  }
}

/** Names for the disassembler, and addresses in place of the numbers that a loader puts in. */
export function disassemblyNames(env: Env): DisassemblyNames {
  return {
    helper: (id) => helperName(id),
    kfunc: (id) => env.btfs[0].name(id),
    imm64: (_insns, i) => pretendedAddress(env, i),
  };
}

/** The instruction as the log shows it: `(bf) r1 = r6`. */
export function insnText(env: Env, insn: number): string {
  return disassembleLine(env.insns, insn, env.disassembly);
}

/** Prints the source line of an instruction, unless it is the one printed last. */
export function printSourceLine(env: Env, insn: number, prefix: string): void {
  const info = env.lineAt(insn);
  const previous = env.previousLine;
  if (info === undefined || info === previous) return;
  if (previous !== undefined && info.file === previous.file && info.line === previous.line) return;
  env.verbose(`${prefix}${info.text.trimStart()} @ ${info.file.slice(info.file.lastIndexOf('/') + 1)}:${info.line}\n`);
  env.previousLine = info;
}
