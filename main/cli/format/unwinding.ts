/**
 * The unwinding of a run, one phase after the other: `bailout run --phases`, and `throws` of its JSON. What is in the ledger
 * is told before and after each phase, since that is what an unwinding is for.
 */
import type { Found, HeldResource, UnwindPlan, UnwindStep } from '../../../core/exceptions/unwinder.ts';
import type { Program } from '../../../core/object/program.ts';
import type { AssertionFact } from '../../../core/verifier/verification.ts';
import { baseName, lineAt, subprogramName } from '../program.ts';
import type { Style } from './style.ts';
import { count, table } from './table.ts';

/** One throw of a run: after a tail call there can be several. */
export interface Throw {
  readonly plan: UnwindPlan;
  /** The program that threw. */
  readonly program: Program;
  /** The test that failed, where one guards the throw. */
  readonly assertion?: AssertionFact;
}

/** A phase, and the resources that are still held when it is over. */
interface Phase {
  readonly phase: number;
  readonly step: UnwindStep;
  readonly held: readonly HeldResource[];
}

/** All that a plan releases is what is held at the throw: a plan that left something behind would be no plan. */
function phasesOf(plan: UnwindPlan): { readonly before: readonly HeldResource[]; readonly phases: readonly Phase[] } {
  const before = plan.steps
    .flatMap((step) => (step.kind === 'release' ? [step.resource] : []))
    .sort((a, b) => a.id - b.id);
  let held = before;
  const phases = plan.steps.map((step, index) => {
    if (step.kind === 'release') held = held.filter(({ id }) => id !== step.resource.id);
    return { phase: index + 1, step, held };
  });
  return { before, phases };
}

function insnOf(plan: UnwindPlan): number {
  const step = plan.steps[0];
  return step?.kind === 'throw' ? step.insn : 0;
}

