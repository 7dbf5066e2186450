/** What `bailout run` says, as text and as JSON. */
import type { CallbackForm, Profile } from '../../../core/exceptions/profile.ts';
import type { Found, UnwindStep } from '../../../core/exceptions/unwinder.ts';
import type { OutputLine } from '../../../core/kernel/behaviour.ts';
import type { LedgerEntry } from '../../../core/kernel/ledger.ts';
import type { AsyncRun } from '../../../core/machine/run.ts';
import type { Program, ProgramTypeName } from '../../../core/object/program.ts';
import type { Style } from './style.ts';
import { count, grouped, table } from './table.ts';
import type { Throw, ThrowJson } from './unwinding.ts';
import { assertionText, formatUnwinding, throwJson } from './unwinding.ts';
import { sourceFrame } from './verify.ts';

/** How a run went. */
export interface RunReport {
  readonly program: Program;
  readonly profile: Profile;
  readonly verdict: 'accepted' | 'rejected' | 'unloaded';
  /** Absent when the program was not run, or did not return. */
  readonly retval?: number;
  /** Absent when nothing was thrown. */
  readonly thrown?: {
    readonly cookie: bigint;
    readonly insn: number;
    /** The program that threw: after a tail call not the one that was started. */
    readonly program: Program;
    readonly unwound: readonly UnwoundFrame[];
    /** Absent where the default callback took the cookie. */
    readonly callback?: { readonly name: string; readonly how: CallbackForm };
  };
  /** Every throw, with the phases of its unwinding. */
  readonly throws?: readonly Throw[];
  readonly steps: number;
  readonly ledger: { readonly before: readonly LedgerEntry[]; readonly after: readonly LedgerEntry[] };
  readonly output: readonly OutputLine[];
  /** Lines before these, of a program that said too much to keep it all. */
  readonly earlierOutput?: number;
  /** Timers and work queues that the program armed, and that ran after it. */
  readonly async: readonly AsyncRun[];
  /** Why it did not return. */
  readonly error?: { readonly code: string; readonly message: string; readonly insn?: number };
}

/** One frame that was unwound, the innermost first. */
export interface UnwoundFrame {
  /** Its number: 0 is the main program's. */
  readonly frame: number;
  readonly name: string;
  readonly insn: number;
  readonly released: readonly Released[];
  /** Places whose descriptor had an entry, but that held nothing on this run. */
  readonly empty: readonly { readonly place: string; readonly typeName: string }[];
}

export interface Released {
  readonly place: string;
  readonly typeName: string;
  readonly id: number;
  /** The helper, kfunc or region exit that was called. */
  readonly by: string;
  readonly found: Found;
}

/** The frames of an unwinding, from its steps. */
export function unwoundFrames(steps: readonly UnwindStep[]): UnwoundFrame[] {
  const frames: {
    frame: number;
    name: string;
    insn: number;
    released: Released[];
    empty: { place: string; typeName: string }[];
  }[] = [];
  for (const step of steps) {
    const current = frames.at(-1);
    if (step.kind === 'enter-frame') frames.push({ ...step.frame, released: [], empty: [] });
    else if (step.kind === 'release') {
      const { place, found, entry, resource } = step;
      current?.released.push({ place, found, typeName: resource.typeName, id: resource.id, by: entry.release });
    } else if (step.kind === 'skip' && step.reason === 'empty') {
      current?.empty.push({ place: step.place, typeName: step.entry.typeName });
    }
  }
  return frames;
}

// ---- JSON ---------------------------------------------------------------------------------------------------------

interface HeldJson {
  readonly id: number;
  readonly type: string;
  readonly by: string;
  readonly insn: number;
}

export interface RunJson {
  readonly program: string;
  readonly profile: Profile;
  readonly verdict: 'accepted' | 'rejected' | 'unloaded';
  readonly retval: number | null;
  readonly thrown: boolean;
  readonly cookie: number | string | null;
  readonly steps: number;
  readonly callback: string | null;
  readonly unwound: readonly {
    readonly subprogram: string;
    readonly insn: number;
    readonly released: readonly {
      readonly place: string;
      readonly type: string;
      readonly id: number;
      readonly by: string;
    }[];
  }[];
  /** Every throw of the run, phase by phase. */
  readonly throws: readonly ThrowJson[];
  readonly ledger: { readonly before: readonly HeldJson[]; readonly after: readonly HeldJson[] };
  /** Lines that came before those in `output`; absent when all are there. */
  readonly earlierOutput?: number;
  readonly output: readonly {
    readonly kind: string;
    readonly text: string;
    readonly map?: string;
    readonly bytes?: string;
  }[];
  readonly async: readonly { readonly kind: string; readonly insn: number; readonly retval: number | null }[];
  readonly error: { readonly code: string; readonly message: string; readonly insn: number | null } | null;
}

