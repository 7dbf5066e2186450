/** `bailout verify`: the verdict on each program of an object. */
import type { Program } from '../../../core/object/program.ts';
import { diagnose } from '../../../core/verifier/diagnosis/diagnose.ts';
import type { VerifyOptions } from '../../../core/verifier/verification.ts';
import { verify } from '../../../core/verifier/verify.ts';
import { formatDescriptorTable } from '../format/descriptors.ts';
import type { Outcome } from '../format/verify.ts';
import {
  formatAssertions,
  formatDescriptors,
  formatOutcome,
  verdictOf,
  verifyHead,
  verifyJson,
  verifySummary,
} from '../format/verify.ts';
import type { ExitStatus, Host } from '../host.ts';
import { loadFile } from '../load.ts';
import type { LogLevel, VerifyRequest } from '../options.ts';
import { chooseProgram } from '../program.ts';

export function verifyCommand(request: VerifyRequest, host: Host): ExitStatus {
  const object = loadFile(host, request.file);
  const programs = request.program === undefined ? object.programs : [chooseProgram(object, request.program)];
  const profile = request.profile === undefined ? {} : { profile: request.profile };
  if (request.json) {
    const outcomes = programs.map((program) => explained(program, profile, request.log));
    host.write(`${JSON.stringify(verifyJson(object.name, outcomes, request.profile, request.log > 0), null, 2)}\n`);
    return statusOf(outcomes);
  }
  const widths = {
    name: Math.max(0, ...programs.map(({ name }) => name.length)),
    type: Math.max(0, ...programs.map(({ type }) => type.length)),
  };
  host.write(`${verifyHead(object.name, request.profile, host.style)}\n\n`);
  const outcomes: Outcome[] = [];
  for (const program of programs) {
    const outcome = explained(program, profile, request.log);
    outcomes.push(outcome);
    const log = request.log > 0 && outcome.kind === 'verified' ? outcome.verification.log : '';
    if (log !== '') host.write(`${log.trimEnd()}\n`);
    host.write(`${formatOutcome(outcome, widths, host.style).join('\n')}\n`);
    if (request.descriptors && outcome.kind === 'verified') {
      const lines = formatDescriptorTable(outcome.verification, host.style);
      host.write(`${lines.map((line) => `  ${line}`).join('\n')}\n`);
    } else if (outcome.kind === 'verified' && (request.log > 0 || request.program !== undefined)) {
      const { descriptors, assertions } = outcome.verification;
      for (const part of [
        formatAssertions(program, assertions, host.style),
        formatDescriptors(program, descriptors, host.style),
      ]) {
        if (part.length > 0) host.write(`\n${part.join('\n')}\n`);
      }
    }
  }
  if (programs.length !== 1) host.write(`\n${verifySummary(outcomes, host.style)}\n`);
  return statusOf(outcomes);
}

function outcomeOf(program: Program, options: VerifyOptions): Outcome {
  const { loadError } = program;
  if (loadError !== undefined) {
    const hint = loadError.hint === undefined ? {} : { hint: loadError.hint };
    return { kind: 'unloaded', program, message: loadError.message, ...hint };
  }
  return { kind: 'verified', program, verification: verify(program, options) };
}

/** Verifies, and says why where the answer is no. */
export function explained(program: Program, options: VerifyOptions, level: LogLevel): Outcome {
  const outcome = outcomeOf(program, { ...options, logLevel: level });
  if (outcome.kind === 'unloaded') return outcome;
  const diagnosis = diagnose(program, outcome.verification);
  return diagnosis === undefined ? outcome : { ...outcome, diagnosis };
}

function statusOf(outcomes: readonly Outcome[]): ExitStatus {
  return outcomes.every((outcome) => verdictOf(outcome) === 'accepted') ? 0 : 1;
}
