/** `bailout run`: verifies a program, runs it once, and shows what came of it. */
import type { Scenario } from '../../../core/kernel/scenario.ts';
import { parseScenario, withCapturedPacket } from '../../../core/kernel/scenario-file.ts';
import type { Program } from '../../../core/object/program.ts';
import type { RunReport } from '../format/run.ts';
import { formatRun, runJson } from '../format/run.ts';
import { formatOutcome } from '../format/verify.ts';
import { setGlobals } from '../globals.ts';
import type { ExitStatus, Host } from '../host.ts';
import { loadFile } from '../load.ts';
import type { RunRequest } from '../options.ts';
import { packetBytes } from '../packet.ts';
import { baseName, chooseProgram } from '../program.ts';
import { simulate } from '../simulate.ts';
import { explained } from './verify.ts';

export function run(request: RunRequest, host: Host): ExitStatus {
  const object = loadFile(host, request.file);
  const program = chooseProgram(object, request.program);
  setGlobals(object, request.globals);
  const scenario = withPacket(scenarioOf(request, host), request, host);
  const profile = request.profile === undefined ? {} : { profile: request.profile };
  const outcome = explained(program, profile, 0);
  if (outcome.kind === 'unloaded' || outcome.verification.verdict === 'rejected') {
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
  const { verification } = outcome;
  const report = simulate({ object, verification, profile: request.profile, scenario, maxSteps: request.maxSteps });
  if (request.json) writeJson(host, report);
  else host.write(`${formatRun(report, host.style, request.phases).join('\n')}\n`);
  return report.error === undefined ? 0 : 1;
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

function scenarioOf(request: RunRequest, host: Host): Scenario {
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
