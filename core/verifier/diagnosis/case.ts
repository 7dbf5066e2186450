/** One rejection, as the rules see it: the words, the instruction, and what was known there. */
import { isHelperCall, isKfuncCall, isSubprogramCall } from '../../isa/control-flow.ts';
import type { Instructions } from '../../isa/instructions.ts';
import type { MemoryAccess } from '../../isa/operands.ts';
import { memoryAccess } from '../../isa/operands.ts';
import type { Profile } from '../../exceptions/profile.ts';
import { helperName } from '../../kernel/tables/disassembly-names.ts';
import type { Program, Subprogram } from '../../object/program.ts';
import { lineAt, subprogramAt } from '../../object/places.ts';
import type { Env } from '../context.ts';
import type { Reference, Region } from '../state/state.ts';
import { REF_OBJ_ID, ROW, slotBase, slotKind } from '../state/state.ts';
import { STACK_DYNPTR, STACK_IRQ_FLAG, STACK_ITER } from '../state/types.ts';
import type { Category } from './diagnosis.ts';
import type { PathRecorder, PlaceCode } from './record.ts';
import { registerPlace, slotPlace } from './record.ts';
import { assignedOn, calledSubprogram, parameterName } from './source.ts';
import { holdsWords, memorySize, memoryWords, ordinal, plural } from './words.ts';

/** What to do about it, before it is known where in the source, and whether it helps. */
export type Advice =
  | { readonly kind: 'text'; readonly text: string; readonly code?: string }
  /** The place must lie between two numbers when it is used. */
  | { readonly kind: 'bound'; readonly place: PlaceCode; readonly min?: bigint; readonly max?: bigint }
  /** The pointer in the place must not be null. */
  | { readonly kind: 'nonnull'; readonly place: PlaceCode }
  /** The packet must reach `bytes` beyond where it is known to begin. */
  | { readonly kind: 'packet'; readonly place: PlaceCode; readonly bytes: bigint };

/** What a rule says of a case. */
export interface Explanation {
  readonly title: string;
  readonly reason?: string;
  /** The values that the failed check looked at. */
  readonly places?: readonly PlaceCode[];
  /** What is held and should not be, or is gone and should not. */
  readonly held?: readonly (Reference | Region)[];
  /** Where the instruction at fault is, when it is not the last one of the path. */
  readonly insn?: number;
  /** The register whose operand is marked. */
  readonly register?: number;
  readonly advice?: readonly Advice[];
  /** What the last step of the path says: `must be ≤ 2,040`. */
  readonly demand?: string;
}

export interface Rule {
  /** Stable. */
  readonly code: string;
  readonly category: Category;
  /** Of the last line, or of all lines when there is more to tell by. */
  readonly message: RegExp;
  /** General advice, for when there is no better. */
  readonly hint?: string;
  readonly explain: (c: Case) => Explanation;
}

/** `name("foo")`: how functions are written in sentences. */
const called = (name: string): string => `${name}()`;

/** What a kernel function is called in C, where a macro of that name fills in the last arguments. */
const inC = (name: string): string => name.replace(/^(bpf_\w+)_impl$/, '$1');

export class Case {
  readonly program: Program;
  readonly profile: Profile;
  readonly insns: Instructions;
  /** The verifier's words: all lines, the last of which is the message. */
  readonly lines: readonly string[];
  readonly message: string;
  readonly path: PathRecorder;
  readonly env: Env | undefined;
  /** The instruction at which verification stopped, if a path was being walked. */
  readonly insn: number | undefined;
  #match: RegExpExecArray | undefined;

  constructor(program: Program, profile: Profile, lines: readonly string[], path: PathRecorder) {
    this.program = program;
    this.profile = profile;
    this.insns = program.instructions;
    this.lines = lines;
    this.message = lines.at(-1) ?? '';
    this.path = path;
    this.env = path.env;
    this.insn = path.lastInsn;
  }