export function runJson(report: RunReport): RunJson {
  const { thrown, error } = report;
  const held = (entry: LedgerEntry): HeldJson => ({
    id: entry.id,
    type: entry.typeName,
    by: entry.by,
    insn: entry.at.insn,
  });
  return {
    program: report.program.name,
    profile: report.profile,
    verdict: report.verdict,
    retval: report.retval ?? null,
    thrown: thrown !== undefined,
    cookie: thrown === undefined ? null : jsonInteger(thrown.cookie),
    steps: report.steps,
    callback: thrown?.callback?.name ?? null,
    unwound: (thrown?.unwound ?? []).map(({ name, insn, released }) => ({
      subprogram: name,
      insn,
      released: released.map(({ place, typeName, id, by }) => ({ place, type: typeName, id, by })),
    })),
    throws: (report.throws ?? []).map(throwJson),
    ledger: { before: report.ledger.before.map(held), after: report.ledger.after.map(held) },
    ...(report.earlierOutput === undefined ? {} : { earlierOutput: report.earlierOutput }),
    output: report.output.map(({ kind, text, map, bytes }) => ({
      kind,
      text,
      ...(map === undefined ? {} : { map }),
      ...(bytes === undefined ? {} : { bytes: hex(bytes) }),
    })),
    async: report.async.map(({ kind, insn, value }) => ({
      kind,
      insn,
      retval: value === undefined ? null : int(value),
    })),
    error: error === undefined ? null : { code: error.code, message: error.message, insn: error.insn ?? null },
  };
}

/** A function's int, whatever stands in the upper half of R0. */
function int(value: bigint): number {
  return Number(BigInt.asIntN(32, value));
}

