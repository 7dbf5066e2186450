/** What stepping, continuing and asking who wrote something look for. Forwards and backwards find the same moments. */
import { BailoutError } from '../errors.ts';
import { callTarget, isSubprogramPointer, jumpTarget } from '../isa/control-flow.ts';
import type { Frame } from '../machine/frames.ts';
import type { Machine } from '../machine/machine.ts';
import type { Program } from '../object/program.ts';
import type { Breakpoint } from './breakpoints.ts';
import { isHit } from './breakpoints.ts';
import type { Scope } from './expressions/evaluate.ts';
import { lineAt, lineStarts } from './source.ts';
import type { Position, Search } from '../trace/timeline.ts';
import type { Watchpoint } from './watchpoints.ts';
import type { Marks } from './writes.ts';
import { isCall, memoryWriters, registerWriters, storesInto } from './writes.ts';

interface Lines {
  readonly starts: Uint8Array;
  /** Jumps to where a line begins from within the same line: what comes after them is no other line. */
  readonly within: Uint8Array;
  /** Both: where a search looks. */
  readonly both: Uint8Array;
}

const known = new WeakMap<Program, Lines>();

function linesOf(program: Program): Lines {
  let lines = known.get(program);
  if (lines === undefined) {
    const starts = lineStarts(program);
    const within = new Uint8Array(starts.length);
    const both = starts.slice();
    const entries = new Set(program.subprograms.map(({ start }) => start));
    for (let insn = 0; insn < starts.length; insn++) {
      const target = jumpTarget(program.instructions, insn);
      if (target === undefined || starts[target] !== 1 || entries.has(target)) continue;
      const [from, to] = [lineAt(program, insn), lineAt(program, target)];
      if (from?.line !== to?.line || from?.file !== to?.file) continue;
      within[insn] = both[insn] = 1;
    }
    lines = { starts, within, both };
    known.set(program, lines);
  }
  return lines;
}

/** Breakpoints and watchpoints. What was hit is kept for whoever reports it. */
export class StopSearch implements Search {
  readonly phases: boolean;
  hitBreakpoints: Breakpoint[] = [];
  hitWatchpoints: { readonly watchpoint: Watchpoint; readonly before: string; readonly after: string }[] = [];
  readonly #breakpoints: readonly Breakpoint[];
  readonly #watchpoints: readonly Watchpoint[];
  readonly #scope: Scope;
  readonly #stops = new Map<Program, Uint8Array | undefined>();
  /** Values before the instruction or phase that is executed now; empty when none of interest is. */
  #before: string[] | undefined;
  #ignored = new Map<Breakpoint, number>();

  constructor(breakpoints: readonly Breakpoint[], watchpoints: readonly Watchpoint[], scope: Scope) {
    this.#breakpoints = breakpoints.filter(({ enabled }) => enabled);
    this.#watchpoints = watchpoints.filter(({ enabled }) => enabled);
    this.#scope = scope;
    this.phases = this.#watchpoints.length > 0 || this.#breakpoints.some(({ location }) => location.kind === 'phase');
  }