/** `packet-parser.bpf.c:41` */
function placeOf(program: Program, insn: number): string {
  const line = lineAt(program, insn);
  return line === undefined ? `insn ${insn}` : `${baseName(line.file)}:${line.line}`;
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

// ---- JSON ---------------------------------------------------------------------------------------------------------

export interface PhaseJson {
  readonly phase: number;
  readonly kind: UnwindStep['kind'];
  /** Number and name of the frame; 0 is the main program's. */
  readonly frame?: number;
  readonly subprogram?: string;
  readonly insn?: number;
  readonly entries?: number;
  readonly place?: string;
  readonly type?: string;
  readonly release?: string;
  readonly id?: number;
  readonly value?: string;
  readonly found?: { readonly in: Found['kind']; readonly frame?: number; readonly offset?: number };
  readonly reason?: string;
  readonly cookie?: string;
  /** Ids of what is held when the phase is over. */
  readonly ledger: readonly number[];
}

export interface ThrowJson {
  readonly program: string;
  readonly insn: number;
  readonly cookie: string;
  readonly source: { readonly file: string; readonly line: number; readonly text: string } | null;
  /** The assertion that failed. */
  readonly assertion: { readonly insn: number; readonly condition: string; readonly proves: string } | null;
  /** What the program held at the throw. */
  readonly held: readonly { readonly id: number; readonly type: string; readonly value: string }[];
  readonly phases: readonly PhaseJson[];
}

export function throwJson({ plan, program, assertion }: Throw): ThrowJson {
  const insn = insnOf(plan);
  const line = lineAt(program, assertion?.insn ?? insn);
  const { before, phases } = phasesOf(plan);
  return {
    program: program.name,
    insn,
    cookie: String(plan.cookie),
    source: line === undefined ? null : { file: baseName(line.file), line: line.line, text: line.text.trim() },
    assertion:
      assertion === undefined
        ? null
        : { insn: assertion.insn, condition: assertion.condition, proves: assertion.after },
    held: before.map(({ id, typeName, value }) => ({ id, type: typeName, value: hex(value) })),
    phases: phases.map(({ phase, step, held }) => ({
      phase,
      kind: step.kind,
      ...detailsOf(step, program),
      ledger: held.map(({ id }) => id),
    })),
  };
}

function detailsOf(step: UnwindStep, program: Program): Partial<PhaseJson> {
  switch (step.kind) {
    case 'throw':
      return { insn: step.insn, cookie: String(step.cookie), subprogram: subprogramName(program, step.subprogram) };
    case 'enter-frame':
      return { frame: step.frame.frame, subprogram: step.frame.name, insn: step.frame.insn, entries: step.entries };
    case 'leave-frame':
      return { frame: step.frame.frame, subprogram: step.frame.name, insn: step.frame.insn };
    case 'release':
      return {
        frame: step.frame,
        place: step.place,
        type: step.entry.typeName,
        release: step.entry.release,
        id: step.resource.id,
        value: hex(step.value),
        found: foundJson(step.found),
      };
    case 'skip':
      return {
        frame: step.frame,
        place: step.place,
        type: step.entry.typeName,
        found: foundJson(step.found),
        reason: step.reason,
      };
    case 'callback':
      return { subprogram: subprogramName(program, step.subprogram), cookie: String(step.cookie) };
    case 'default-callback':
      return { value: hex(step.value) };
  }
}

function foundJson(found: Found): NonNullable<PhaseJson['found']> {
  return found.kind === 'saved-register'
    ? { in: found.kind, frame: found.frame, offset: found.offset }
    : { in: found.kind };
}

// ---- text ---------------------------------------------------------------------------------------------------------

/** Each throw with its phases. */
export function formatUnwinding(throws: readonly Throw[], style: Style): string[] {
  return throws.flatMap((thrown) => ['', ...throwLines(thrown, style)]);
}

function throwLines({ plan, program, assertion }: Throw, style: Style): string[] {
  const insn = insnOf(plan);
  const { before, phases } = phasesOf(plan);
  const head = `${style.bold(`Unwinding of ${program.name}`)} ${style.dim(`thrown at insn ${insn}, ${placeOf(program, insn)}, ${count(phases.length, 'phase')}`)}`;
  const rows = phases.map(({ phase, step, held }) => [
    style.dim(String(phase)),
    ...cellsOf(step, program, style),
    style.dim(held.length === 0 ? 'ledger even' : `holds ${held.map(({ id }) => `#${id}`).join(' ')}`),
  ]);
  return [
    head,
    ...(assertion === undefined ? [] : [`  ${assertionText(program, assertion, style)}`]),
    `  ${style.dim(before.length === 0 ? 'nothing is held' : `held: ${before.map(({ id, typeName }) => `#${id} ${typeName}`).join(', ')}`)}`,
    ...table(rows, { indent: '  ', right: [0] }),
  ];
}

/** The assertion that threw. */
export function assertionText(program: Program, { insn, condition, after }: AssertionFact, style: Style): string {
  const proves = after === '' ? '' : style.dim(` (behind it: ${after})`);
  return `${style.warn('not true:')} ${condition} ${style.dim(`at ${placeOf(program, insn)}`)}${proves}`;
}

/** What happens, with what, and how. */
function cellsOf(step: UnwindStep, program: Program, style: Style): string[] {
  switch (step.kind) {
    case 'throw':
      return ['throw', `cookie ${step.cookie}`, style.dim(`by ${subprogramName(program, step.subprogram)}`)];
    case 'enter-frame':
      return [
        `frame ${step.frame.frame}`,
        style.name(step.frame.name),
        style.dim(
          `insn ${step.frame.insn}, ${step.entries === 0 ? 'nothing to release' : count(step.entries, 'entry', 'entries')}`,
        ),
      ];
    case 'release':
      return [
        '  release',
        `${step.entry.typeName} ${style.dim(`#${step.resource.id}`)}`,
        `${step.entry.release} ${style.dim(foundText(step.place, step.found, step.value))}`,
      ];
    case 'skip':
      return [
        '  skip',
        step.entry.typeName,
        style.dim(`${step.place}: ${step.reason === 'empty' ? 'null on this path' : 'released already'}`),
      ];
    case 'leave-frame':
      return [
        '  leave',
        style.name(step.frame.name),
        style.dim(step.frame.frame === 0 ? 'stays for the callback' : ''),
      ];
    case 'callback':
      return [
        'callback',
        style.name(subprogramName(program, step.subprogram)),
        style.dim(`gets cookie ${step.cookie}`),
      ];
    case 'default-callback':
      return ['callback', 'the default one', style.dim(`returns ${step.value}`)];
  }
}

function foundText(place: string, found: Found, value: bigint): string {
  switch (found.kind) {
    case 'live-register':
      return `${place} = ${hex(value)}`;
    case 'saved-register':
      return `${place} = ${hex(value)}, saved by frame ${found.frame} at fp${found.offset}`;
    case 'slot':
      return `${place}: ${hex(value)}`;
    case 'region':
      return 'in force here';
  }
}
