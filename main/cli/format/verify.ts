/** What `bailout verify` says, as text and as JSON. */
import type { FrameDescriptor } from '../../../core/exceptions/descriptor.ts';
import { formatPlace } from '../../../core/exceptions/descriptor.ts';
import { disassembleLine } from '../../../core/isa/disassemble.ts';
import type { Profile } from '../../../core/exceptions/profile.ts';
import type { Program } from '../../../core/object/program.ts';
import type { AssertionFact } from '../../../core/verifier/throws/assertions.ts';
import type { Diagnosis } from '../../../core/verifier/diagnosis/diagnosis.ts';
import { formatDiagnosis } from '../../../core/verifier/diagnosis/format.ts';
import type { Verification } from '../../../core/verifier/verification.ts';
import { baseName, lineAt, namesOf, subprogramAt, subprogramName } from '../program.ts';
import type { ConflictJson } from './descriptors.ts';
import { conflictsJson, tableBytes } from './descriptors.ts';
import type { Style } from './style.ts';
import { count, duration, grouped, table } from './table.ts';

/** One program's outcome: what the verifier said, or why no loader would hand the program to it. */
export type Outcome =
  | {
      readonly kind: 'verified';
      readonly program: Program;
      readonly verification: Verification;
      /** Of a rejected program. */
      readonly diagnosis?: Diagnosis;
    }
  | { readonly kind: 'unloaded'; readonly program: Program; readonly message: string; readonly hint?: string };

export type Verdict = 'accepted' | 'rejected' | 'unloaded';

export function verdictOf(outcome: Outcome): Verdict {
  return outcome.kind === 'unloaded' ? 'unloaded' : outcome.verification.verdict;
}

/** The profile of all programs that were verified, `mixed` when they differ. */
export function profileOfAll(outcomes: readonly Outcome[], asked: Profile | undefined): Profile | 'mixed' {
  const profiles = new Set(
    outcomes.flatMap((outcome) => (outcome.kind === 'verified' ? [outcome.verification.profile] : [])),
  );
  if (profiles.size > 1) return 'mixed';
  return [...profiles][0] ?? asked ?? 'proposal';
}

// ---- JSON ---------------------------------------------------------------------------------------------------------

export interface DescriptorJson {
  readonly subprogram: string;
  readonly insn: number;
  readonly entries: readonly {
    readonly place: string;
    readonly resource: string;
    readonly type: string;
    readonly release: string;
    readonly acquired_at: readonly number[];
    readonly nullable: boolean;
  }[];
}

export interface AssertionJson {
  /** The test. */
  readonly insn: number;
  readonly throw_insn: number;
  readonly condition: string;
  readonly register: string;
  /** What the register could be before the test and after it, as the log writes it; empty when no path gets there. */
  readonly before: string;
  readonly after: string;
}

/** A diagnosis with names in the style of the rest. */
export type DiagnosisJson = Omit<Diagnosis, 'categoryName' | 'pathLength' | 'program' | 'profile' | 'message'> & {
  readonly category_name: string;
  readonly path_length: number;
};

function diagnosisJson(diagnosis: Diagnosis): DiagnosisJson {
  const { categoryName, pathLength, program: _program, profile: _profile, message: _message, ...rest } = diagnosis;
  return { ...rest, category_name: categoryName, path_length: pathLength };
}

export interface VerifyProgramJson {
  readonly name: string;
  readonly section: string;
  readonly type: string;
  readonly profile: Profile | null;
  readonly verdict: Verdict;
  readonly message: string;
  readonly insns: number;
  readonly states: number;
  readonly duration_us: number;
  readonly descriptors: readonly DescriptorJson[];
  /** What the descriptors take in memory; how often paths met at one; why they could not be joined. */
  readonly descriptor_bytes: number;
  readonly merges: number;
  readonly conflicts: readonly ConflictJson[];
  readonly assertions: readonly AssertionJson[];
  /** Why it was rejected. */
  readonly diagnosis?: DiagnosisJson;
  /** Only with --log. */
  readonly log?: string;
}