  stops(program: Program): Uint8Array | undefined {
    if (!this.#stops.has(program)) this.#stops.set(program, this.#merge(program));
    return this.#stops.get(program);
  }

  begin(machine: Machine): 'run' | 'step' {
    this.#before = undefined;
    return this.#look(machine) ? 'step' : 'run';
  }

  test(machine: Machine): 'hit' | 'miss' | 'step' {
    const before = this.#before;
    this.#before = undefined;
    this.hitWatchpoints = [];
    if (before !== undefined) {
      this.#watchpoints.forEach((watchpoint, i) => {
        const after = watchpoint.show();
        if (after !== before[i]) this.hitWatchpoints.push({ watchpoint, before: before[i] ?? '', after });
      });
    }
    this.hitBreakpoints = this.#breakpoints.filter(
      (breakpoint) => isHit(breakpoint, machine, this.#scope) && !this.#isIgnored(breakpoint),
    );
    if (this.hitBreakpoints.length > 0 || this.hitWatchpoints.length > 0) return 'hit';
    return this.#look(machine) ? 'step' : 'miss';
  }

  #isIgnored(breakpoint: Breakpoint): boolean {
    const passed = this.#ignored.get(breakpoint) ?? 0;
    if (passed >= breakpoint.ignore) return false;
    this.#ignored.set(breakpoint, passed + 1);
    return true;
  }

  /** Whether what comes next can change something that is watched; then its values before are remembered. */
  #look(machine: Machine): boolean {
    if (this.#watchpoints.length === 0 || machine.end !== undefined) return false;
    const at = machine.location;
    const pending = machine.unwinding !== undefined && machine.phase < machine.unwinding.steps.length;
    const can =
      pending ||
      (at !== undefined &&
        this.#watchpoints.some((watchpoint) => watchpoint.marks.some((marks) => marks.of(at.program)[at.insn] === 1)));
    if (can) this.#before = this.#watchpoints.map((watchpoint) => watchpoint.show());
    return can;
  }

  #merge(program: Program): Uint8Array | undefined {
    const all = this.#breakpoints.flatMap(({ insns }) => insns.get(program) ?? []);
    for (const { marks } of this.#watchpoints) for (const mark of marks) all.push(mark.of(program));
    if (all.length === 0) return undefined;
    const merged = new Uint8Array(program.instructions.length);
    for (const marks of all) marks.forEach((mark, i) => (merged[i]! |= mark));
    return merged;
  }
}

/** Both at once: a step that a breakpoint on the way ends. */
export class EitherSearch implements Search {
  readonly phases: boolean;
  /** Which of them was hit. */
  hit: Search | undefined;
  readonly #searches: readonly Search[];

  constructor(searches: readonly Search[]) {
    this.#searches = searches;
    this.phases = searches.some(({ phases }) => phases);
  }

  stops(program: Program): Uint8Array | undefined {
    const all = this.#searches.map((search) => search.stops(program)).filter((marks) => marks !== undefined);
    if (all.length < 2) return all[0];
    const merged = new Uint8Array(program.instructions.length);
    for (const marks of all) marks.forEach((mark, i) => (merged[i]! |= mark));
    return merged;
  }

  begin(machine: Machine, position: Position): 'run' | 'step' {
    const answers = this.#searches.map((search) => search.begin?.(machine, position));
    return answers.includes('step') ? 'step' : 'run';
  }

  test(machine: Machine, position: Position): 'hit' | 'miss' | 'step' {
    const answers = this.#searches.map((search) => search.test(machine, position));
    const index = answers.indexOf('hit');
    this.hit = this.#searches[index];
    return index >= 0 ? 'hit' : answers.includes('step') ? 'step' : 'miss';
  }
}

/**
 * The beginning of another source line: in this frame or one further out, or anywhere. Whether a moment is one depends on the instruction
 * before it alone, so that all of them are found from wherever one comes.
 */
export class LineSearch implements Search {
  readonly phases: boolean;
  readonly #into: boolean;
  readonly #framePointer: number;
  /** Of the frame in which one is. */
  readonly #calledAt: string;
  /** Functions on the stack: what is called from them is not looked at. */
  readonly #functions = new Map<Program, Set<number>>();
  /** Where the search began: at the first moment of a run nothing comes from another line. */
  #begun = '';
  /** The step behind a jump within a line. */
  #isWithin = -1;

