/** How the terminal says where a session stands and why. */
import { lineAt } from '../debugger/source.ts';
import { describePhase, formatPosition, placeView, resourcesView } from '../debugger/inspect.ts';
import type { Session, Stopped } from '../debugger/session.ts';
import type { Output } from './command.ts';

/** Why it stopped, where it is, the source line and the instruction. */
export function stopOutput(session: Session, stopped: Stopped): Output {
  const lines = [...reasons(session, stopped), ...whereLines(session)];
  return {
    text: lines.join('\n'),
    data: {
      why: stopped.why,
      position: stopped.position,
      breakpoints: stopped.breakpoints.map(({ id, hits }) => ({ id, hits })),
      watchpoints: stopped.watchpoints,
      ...whereData(session),
    },
  };
}

function reasons(session: Session, stopped: Stopped): string[] {
  const lines = stopped.breakpoints.map(
    ({ id, text, hits }) => `Breakpoint ${id}, ${text}${hits > 1 ? ` (hit ${hits} times)` : ''}`,
  );
  for (const { id, expression, before, after } of stopped.watchpoints) {
    lines.push(`Watchpoint ${id}, ${expression}`, `  was ${before}`, `  is  ${after}`);
  }
  switch (stopped.why) {
    case 'end':
      break;
    case 'start':
      lines.push('The run begins here: no earlier hit.');
      break;
    case 'limit':
      lines.push(`Stopped after ${session.maxSteps} instructions; set max-steps N allows more.`);
      break;
    case 'cancelled':
      lines.push('Cancelled at:');
      break;
    default:
  }
  return lines;
}

/** The present moment in two or three lines. */
export function whereLines(session: Session): string[] {
  const { machine, position } = session;
  const several = session.timeline.runs.length > 1;
  const { end } = machine;
  // A fault is told by the place of its instruction.
  const at = formatPosition(end?.kind === 'fault' ? { ...position, phase: position.phase - 1 } : position, several);
  if (end?.kind === 'exit') {
    const held = machine.kernel.ledger.outstanding().length;
    const left = held === 0 ? '' : `; still holds ${held}`;
    return [`${programName(session)} returned ${Number(BigInt.asIntN(32, end.value))} (${at})${left}`];
  }
  if (end?.kind === 'fault')
    return [`${programName(session)} ended by an error at ${at}: ${end.fault.message} [${end.fault.code}]`];
  const frame = machine.frames()[session.scope.frame];
  if (frame === undefined) return [at];
  const { program } = frame.image;
  const place = placeView(program, frame.insn);
  const line = lineAt(program, frame.insn);
  const source = place.source === undefined || place.source === '' ? [] : [`${place.line}\t${place.source}`];
  const phase = machine.phase > 0 ? machine.unwinding?.steps[machine.phase - 1] : undefined;
  const head = `${at} · ${frame.name}${line === undefined ? '' : ` at ${place.file}:${place.line}`}`;
  if (phase === undefined && machine.unwinding !== undefined) {
    return [
      head,
      ...source,
      `   has thrown cookie ${machine.unwinding.cookie}: ${machine.unwinding.steps.length} phases of unwinding to come`,
    ];
  }
  if (phase !== undefined)
    return [head, `   unwinding ${machine.phase}/${machine.unwinding?.steps.length}: ${describePhase(phase)}`];
  return [head, ...source, `=> ${place.insn}: ${place.text}`];
}

function whereData(session: Session): object {
  const { machine } = session;
  const { end } = machine;
  if (end?.kind === 'exit')
    return { end: { kind: 'exit', value: Number(BigInt.asIntN(32, end.value)) }, held: resourcesView(machine).length };
  if (end?.kind === 'fault') return { end: { kind: 'fault', code: end.fault.code, message: end.fault.message } };
  const at = machine.location;
  const phase = machine.phase > 0 ? machine.unwinding?.steps[machine.phase - 1] : undefined;
  return {
    ...(at === undefined ? {} : { at: placeView(at.program, at.insn) }),
    ...(phase === undefined ? {} : { unwinding: describePhase(phase) }),
  };
}

function programName(session: Session): string {
  return session.timeline.runs[session.position.run]?.program.name ?? session.program.name;
}