export interface VerifyJson {
  readonly object: string;
  readonly profile: Profile | 'mixed';
  readonly programs: readonly VerifyProgramJson[];
}

export function verifyJson(
  object: string,
  outcomes: readonly Outcome[],
  asked: Profile | undefined,
  withLog: boolean,
): VerifyJson {
  return {
    object,
    profile: profileOfAll(outcomes, asked),
    programs: outcomes.map((outcome) => programJson(outcome, withLog)),
  };
}

function programJson(outcome: Outcome, withLog: boolean): VerifyProgramJson {
  const { name, section, type } = outcome.program;
  if (outcome.kind === 'unloaded') {
    const nothing = {
      insns: 0,
      states: 0,
      duration_us: 0,
      descriptors: [],
      descriptor_bytes: 0,
      merges: 0,
      conflicts: [],
      assertions: [],
      ...(withLog ? { log: '' } : {}),
    };
    return { name, section, type, profile: null, verdict: 'unloaded', message: outcome.message, ...nothing };
  }
  const { verification, program } = outcome;
  return {
    name,
    section,
    type,
    profile: verification.profile,
    verdict: verification.verdict,
    message: verification.message,
    insns: verification.insns,
    states: verification.states,
    duration_us: Math.round(verification.durationUs),
    descriptors: verification.descriptors.map((descriptor) => descriptorJson(program, descriptor)),
    descriptor_bytes: tableBytes(verification.descriptors),
    merges: verification.merges,
    conflicts: conflictsJson(verification),
    assertions: verification.assertions.map(({ insn, throwInsn, condition, register, before, after }) => ({
      insn,
      throw_insn: throwInsn,
      condition,
      register: `r${register}`,
      before,
      after,
    })),
    ...(outcome.diagnosis === undefined ? {} : { diagnosis: diagnosisJson(outcome.diagnosis) }),
    ...(withLog ? { log: verification.log } : {}),
  };
}

export function descriptorJson(program: Program, descriptor: FrameDescriptor): DescriptorJson {
  return {
    subprogram: subprogramName(program, descriptor.subprogram),
    insn: descriptor.insn,
    entries: descriptor.entries.map((entry) => ({
      place: formatPlace(entry.place),
      resource: entry.resource,
      type: entry.typeName,
      release: entry.release,
      acquired_at: entry.acquiredAt,
      nullable: entry.nullable,
    })),
  };
}

// ---- text ---------------------------------------------------------------------------------------------------------

/** The head: which object, under which rules. */
export function verifyHead(object: string, profile: Profile | undefined, style: Style): string {
  const rules = profile === undefined ? 'profile by program' : `profile ${profile}`;
  return `${style.bold(object)}  ${style.dim(rules)}`;
}

/** One program: a line when it was accepted, the whole case when it was not. */
export function formatOutcome(outcome: Outcome, widths: { name: number; type: number }, style: Style): string[] {
  const { program } = outcome;
  const title = `${style.name(program.name.padEnd(widths.name))}  ${program.type.padEnd(widths.type)}`;
  if (outcome.kind === 'unloaded') {
    const lines = [`${style.warn('–')} ${title}  ${style.warn('unloaded')}`, `    ${outcome.message}`];
    if (outcome.hint !== undefined) lines.push(`    ${style.dim('hint:')} ${outcome.hint}`);
    return lines;
  }
  const { verification } = outcome;
  const figures = style.dim(
    [
      verification.profile,
      count(verification.insns, 'insn'),
      count(verification.states, 'state'),
      duration(verification.durationUs),
      ...descriptorFigure(verification.descriptors),
    ].join(' · '),
  );
  if (verification.verdict === 'accepted')
    return [`${style.good('✓')} ${title}  ${style.good('accepted')}  ${figures}`];
  return [
    `${style.bad('✗')} ${title}  ${style.bad('rejected')}  ${figures}`,
    ...rejection(verification, outcome.diagnosis, style),
  ];
}

function descriptorFigure(descriptors: readonly FrameDescriptor[]): string[] {
  const entries = descriptors.reduce((sum, descriptor) => sum + descriptor.entries.length, 0);
  return entries === 0 ? [] : [`${count(entries, 'resource')} to unwind`];
}

