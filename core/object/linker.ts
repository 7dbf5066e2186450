/**
 * Puts a program together: its own code first, then every subprogram that it reaches, with all references resolved.
 *
 * Subprograms are appended in libbpf's order, which the verifier's log and every instruction number depend on: depth first, each where its first call
 * (or the first time its address is taken) is met, walking the code from its start. The callback that a tag names comes last when nothing has brought it in before.
 */
import { BailoutError } from '../errors.ts';
import { Instructions } from '../isa/instructions.ts';
import {
  BPF_PSEUDO_BTF_ID,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_VALUE,
  OPCODE_CALL,
  SLOT_SIZE,
} from '../isa/opcodes.ts';
import type { Code, CodeFunction, CodeRelocation } from './code.ts';
import type { Extern } from './externs.ts';
import type { MapDraft } from './map-draft.ts';
import type { PoisonedInstruction } from './program.ts';

/** Helper numbers that stand for what could not be loaded, the map's or extern's index added; libbpf's. */
const POISON_MAP = 2001000000;
const POISON_KFUNC = 2002000000;

/** The kernel takes programs of up to a million instructions; nothing longer is put together. */
const MAX_PROGRAM = 1_000_000;

/** One function in a linked program. */
export interface LinkedPart {
  readonly code: CodeFunction;
  readonly start: number;
}

export interface LinkedCode {
  readonly instructions: Instructions;
  readonly parts: readonly LinkedPart[];
  readonly poisoned: readonly PoisonedInstruction[];
}

export interface LinkContext {
  readonly code: Code;
  readonly maps: readonly MapDraft[];
  readonly externs: readonly Extern[];
  /** What CO-RE poisoned in each function; `insn` counts from the function's start. */
  readonly corePoisoned: ReadonlyMap<CodeFunction, readonly PoisonedInstruction[]>;
}

interface Reference {
  /** Slot of the call or load, in the linked program. */
  readonly at: number;
  readonly target: CodeFunction;
}

/** Position of a walk through one part. */
interface Walk {
  readonly part: LinkedPart;
  insn: number;
  relocation: number;
}

function fail(program: CodeFunction, message: string): never {
  throw new BailoutError('LINK', `Program ${program.name}: ${message}.`);
}

class Linker {
  readonly #context: LinkContext;
  readonly #program: CodeFunction;
  readonly #parts: LinkedPart[] = [];
  readonly #starts = new Map<CodeFunction, number>();
  readonly #references: Reference[] = [];
  #length = 0;

  constructor(context: LinkContext, program: CodeFunction) {
    this.#context = context;
    this.#program = program;
  }