/** A number where JSON's numbers are exact, else a string of its decimal digits. */
export function jsonInteger(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

// ---- text ---------------------------------------------------------------------------------------------------------

/** @param phases shows each phase of an unwinding */
export function formatRun(report: RunReport, style: Style, phases = false): string[] {
  const { program } = report;
  const out = [`${style.bold(style.name(program.name))}  ${program.type}  ${style.dim(`profile ${report.profile}`)}`];
  if (report.thrown !== undefined) out.push(...throwLines(report, report.thrown, style));
  if (phases && report.throws !== undefined) out.push(...formatUnwinding(report.throws, style));
  if (report.error !== undefined) {
    out.push('', `  ${style.bold(style.bad(`${report.error.code}: ${report.error.message}`))}`);
    if (report.error.insn !== undefined) out.push(...sourceFrame(program, report.error.insn, style));
  }
  if (report.output.length > 0) {
    out.push('', style.bold('Output'));
    const { earlierOutput = 0 } = report;
    if (earlierOutput > 0) out.push(style.dim(`  … after ${count(earlierOutput, 'line')} more`));
    out.push(...report.output.map((line) => `  ${outputLine(line, style)}`));
  }
  out.push('');
  const steps = style.dim(`after ${count(report.steps, 'instruction')}`);
  if (report.retval !== undefined) {
    const meaning = returnName(program.type, report.retval);
    const value = `${report.retval}${meaning === undefined ? '' : ` (${meaning})`}`;
    out.push(`${style.good('Returned')} ${style.bold(value)} ${steps}`);
  } else out.push(`${style.bad('Did not return')} ${steps}`);
  for (const { kind, program, insn, value } of report.async) {
    const end = value === undefined ? style.bad('did not return') : `returned ${int(value)}`;
    out.push(`Then a ${kind} of ${program} ran from insn ${insn} and ${end}`);
  }
  out.push(ledgerLine(report, style));
  return out;
}

function throwLines(report: RunReport, thrown: NonNullable<RunReport['thrown']>, style: Style): string[] {
  const out = ['', `${style.warn('Threw')} ${style.bold(`cookie ${cookieText(thrown.cookie)}`)}`];
  out.push(...sourceFrame(thrown.program, thrown.insn, style).filter((line, index) => index > 0 || line !== ''));
  const assertion = report.throws?.at(-1)?.assertion;
  if (assertion !== undefined) out.push('', `  ${assertionText(thrown.program, assertion, style)}`);
  out.push('', style.bold('Unwound'));
  const rows: string[][] = [];
  for (const { name, insn, released, empty } of thrown.unwound) {
    const frame = [style.name(name), style.dim(`insn ${insn}`)];
    if (released.length === 0 && empty.length === 0) rows.push([...frame, style.dim('–'), style.dim('nothing held')]);
    released.forEach(({ place, typeName, id, by, found }, index) => {
      rows.push([
        ...(index === 0 ? frame : ['', '']),
        place,
        typeName,
        `${by} ${style.dim(`#${id}`)}`,
        style.dim(foundText(found, thrown.unwound)),
      ]);
    });
    empty.forEach(({ place, typeName }, index) => {
      rows.push([
        ...(index + released.length === 0 ? frame : ['', '']),
        place,
        typeName,
        style.dim('null: nothing to release'),
      ]);
    });
  }
  out.push(...table(rows, { indent: '  ' }));
  out.push('', `${style.bold('Callback')} ${callbackText(report, thrown, style)}`);
  return out;
}

function callbackText(report: RunReport, thrown: NonNullable<RunReport['thrown']>, style: Style): string {
  if (thrown.callback !== undefined) {
    return `${style.name(thrown.callback.name)} ${style.dim(`(by ${thrown.callback.how})`)} got cookie ${cookieText(thrown.cookie)}`;
  }
  return report.profile === 'linux'
    ? `none: under ${report.profile} the program returns the cookie`
    : `none: under ${report.profile} the program returns 0`;
}

/** Where the unwinder found a value that was no longer in its register: an inner frame had saved it. */
function foundText(found: Found, frames: readonly UnwoundFrame[]): string {
  if (found.kind !== 'saved-register') return '';
  return `saved by ${frames.find(({ frame }) => frame === found.frame)?.name ?? `frame ${found.frame}`}`;
}

function cookieText(cookie: bigint): string {
  return cookie < 10n ? String(cookie) : `${cookie} (0x${cookie.toString(16)})`;
}

function ledgerLine(report: RunReport, style: Style): string {
  const { before, after } = report.ledger;
  const kept = new Set(before.map(({ id }) => id));
  const left = after.filter(({ id }) => !kept.has(id));
  if (left.length === 0) return style.dim('Ledger: nothing left behind');
  const names = left.map(({ typeName, id, at }) => `${typeName} #${id} (insn ${at.insn})`).join(', ');
  return style.bad(`Ledger: ${count(left.length, 'resource')} left behind: ${names}`);
}

function outputLine(line: OutputLine, style: Style): string {
  const source = line.kind === 'trace' ? '' : style.dim(`${line.map ?? line.kind}: `);
  if (line.bytes === undefined) return source + line.text.trimEnd();
  const shown = hex(line.bytes.subarray(0, 32)).replace(/(..)(?=.)/g, '$1 ');
  return `${source}${shown}${line.bytes.length > 32 ? ` … ${grouped(line.bytes.length)} bytes` : ''}`;
}

const XDP_ACTIONS = ['XDP_ABORTED', 'XDP_DROP', 'XDP_PASS', 'XDP_TX', 'XDP_REDIRECT'];
const TC_ACTIONS = ['TC_ACT_OK', 'TC_ACT_RECLASSIFY', 'TC_ACT_SHOT', 'TC_ACT_PIPE', 'TC_ACT_STOLEN'];

/** The name of a return value where the program type gives it one. */
export function returnName(type: ProgramTypeName, value: number): string | undefined {
  if (type === 'xdp') return XDP_ACTIONS[value];
  if (type === 'sched_cls' || type === 'sched_act') return value === -1 ? 'TC_ACT_UNSPEC' : TC_ACTIONS[value];
  if (type === 'cgroup_skb') return value === 0 ? 'drop' : value === 1 ? 'pass' : undefined;
  return undefined;
}
