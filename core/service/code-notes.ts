/** What is said beside instructions at the present moment: what is next reads and does, where frames stand, what the verifier learnt. */
import { hex } from '../debugger/inspect.ts';
import { readMemory } from '../debugger/scope.ts';
import { unsigned } from '../debugger/expressions/values.ts';
import type { Session } from '../debugger/session.ts';
import { BailoutError } from '../errors.ts';
import {
  isConditionalJump,
  isExit,
  isHelperCall,
  isKfuncCall,
  isSubprogramCall,
  jumpTarget,
} from '../isa/control-flow.ts';
import { memoryAccess, registersRead, registersWritten } from '../isa/operands.ts';
import { BPF_SRC, BPF_X } from '../isa/opcodes.ts';
import type { Machine } from '../machine/machine.ts';
import type { Program } from '../object/program.ts';
import type { CodeNote } from '../protocol/code.ts';
import { claimChange } from '../verifier/claims/claims.ts';
import type { Hits } from '../trace/hits.ts';
import { countHits } from '../trace/hits.ts';
import type { ClaimsOfPrograms } from './claims.ts';
import type { Desk } from './desk.ts';
import { isUnwinding } from './frames-view.ts';
import { nameOfPointer } from './names.ts';

/** Notes about instructions `from` to `to` (exclusive) of a program. */
export function codeNotes(
  session: Session,
  program: Program,
  range: { readonly from: number; readonly to: number },
  claims: ClaimsOfPrograms,
): CodeNote[] {
  const notes = [
    ...claimNotes(program, range.from, range.to, claims),
    ...rejectionNotes(session, program),
    ...(session.isRunning ? momentNotes(session, program) : []),
  ];
  return notes.filter(({ insn }) => insn >= range.from && insn < range.to);
}

/** Steps of a run that are counted before anybody could ask twice; longer ones are by {@link countRun}. */
const AT_ONCE = 1_000_000;

/** Executions in the present run, of `count` instructions from `from` on; -1 while they are not counted. */
export function hitsOf(desk: Desk, program: Program, from: number, count: number): number[] {
  const none = new Array<number>(count).fill(-1);
  if (!desk.isRunning) return none;
  const { timeline, position } = desk.session;
  const run = timeline.runs[position.run];
  const isShort = run?.last !== undefined && run.last.step - run.first.step <= AT_ONCE;
  const hits = desk.runs.hitsOf(position.run, isShort ? () => counted(desk) : undefined);
  if (hits === undefined) return none;
  const counts = hits.programs.get(program);
  return Array.from({ length: count }, (_, i) => counts?.[from + i] ?? 0);
}

/** Counts the present run, however long it is. False while it is not over. */
export function countRun(desk: Desk): boolean {
  return desk.isRunning && desk.runs.hitsOf(desk.session.position.run, () => counted(desk)) !== undefined;
}

function counted(desk: Desk): Hits {
  const { timeline, position } = desk.session;
  return desk.work('counting instructions', (limits) => countHits(timeline, position.run, limits));
}

function claimNotes(program: Program, from: number, to: number, claims: ClaimsOfPrograms): CodeNote[] {
  const known = claims.unasked(program);
  if (known === undefined) return [];
  const notes: CodeNote[] = [];
  for (let insn = Math.max(from, 0); insn < Math.min(to, program.instructions.length); insn++) {
    const text = claimChange(known, insn);
    if (text !== undefined) notes.push({ insn, kind: 'claim', text });
  }
  return notes;
}