  /** Used by the table: whether a rule's expression fits the message, or all lines; the groups are kept. */
  matches(rule: Rule, where: 'message' | 'lines'): boolean {
    const match = rule.message.exec(where === 'message' ? this.message : this.lines.join('\n'));
    this.#match = match ?? undefined;
    return match !== null;
  }

  group(index: number): string {
    return this.#match?.[index] ?? '';
  }

  number(index: number): number {
    return Number(this.group(index));
  }

  /** A group of an expression over the lines before the message. */
  earlier(expression: RegExp): RegExpExecArray | undefined {
    for (let i = this.lines.length - 1; i >= 0; i--) {
      const match = expression.exec(this.lines[i]!);
      if (match !== null) return match;
    }
    return undefined;
  }

  get frame(): number {
    const { path } = this;
    return path.length === 0 ? 0 : path.frames[path.length - 1]!;
  }

  /** Words of the registers before the failing instruction; a register's row begins at `row(register)`. */
  get registers(): Int32Array {
    return this.path.registers;
  }

  row(register: number): Int32Array {
    return this.path.registers.subarray(register * ROW, (register + 1) * ROW);
  }

  place(register: number): PlaceCode {
    return registerPlace(this.frame, register);
  }

  slot(offset: number): PlaceCode {
    return slotPlace(this.frame, (-offset - 1) >> 3);
  }

  /** What the instruction does with memory. */
  get access(): MemoryAccess | undefined {
    return this.insn === undefined ? undefined : memoryAccess(this.insns, this.insn);
  }

  get isWrite(): boolean {
    const kind = this.access?.kind;
    return kind === 'store' || kind === 'atomic';
  }

  /** `8-byte read`, `call of bpf_probe_read_kernel()`. */
  get doing(): string {
    const { access } = this;
    if (access !== undefined) return `${access.size}-byte ${this.isWrite ? 'write' : 'read'}`;
    return this.callee === undefined ? 'instruction' : `call of ${called(this.callee)}`;
  }

  /** `This read`, `This call of bpf_probe_read_kernel()`. */
  get thisAccess(): string {
    const { access } = this;
    if (access !== undefined)
      return access.kind === 'atomic' ? 'This atomic operation' : this.isWrite ? 'This write' : 'This read';
    return this.callee === undefined ? 'This instruction' : `This call of ${called(this.callee)}`;
  }

  /** Name of the function that the instruction calls. */
  get callee(): string | undefined {
    const { insn, insns, program } = this;
    if (insn === undefined || insn >= insns.length) return undefined;
    if (isSubprogramCall(insns, insn)) return calledSubprogram(program, insn)?.name || undefined;
    if (isHelperCall(insns, insn)) return helperName(insns.imm[insn]!) ?? `helper ${insns.imm[insn]}`;
    if (isKfuncCall(insns, insn)) return inC(program.kernelBtf.name(insns.imm[insn]!)) || undefined;
    return undefined;
  }

  /** `bpf_x()`, or `the called function`. */
  get calleeWords(): string {
    return this.callee === undefined ? 'the called function' : called(this.callee);
  }

  /** An argument by its register, with the parameter's name where BTF has one: ``the first argument (`ctx`)``. */
  argument(register: number): string {
    const name = this.parameter(register);
    return `the ${ordinal(register)} argument${name === undefined ? '' : ` (${name})`}`;
  }

  parameter(register: number): string | undefined {
    const { insn, insns, program } = this;
    if (insn === undefined) return undefined;
    const subprogram = calledSubprogram(program, insn);
    if (subprogram !== undefined) return parameterName(program, subprogram, register);
    if (!isKfuncCall(insns, insn)) return undefined;
    const btf = program.kernelBtf;
    const func = insns.imm[insn]!;
    const proto = btf.typeId(func);
    return btf.params(proto)[register - 1]?.name || undefined;
  }

  /** What a register points to: `.bss (2,048 bytes)`. */
  memory(register: number): string {
    const { env } = this;
    if (env === undefined) return 'memory';
    const words = memoryWords(env, this.row(register));
    const size = memorySize(env, this.row(register));
    return size === undefined ? words : `${words} (${plural(size, 'byte')})`;
  }