/** A rejection: the kernel's line word for word, and what it means. */
function rejection({ message }: Verification, diagnosis: Diagnosis | undefined, style: Style): string[] {
  const explained = diagnosis === undefined ? [] : formatDiagnosis(diagnosis, style).map((line) => indented(line));
  return ['', `  ${style.bold(style.bad(message))}`, ...explained, ''];
}

const indented = (line: string): string => (line === '' ? '' : `  ${line}`);

/** A place in the source with a caret, and the instruction that it became. */
export function sourceFrame(program: Program, insn: number, style: Style): string[] {
  const where = subprogramAt(program, insn)?.name ?? program.name;
  const code = `${insn}: ${disassembleLine(program.instructions, insn, namesOf(program))}`;
  const line = lineAt(program, insn);
  if (line === undefined) return ['', `  ${style.dim('in')} ${where}`, `      ${code}`];
  const number = String(line.line);
  const gutter = ' '.repeat(number.length);
  const out = [
    '',
    `  ${style.dim('-->')} ${baseName(line.file)}:${line.line}:${line.column} ${style.dim(`in ${where}`)}`,
  ];
  if (line.text.trim() !== '') {
    const { text, caret } = caretAt(line.text, line.column);
    out.push(`  ${style.dim(`${gutter} │`)}`);
    out.push(`  ${style.dim(`${number} │`)} ${text}`);
    out.push(`  ${style.dim(`${gutter} │`)} ${style.bad(`${caret}^`)}`);
  }
  out.push(`  ${style.dim(`${gutter} =`)} ${code}`);
  return out;
}

/** The line without its indentation, and what stands before the caret. Columns count from 1, a tab as one. */
function caretAt(text: string, column: number): { text: string; caret: string } {
  const indent = /^\s*/.exec(text)?.[0].length ?? 0;
  const before = Math.min(Math.max(column - 1 - indent, 0), text.trim().length);
  return {
    text: text.trim().replaceAll('\t', ' '),
    caret: ' '.repeat(before),
  };
}

/** The last line: how many of which verdict. */
export function verifySummary(outcomes: readonly Outcome[], style: Style): string {
  const number = (verdict: Verdict): number => outcomes.filter((outcome) => verdictOf(outcome) === verdict).length;
  const parts = [
    [number('accepted'), 'accepted', style.good],
    [number('rejected'), 'rejected', style.bad],
    [number('unloaded'), 'not loaded', style.warn],
  ] as const;
  const shown = parts.filter(([n]) => n > 0).map(([n, word, paint]) => paint(`${grouped(n)} ${word}`));
  return `${count(outcomes.length, 'program')}: ${shown.join(', ') || 'nothing to verify'}`;
}

/** The descriptors of a program, as `verify --log` shows them beside the log. */
export function formatDescriptors(program: Program, descriptors: readonly FrameDescriptor[], style: Style): string[] {
  const rows = descriptors.flatMap((descriptor) =>
    descriptor.entries.map((entry) => [
      subprogramName(program, descriptor.subprogram),
      `insn ${descriptor.insn}`,
      formatPlace(entry.place),
      `${entry.typeName}${entry.nullable ? ' or null' : ''}`,
      style.dim(`${entry.release}, acquired at ${entry.acquiredAt.join(', ')}`),
    ]),
  );
  return rows.length === 0 ? [] : [style.bold('Released when a throw unwinds:'), ...table(rows, { indent: '  ' })];
}

/** What each assertion of a program taught the verifier. */
export function formatAssertions(program: Program, facts: readonly AssertionFact[], style: Style): string[] {
  const rows = facts.map(({ insn, condition, before, after }) => {
    const line = lineAt(program, insn);
    const where = line === undefined ? `insn ${insn}` : `${baseName(line.file)}:${line.line}`;
    const proved = before === '' && after === '' ? style.dim('never reached') : `${before} → ${style.good(after)}`;
    return [style.dim(where), condition, proved];
  });
  return rows.length === 0 ? [] : [style.bold('What assertions proved:'), ...table(rows, { indent: '  ' })];
}