/** Where the verifier stopped. */
function rejectionNotes(session: Session, program: Program): CodeNote[] {
  if (!session.isVerified(program)) return [];
  const { verdict, message, log } = session.verification(program);
  const last = [...log.matchAll(/^(\d+): \(/gm)].at(-1)?.[1];
  return verdict === 'rejected' && last !== undefined ? [{ insn: Number(last), kind: 'error', text: message }] : [];
}

function momentNotes(session: Session, program: Program): CodeNote[] {
  const { machine } = session;
  const frames = machine.frames();
  const notes = frames.flatMap((frame, i): CodeNote[] =>
    i > 0 && frame.image.program === program ? [{ insn: frame.insn, kind: 'frame', text: `frame ${i} is here` }] : [],
  );
  const thrown = machine.unwinding;
  if (thrown !== undefined && machine.location?.program === program) {
    const first = thrown.steps[0];
    if (first?.kind === 'throw')
      notes.push({ insn: first.insn, kind: 'throw', text: `cookie ${thrown.cookie} · thrown here` });
  }
  return [...notes, ...nextNote(session, program), ...lastNote(session, program)];
}

// ---- values -----------------------------------------------------------------------------------------------------------

/** Of the instruction that is next: what it reads, and what will come of it, which is looked up one step later. */
function nextNote(session: Session, program: Program): CodeNote[] {
  const { machine, position, timeline } = session;
  const at = machine.location;
  if (at?.program !== program || machine.end !== undefined || isUnwinding(machine)) return [];
  const { instructions: insns } = program;
  const { insn } = at;
  const before = machine.registers;
  const show = (value: bigint): string => valueText(machine, value);
  if (isExit(insns, insn)) return [{ insn, kind: 'value', text: `r0 = ${show(before[0] ?? 0n)}` }];
  const read = reads(machine, program, insn, before);
  const next = { ...position, step: position.step + 1, phase: 0 };
  const text = timeline.glance(next, () => {
    if (isConditionalJump(insns, insn)) {
      const taken = machine.location?.program === program && machine.location.insn === jumpTarget(insns, insn);
      return `${read}: ${taken ? 'taken' : 'not taken'}`;
    }
    if (isSubprogramCall(insns, insn)) return read;
    return [read, writes(machine, program, insn)].filter((part) => part !== '').join(' → ');
  });
  return text === '' ? [] : [{ insn, kind: 'value', text }];
}

/** Of the instruction before: what it wrote. */
function lastNote(session: Session, program: Program): CodeNote[] {
  const { machine, position, timeline } = session;
  const first = timeline.runs[position.run]?.first.step ?? 0;
  if (position.phase > 0 || position.step <= first || isUnwinding(machine)) return [];
  const pointer = machine.frames()[0]?.framePointer;
  const before = timeline.glance({ ...position, step: position.step - 1, phase: 0 }, () => ({
    at: machine.location,
    pointer: machine.frames()[0]?.framePointer,
  }));
  // Across calls and exits registers belong to somebody else.
  if (before.at?.program !== program || before.pointer !== pointer || before.at.insn === machine.location?.insn)
    return [];
  const text = writes(machine, program, before.at.insn);
  return text === '' ? [] : [{ insn: before.at.insn, kind: 'value', text }];
}

/** `r6 = 300, r8 = 139`; of a load what lies there. */
function reads(machine: Machine, program: Program, insn: number, registers: BigUint64Array): string {
  const { instructions: insns } = program;
  if (isHelperCall(insns, insn) || isKfuncCall(insns, insn) || isSubprogramCall(insns, insn)) return '';
  const access = memoryAccess(insns, insn);
  if (access !== undefined) {
    const address = BigInt.asUintN(64, (registers[access.base ?? 10] ?? 0n) + BigInt(access.offset));
    return access.kind === 'store' || access.kind === 'atomic' ? placeText(machine, address) : '';
  }
  const read = registersRead(insns, insn);
  if (!isConditionalJump(insns, insn) && BPF_SRC(insns.code[insn] ?? 0) !== BPF_X) return '';
  const parts: string[] = [];
  for (let register = 0; register <= 9; register++)
    if ((read & (1 << register)) !== 0) parts.push(`r${register} = ${valueText(machine, registers[register] ?? 0n)}`);
  return parts.join(', ');
}

/** `r0 = struct bpf_cpumask #2`, or what a store left in memory. */
function writes(machine: Machine, program: Program, insn: number): string {
  const { instructions: insns } = program;
  const { registers } = machine;
  if (isHelperCall(insns, insn) || isKfuncCall(insns, insn)) return `r0 = ${valueText(machine, registers[0] ?? 0n)}`;
  if (isSubprogramCall(insns, insn) || isExit(insns, insn)) return '';
  const access = memoryAccess(insns, insn);
  if (access?.kind === 'store' || access?.kind === 'atomic') {
    const address = BigInt.asUintN(64, (registers[access.base ?? 10] ?? 0n) + BigInt(access.offset));
    const value = peek(machine, address, access.size);
    return value === undefined ? '' : `${placeText(machine, address)} = ${valueText(machine, value)}`;
  }
  const written = registersWritten(insns, insn);
  for (let register = 0; register <= 9; register++)
    if (written === 1 << register) return `r${register} = ${valueText(machine, registers[register] ?? 0n)}`;
  return '';
}

function peek(machine: Machine, address: bigint, size: number): bigint | undefined {
  try {
    return unsigned(readMemory(machine, address, size));
  } catch (error) {
    if (!(error instanceof BailoutError)) throw error;
    return undefined;
  }
}

function placeText(machine: Machine, address: bigint): string {
  return nameOfPointer(machine, address) ?? hex(address);
}

/** A name where there is one; small numbers as people write them, large ones in hexadecimal. */
function valueText(machine: Machine, value: bigint): string {
  const name = nameOfPointer(machine, value);
  if (name !== undefined) return name;
  const signed = BigInt.asIntN(64, value);
  return signed > -1_000_000n && signed < 1_000_000_000_000n ? String(signed) : hex(value);
}