  memoryName(register: number): string {
    return this.env === undefined ? 'memory' : memoryWords(this.env, this.row(register));
  }

  size(register: number): number | undefined {
    return this.env === undefined ? undefined : memorySize(this.env, this.row(register));
  }

  holds(register: number): string {
    return this.env === undefined ? 'a value' : holdsWords(this.env, this.row(register));
  }

  get refs(): readonly Reference[] {
    return this.env?.state.refs ?? [];
  }

  get regions(): readonly Region[] {
    return this.env?.state.regions ?? [];
  }

  /** What is held by the id that the verifier's lines name. */
  get leaked(): Reference[] {
    const ids = new Set(
      this.lines.flatMap((line) => /Unreleased reference id=(\d+)/.exec(line)?.[1] ?? []).map(Number),
    );
    return this.refs.filter(({ id }) => ids.has(id));
  }

  /** Where pointers to something acquired stand at the end of the path. */
  holders(id: number): PlaceCode[] {
    const places: PlaceCode[] = [];
    for (const frame of this.env?.state.frames ?? []) {
      for (let register = 0; register < 10; register++)
        if (frame.w[register * ROW + REF_OBJ_ID] === id) places.push(registerPlace(frame.frameno, register));
      for (let slot = 0; slot < frame.slots; slot++)
        if (frame.w[slotBase(slot) + REF_OBJ_ID] === id) places.push(slotPlace(frame.frameno, slot));
    }
    return places;
  }

  /** What the kernel keeps in the stack slot at an offset: `a dynptr`; undefined for data. */
  objectAt(offset: number): string | undefined {
    const frame = this.env?.state.frame;
    const slot = (-offset - 1) >> 3;
    if (frame === undefined || slot < 0 || slot >= frame.slots) return undefined;
    switch (slotKind(frame.w, slotBase(slot))) {
      case STACK_DYNPTR:
        return 'a dynptr';
      case STACK_ITER:
        return 'an iterator';
      case STACK_IRQ_FLAG:
        return 'saved interrupt flags';
      default:
        return undefined;
    }
  }

  /** The variable that the line of an instruction gives a value to. */
  variableAt(insn: number): string | undefined {
    const line = lineAt(this.program, insn);
    return line === undefined ? undefined : assignedOn(line.text.trim());
  }

  /** The variable whose address is passed first on the line of an instruction: `bpf_iter_num_new(&it, …)`. */
  addressedAt(insn: number): string | undefined {
    return /\(\s*&(\w+)/.exec(lineAt(this.program, insn)?.text ?? '')?.[1];
  }

  /** The functions with the deepest frames: `main 256, parse 320`. */
  deepestStacks(): string {
    const functions = (this.env?.subprograms ?? []).filter(({ stackDepth }) => stackDepth > 0);
    return functions
      .toSorted((a, b) => b.stackDepth - a.stackDepth)
      .slice(0, 4)
      .map(({ name, start, stackDepth }) => `${name || `func_${start}`} ${stackDepth}`)
      .join(', ');
  }

  get function(): Subprogram | undefined {
    return this.insn === undefined ? undefined : subprogramAt(this.program, this.insn);
  }

  /** `flow.bpf.c:47`, or `insn 70`. */
  where(insn: number): string {
    const line = lineAt(this.program, insn);
    return line === undefined ? `instruction ${insn}` : `line ${line.line}`;
  }

  /** The program's type as people write it: `xdp`, `socket filter`. */
  get programType(): string {
    return this.program.type.replaceAll('_', ' ');
  }

  /** The name of the function that a call instruction calls. */
  calledAt(insn: number): string | undefined {
    const { insns, program } = this;
    if (isHelperCall(insns, insn)) return helperName(insns.imm[insn]!);
    if (isKfuncCall(insns, insn)) return inC(program.kernelBtf.name(insns.imm[insn]!)) || undefined;
    return calledSubprogram(program, insn)?.name;
  }
}