  constructor(machine: Machine, into: boolean) {
    const frames = machine.frames();
    this.#into = into;
    this.phases = into;
    this.#framePointer = frames[0]?.framePointer ?? 0;
    this.#calledAt = callSite(frames);
    for (const { image, subprogram } of frames) {
      const known = this.#functions.get(image.program) ?? new Set();
      this.#functions.set(image.program, known.add(subprogram));
    }
    // An exception callback, and the end of a run, stand in the frame of the function that the program begins with.
    for (const known of this.#functions.values()) known.add(0);
  }

  stops(program: Program): Uint8Array {
    const { both } = linesOf(program);
    if (this.#into) return both;
    const marks = new Uint8Array(both.length);
    const functions = this.#functions.get(program);
    program.subprograms.forEach(({ start, end }, index) => {
      if (functions?.has(index) === true) marks.set(both.subarray(start, end), start);
    });
    // A tail call and an exception callback go on in the same frame.
    marks[0] = 1;
    for (const start of callbackStarts(program)) marks[start] = 1;
    return marks;
  }

  begin(machine: Machine): 'run' {
    this.#isWithin = -1;
    this.#lookBehind(machine);
    this.#begun = `${machine.step} ${machine.phase}`;
    return 'run';
  }

  test(machine: Machine): 'hit' | 'miss' {
    if (this.#begun === `${machine.step} ${machine.phase}`) return 'miss';
    // Where a throw was executed and nothing is unwound yet, what seems to be next never runs.
    if (machine.unwinding !== undefined && machine.phase === 0 && machine.unwinding.steps.length > 0) return 'miss';
    if (isUnwinding(machine)) {
      if (this.#into) return 'hit';
      if (machine.phase < (machine.unwinding?.steps.length ?? 0)) return 'miss';
    }
    if (!this.#into && this.#isElsewhere(machine)) return 'miss';
    const isOther = machine.step !== this.#isWithin;
    const starts = this.#lookBehind(machine);
    return starts && isOther ? 'hit' : 'miss';
  }

  /** Whether a line begins here; and remembers whether the next instruction stays within it. */
  #lookBehind(machine: Machine): boolean {
    const at = machine.location;
    if (at === undefined) return true;
    const { starts, within } = linesOf(at.program);
    if (within[at.insn] === 1) this.#isWithin = machine.step + 1;
    return starts[at.insn] === 1;
  }

  /** Whether the innermost frame is neither the one in which one was nor one further out, but what these called. */
  #isElsewhere(machine: Machine): boolean {
    const frames = machine.frames();
    const framePointer = frames[0]?.framePointer ?? 0;
    // What the caller calls next lies where this frame lay.
    return (
      framePointer < this.#framePointer || (framePointer === this.#framePointer && callSite(frames) !== this.#calledAt)
    );
  }
}

/** Where the innermost frame was called; one of the outermost frame for all. */
function callSite([, caller]: readonly Frame[]): string {
  return caller === undefined ? '' : `${caller.image.index} ${caller.insn}`;
}

/** Functions whose address the program takes, exception callbacks and others, and those that a tag may name. */
function callbackStarts(program: Program): number[] {
  const insns = program.instructions;
  const starts = program.subprograms.filter(({ linkage }) => linkage === 'global').map(({ start }) => start);
  for (let i = 0; i < insns.length; i++) if (isSubprogramPointer(insns, i)) starts.push(callTarget(insns, i));
  return starts.filter((start) => start < insns.length);
}

export function isUnwinding(machine: Machine): boolean {
  return machine.unwinding !== undefined && machine.phase > 0 && machine.phase <= machine.unwinding.steps.length;
}

/** A frame is gone: its caller runs on, or the next turn of a callback begins. */
export class FrameEndSearch implements Search {
  readonly phases = true;
  readonly #frame: Frame;
  readonly #caller: Frame | undefined;

  constructor(frame: Frame, caller: Frame | undefined) {
    this.#frame = frame;
    this.#caller = caller;
  }

  stops(program: Program): Uint8Array | undefined {
    const marks = new Uint8Array(program.instructions.length);
    if (this.#caller?.image.program === program) marks[this.#caller.insn + 1] = 1;
    if (this.#frame.kind === 'callback' && this.#frame.image.program === program) {
      marks[this.#frame.image.subprogram(this.#frame.subprogram)?.start ?? 0] = 1;
    }
    return marks;
  }

  test(machine: Machine): 'hit' | 'miss' {
    const { framePointer } = this.#frame;
    const now = machine.frames()[0]?.framePointer ?? 0;
    if (isUnwinding(machine)) return now > framePointer ? 'hit' : 'miss';
    return now > framePointer || (now === framePointer && this.#frame.kind === 'callback') ? 'hit' : 'miss';
  }
}

/** Wherever one instruction is the next. */
export class InsnSearch implements Search {
  readonly phases = false;
  readonly #program: Program;
  readonly #marks: Uint8Array;

  constructor(program: Program, insn: number) {
    this.#program = program;
    this.#marks = new Uint8Array(program.instructions.length);
    if (insn >= 0 && insn < this.#marks.length) this.#marks[insn] = 1;
  }

  stops(program: Program): Uint8Array | undefined {
    return program === this.#program ? this.#marks : undefined;
  }

  /** Frames that are unwound stand at calls without executing them. */
  test({ unwinding, phase }: Machine): 'hit' | 'miss' {
    return unwinding !== undefined && phase < unwinding.steps.length ? 'miss' : 'hit';
  }
}

/** The call that began a frame: found backwards. */
export class CallSearch implements Search {
  readonly phases = false;
  readonly #caller: Frame;

  constructor(caller: Frame) {
    this.#caller = caller;
  }

  stops(program: Program): Uint8Array | undefined {
    if (program !== this.#caller.image.program) return undefined;
    const marks = new Uint8Array(program.instructions.length);
    marks[this.#caller.insn] = 1;
    return marks;
  }

  test(machine: Machine): 'hit' | 'miss' {
    return machine.frames()[0]?.framePointer === this.#caller.framePointer ? 'hit' : 'miss';
  }
}

/** The instruction that wrote a register of a frame: found backwards, it has not been executed. */
export class RegisterWriteSearch implements Search {
  readonly phases = false;
  readonly #marks: Marks;
  readonly #register: number;
  readonly #framePointer: number;

  constructor(register: number, framePointer: number) {
    this.#marks = registerWriters(register);
    this.#register = register;
    this.#framePointer = framePointer;
  }

  stops(program: Program): Uint8Array {
    return this.#marks.of(program);
  }

  test(machine: Machine): 'hit' | 'miss' {
    const frame = machine.frames()[0];
    if (frame?.framePointer !== this.#framePointer) return 'miss';
    const { program } = frame.image;
    // A call leaves its result in R0; R1 to R5 are gone after it, which nobody would call writing them.
    if (isCall(program, frame.insn)) return this.#register === 0 ? 'hit' : 'miss';
    return (program.instructions.dst[frame.insn] === this.#register || this.#register === 0) &&
      this.#writes(program, frame.insn)
      ? 'hit'
      : 'miss';
  }

  #writes(program: Program, insn: number): boolean {
    return this.#marks.of(program)[insn] === 1 && (program.instructions.code[insn] ?? 0) !== 0x95;
  }
}

/** The end of an instruction, or phase, that wrote into a range of memory. */
export class MemoryWriteSearch implements Search {
  readonly phases = true;
  readonly #address: bigint;
  readonly #size: number;
  readonly #read: () => string;
  #armed: 'writes' | string | undefined;

  constructor(address: bigint, size: number, read: (address: bigint, size: number) => Uint8Array) {
    this.#address = address;
    this.#size = size;
    this.#read = () => {
      try {
        return `=${read(address, size).join(' ')}`;
      } catch (error) {
        if (!(error instanceof BailoutError)) throw error;
        return `!${error.code}`;
      }
    };
  }

  stops(program: Program): Uint8Array {
    return memoryWriters.of(program);
  }

  begin(machine: Machine): 'run' | 'step' {
    return this.#look(machine) ? 'step' : 'run';
  }

  test(machine: Machine): 'hit' | 'miss' | 'step' {
    const armed = this.#armed;
    const wrote = armed === 'writes' || (armed !== undefined && armed !== this.#read());
    const next = this.#look(machine);
    return wrote ? 'hit' : next ? 'step' : 'miss';
  }

  #look(machine: Machine): boolean {
    this.#armed = undefined;
    if (machine.end !== undefined) return false;
    const pending = machine.unwinding !== undefined && machine.phase < machine.unwinding.steps.length;
    const stores = pending ? undefined : storesInto(machine, this.#address, this.#size);
    if (stores === undefined) this.#armed = this.#read();
    else if (stores) this.#armed = 'writes';
    return this.#armed !== undefined;
  }
}