  #append(code: CodeFunction): LinkedPart {
    const part = { code, start: this.#length };
    this.#parts.push(part);
    this.#starts.set(code, part.start);
    this.#length += code.length;
    if (this.#length > MAX_PROGRAM)
      fail(this.#program, `with its subprograms it has more than ${MAX_PROGRAM} instructions, which no kernel takes`);
    return part;
  }

  /** The subprogram that the instruction refers to; undefined for an instruction that refers to none. */
  #target(walk: Walk): CodeFunction | undefined {
    const { code } = walk.part;
    const { insn } = walk;
    const relocation = code.relocations[walk.relocation];
    const own = relocation?.insn === insn ? relocation : undefined;
    const instructions = code.instructions;
    const isCall =
      instructions.code[insn] === OPCODE_CALL &&
      instructions.src[insn] === BPF_PSEUDO_CALL &&
      instructions.dst[insn] === 0 &&
      instructions.off[insn] === 0;
    const isAddress =
      own?.kind === 'function-address' || (instructions.isLdImm64(insn) && instructions.src[insn] === BPF_PSEUDO_FUNC);
    if ((!isCall && !isAddress) || own?.kind === 'extern-call') return undefined;
    const immediate = instructions.imm[insn]!;
    let slot: number;
    if (own?.kind === 'call') slot = own.symbolOffset / SLOT_SIZE + immediate + 1;
    else if (own?.kind === 'function-address') slot = (own.symbolOffset + immediate) / SLOT_SIZE;
    else if (own !== undefined || isAddress)
      return fail(
        this.#program,
        `instruction ${insn} of ${code.name} refers to a function, and its relocation does not`,
      );
    // A call within .text needs no relocation: it counts from where the instruction stands in the section.
    else slot = code.start + insn + immediate + 1;
    const { textSection } = this.#context.code;
    const target = textSection === 0 ? undefined : this.#context.code.find(textSection, slot);
    return (
      target ??
      fail(this.#program, `instruction ${insn} of ${code.name} calls a subprogram that is not in section .text`)
    );
  }

  /** Appends `code` and all that it reaches and that is not there yet. */
  add(code: CodeFunction): void {
    if (this.#starts.has(code)) return;
    const stack: Walk[] = [{ part: this.#append(code), insn: 0, relocation: 0 }];
    for (let walk = stack.at(-1); walk !== undefined; walk = stack.at(-1)) {
      const { part } = walk;
      if (walk.insn >= part.code.length) {
        stack.pop();
        continue;
      }
      while ((part.code.relocations[walk.relocation]?.insn ?? Infinity) < walk.insn) walk.relocation++;
      const target = this.#target(walk);
      const at = part.start + walk.insn;
      walk.insn++;
      if (target === undefined) continue;
      this.#references.push({ at, target });
      // The rest of this part waits until the new one has been walked through.
      if (!this.#starts.has(target)) stack.push({ part: this.#append(target), insn: 0, relocation: 0 });
    }
  }

  finish(): LinkedCode {
    const instructions = Instructions.concat(...this.#parts.map(({ code }) => code.instructions));
    const poisoned: PoisonedInstruction[] = [];
    for (const { at, target } of this.#references) instructions.imm[at] = this.#starts.get(target)! - at - 1;
    markRawDescriptors(instructions);
    for (const { code, start } of this.#parts) {
      for (const { insn, kind, what } of this.#context.corePoisoned.get(code) ?? [])
        poisoned.push({ insn: start + insn, kind, what });
      for (const relocation of code.relocations) {
        const made = this.#apply(instructions, start + relocation.insn, relocation);
        if (made !== undefined) poisoned.push(made);
      }
    }
    poisoned.sort((a, b) => a.insn - b.insn);
    return { instructions, parts: this.#parts, poisoned };
  }

  /** Writes what a relocation comes to. Returns what it made invalid. */
  #apply(insns: Instructions, at: number, relocation: CodeRelocation): PoisonedInstruction | undefined {
    switch (relocation.kind) {
      case 'call':
        return undefined;
      case 'function-address':
        insns.set(at, { src: BPF_PSEUDO_FUNC });
        return undefined;
      case 'map':
      case 'data': {
        const map = this.#context.maps[relocation.map]!.definition;
        if (!map.autocreate) {
          for (const slot of [at, at + 1])
            insns.set(slot, { code: OPCODE_CALL, dst: 0, src: 0, off: 0, imm: POISON_MAP + relocation.map });
          return { insn: at, kind: 'map', what: map.name };
        }
        if (relocation.kind === 'data') insns.set(at + 1, { imm: insns.imm[at]! + relocation.symbolOffset });
        insns.set(at, {
          src: relocation.kind === 'map' ? BPF_PSEUDO_MAP_FD : BPF_PSEUDO_MAP_VALUE,
          imm: relocation.map,
        });
        return undefined;
      }
      case 'extern-address':
        this.#applyExternAddress(insns, at, this.#context.externs[relocation.extern]!);
        return undefined;
      case 'extern-call': {
        const extern = this.#context.externs[relocation.extern]!;
        if (extern.kind !== 'kconfig' && extern.resolved?.kind === 'type') {
          insns.set(at, { src: BPF_PSEUDO_KFUNC_CALL, imm: extern.resolved.id });
          return undefined;
        }
        insns.set(at, { code: OPCODE_CALL, dst: 0, src: 0, off: 0, imm: POISON_KFUNC + relocation.extern });
        return { insn: at, kind: 'kfunc', what: extern.name };
      }
    }
  }

  #applyExternAddress(insns: Instructions, at: number, extern: Extern): void {
    if (extern.kind === 'kconfig') {
      const map = this.#context.maps.findIndex(({ definition }) => definition.origin === 'kconfig');
      insns.set(at, { src: BPF_PSEUDO_MAP_VALUE, imm: map });
      insns.set(at + 1, { imm: extern.offset });
    } else if (extern.resolved?.kind === 'type') {
      insns.set(at, { src: BPF_PSEUDO_BTF_ID, imm: extern.resolved.id });
      insns.set(at + 1, { imm: 0 });
    } else {
      // What is weak and not there has address zero.
      const address = extern.resolved?.address ?? 0n;
      insns.set(at, { imm: Number(BigInt.asIntN(32, address)) });
      insns.set(at + 1, { imm: Number(BigInt.asIntN(32, address >> 32n)) });
    }
  }
}

/**
 * Links one entry point.
 *
 * @param exceptionCallback the subprogram that the program's `exception_callback:` tag names
 */
export function link(context: LinkContext, program: CodeFunction, exceptionCallback?: CodeFunction): LinkedCode {
  const linker = new Linker(context, program);
  linker.add(program);
  if (exceptionCallback !== undefined) linker.add(exceptionCallback);
  return linker.finish();
}

/**
 * A map is named by its index from here on, once its relocation is applied. Code that gives a file descriptor itself (hand-written
 * assembly) gets a negative number instead, -1 for descriptor 0, so that it does not name some map of the object.
 */
function markRawDescriptors(insns: Instructions): void {
  for (let i = 0; i < insns.length; i += insns.slots(i)) {
    if (!insns.isLdImm64(i)) continue;
    const src = insns.src[i];
    if (src === BPF_PSEUDO_MAP_FD || src === BPF_PSEUDO_MAP_VALUE) insns.imm[i] = -1 - insns.imm[i]!;
  }
}
