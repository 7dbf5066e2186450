/** What the verifier said about a program, as pages show it. */
import { baseName, lineAt, subprogramName } from '../debugger/source.ts';
import type { Session } from '../debugger/session.ts';
import { descriptorBytes, formatPlace } from '../exceptions/descriptor.ts';
import type { Program } from '../object/program.ts';
import type { LogLevel, VerificationView } from '../protocol/verifier.ts';
import type { Verification } from '../verifier/verification.ts';
import { verify } from '../verifier/verify.ts';
import { cancelled } from './answers.ts';
import type { Desk } from './desk.ts';
import { Log } from './log.ts';

/** What the verifier says, with progress told where it takes long. */
export function verificationOf(desk: Desk, program: Program): Verification {
  const { session } = desk;
  if (session.isVerified(program)) return session.verification(program);
  return desk.silently(`verifying ${program.name}`, () => {
    const { work } = desk.host;
    const verification = session.verification(program, () => work.isCancelled());
    return verification;
  });
}

export function verificationView(verification: Verification): VerificationView {
  const { program, profile, verdict, message, insns, states, peakStates, durationUs } = verification;
  const name = (subprogram: number): string => subprogramName(program, subprogram);
  return {
    program: program.name,
    profile,
    verdict,
    message,
    insns,
    states,
    peakStates,
    durationUs,
    stackDepth: verification.stackDepth.map((bytes, i) => ({ function: name(i), bytes })),
    descriptors: verification.descriptors.map((descriptor) => ({
      function: name(descriptor.subprogram),
      insn: descriptor.insn,
      bytes: descriptorBytes(descriptor),
      entries: descriptor.entries.map(({ place, typeName, release, acquiredAt }) => ({
        place: formatPlace(place),
        type: typeName,
        release,
        acquiredAt,
      })),
    })),
    assertions: verification.assertions.map(({ insn, register, condition, before, after }) => {
      const line = lineAt(program, insn)?.line;
      return { insn, register: `r${register}`, condition, before, after, ...(line === undefined ? {} : { line }) };
    }),
  };
}

/** Where an instruction comes from. */
export function sourceOf(program: Program, insn: number): { file?: string; line?: number; source?: string } {
  const line = lineAt(program, insn);
  return line === undefined ? {} : { file: baseName(line.file), line: line.line, source: line.text.trim() };
}

/** Logs that were asked for: long ones take seconds to write, so the last few are kept. */
export class Logs {
  readonly #desk: Desk;
  readonly #logs = new Map<string, Log>();
  static readonly #KEPT = 4;

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  of(session: Session, program: Program, level: LogLevel): Log {
    const key = `${program.name} ${level}`;
    const known = this.#logs.get(key);
    if (known !== undefined) return known;
    if (program.loadError !== undefined) throw program.loadError;
    const log = this.#desk.silently(`writing the log of ${program.name}`, () => {
      const { work } = this.#desk.host;
      const isCancelled = (): boolean => work.isCancelled();
      const chosen = session.chosenProfile;
      const verification = verify(program, {
        logLevel: level,
        isCancelled,
        ...(chosen === undefined ? {} : { profile: chosen }),
      });
      if (isCancelled()) throw cancelled();
      return new Log(verification);
    });
    this.#logs.set(key, log);
    const [oldest] = this.#logs.keys();
    if (this.#logs.size > Logs.#KEPT && oldest !== undefined) this.#logs.delete(oldest);
    return log;
  }

  clear(): void {
    this.#logs.clear();
  }
}
