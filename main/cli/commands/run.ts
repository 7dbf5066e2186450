/** `bailout run`: verifies a program, runs it once, and shows what came of it. */
import type { Scenario } from '../../../core/kernel/scenario.ts';
import { parseScenario, withCapturedPacket } from '../../../core/kernel/scenario-file.ts';
import { BailoutError } from '../../../core/errors.ts';
import { attachToProgram, bpfAttachKind } from '../../../core/object/bpf-target.ts';
import type { ObjectFile, Program } from '../../../core/object/program.ts';
import type { RunReport } from '../format/run.ts';
import { formatRun, runJson } from '../format/run.ts';
import type { Outcome } from '../format/verify.ts';
import { formatOutcome } from '../format/verify.ts';
import { setGlobals } from '../globals.ts';
import type { ExitStatus, Host } from '../host.ts';
import { loadFile } from '../load.ts';
import type { AttachOption, RunRequest } from '../options.ts';
import { packetBytes } from '../packet.ts';
import { baseName, chooseProgram } from '../program.ts';
import type { Attached } from '../simulate.ts';
import { simulate } from '../simulate.ts';
import { explained } from './verify.ts';

export function run(request: RunRequest, host: Host): ExitStatus {
  const object = loadFile(host, request.file);
  const program = chooseProgram(object, request.program);
  const globals = setGlobals(object, request.globals);
  const read = withPacket(scenarioOf(request, host), request, host);
  const scenario = { ...read, globals: { ...read.globals, ...globals } };
  const profile = request.profile === undefined ? {} : { profile: request.profile };
  const outcome = explained(program, profile, 0);
  if (outcome.kind === 'unloaded' || outcome.verification.verdict === 'rejected') {
    return refuse(outcome, request, host);
  }
  const { verification } = outcome;
  const attach: Attached[] = [];
  // A file that is named twice is one object, with maps that its programs share.
  const others = new Map<string, ObjectFile>();
  for (const option of request.attach) {
    const other = option.file === undefined ? object : (others.get(option.file) ?? loadFile(host, option.file));
    if (option.file !== undefined) others.set(option.file, other);
    const attached = attachedProgram(other, option, program);
    const verdict = explained(attached, profile, 0);
    if (verdict.kind === 'unloaded' || verdict.verification.verdict === 'rejected')
      return refuse(verdict, request, host);
    attach.push({ object: other, verification: verdict.verification });
  }
  const report = simulate({
    object,
    verification,
    attach,
    profile: request.profile,
    scenario,
    maxSteps: request.maxSteps,
  });
  if (request.json) writeJson(host, report);
  else host.write(`${formatRun(report, host.style, request.phases).join('\n')}\n`);
  return report.error === undefined ? 0 : 1;
}

/** A program, or one that is attached to it, is not run. */
function refuse(outcome: Outcome, request: RunRequest, host: Host): ExitStatus {
  const { program } = outcome;
  if (request.json) {
    const message = outcome.kind === 'unloaded' ? outcome.message : outcome.verification.message;
    const code = outcome.kind === 'unloaded' ? 'PROGRAM_UNLOADED' : 'PROGRAM_REJECTED';
    const profileUsed = outcome.kind === 'unloaded' ? (request.profile ?? 'proposal') : outcome.verification.profile;
    writeJson(host, notRun(program, profileUsed, outcome.kind, { code, message }));
  } else {
    const widths = { name: program.name.length, type: program.type.length };
    host.write(`${formatOutcome(outcome, widths, host.style).join('\n')}\n`);
  }
  return 1;
}

/** The program of an `--attach`, bound to its function. */
export function attachedProgram(object: ObjectFile, option: AttachOption, target: Program): Program {
  const program = chooseProgram(object, option.program);
  const kind = bpfAttachKind(program);
  if (kind === undefined) {
    throw new BailoutError('USAGE', `${program.name} (${program.section}) cannot be attached to a function.`, {
      hint: 'Programs in the sections fentry, fexit and freplace can.',
    });
  }
  return attachToProgram(program, kind, target, option.function);
}

function writeJson(host: Host, report: RunReport): void {
  host.write(`${JSON.stringify(runJson(report), null, 2)}\n`);
}

function notRun(
  program: Program,
  profile: RunReport['profile'],
  kind: 'unloaded' | 'verified',
  error: NonNullable<RunReport['error']>,
): RunReport {
  return {
    program,
    profile,
    verdict: kind === 'unloaded' ? 'unloaded' : 'rejected',
    steps: 0,
    ledger: { before: [], after: [] },
    output: [],
    async: [],
    error,
  };
}

/** The scenario that `--scenario` names. */
export function scenarioOf(request: Pick<RunRequest, 'scenario'>, host: Host): Scenario {
  const file = request.scenario;
  if (file === undefined) return {};
  const scenario = parseScenario(new TextDecoder().decode(host.readFile(file)), baseName(file));
  // A capture that the scenario names lies where the scenario does.
  const folder = file.slice(0, file.lastIndexOf('/') + 1);
  return withCapturedPacket(scenario, (path) => host.readFile(path.startsWith('/') ? path : folder + path));
}

/** The packet of `--packet` takes the place of the scenario's. */
function withPacket(scenario: Scenario, request: RunRequest, host: Host): Scenario {
  if (request.packet === undefined) return scenario;
  const data = packetBytes(request.packet, host);
  const context = scenario.context ?? {};
  const { pcap: _, ...packet } = context.packet ?? {};
  return { ...scenario, context: { ...context, packet: { ...packet, data } } };
}
