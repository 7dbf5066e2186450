/** The unwinding that is under way, or the newest one before now, frame by frame: what the page draws as cards. */
import { lineAt, baseName } from '../debugger/source.ts';
import type { Session } from '../debugger/session.ts';
import type { DescriptorEntry, FrameDescriptor } from '../exceptions/descriptor.ts';
import { descriptorBytes } from '../exceptions/descriptor.ts';
import type { Found, UnwindFrame, UnwindPlan, UnwindStep } from '../exceptions/unwinder.ts';
import type { Program } from '../object/program.ts';
import type { UnwindEntryView, UnwindFrameView, UnwindView } from '../protocol/views.ts';
import type { Position, TimelineRun } from '../trace/timeline.ts';
import { endView } from './state-view.ts';
import type { RunIndex } from './run-index.ts';
import { explainThrow } from './throw-reason.ts';

/** A throw, and how far its unwinding is at the moment that is looked at. */
interface Throw {
  readonly plan: UnwindPlan;
  readonly position: Position;
  readonly program: Program;
  /** Phases done. */
  readonly phase: number;
}

/** Null when nothing was thrown in this run up to now. */
export function unwindView(session: Session, index: RunIndex): UnwindView | null {
  const thrown = throwBefore(session, index);
  if (thrown === undefined) return null;
  const { plan, position, program, phase } = thrown;
  const facts = explainThrow(session, position, program, plan);
  const first = plan.steps[0];
  const insn = first?.kind === 'throw' ? first.insn : 0;
  const line = lineAt(program, insn);
  const run = session.timeline.runs[position.run];
  return {
    program: program.name,
    cookie: String(plan.cookie),
    thrown: {
      position,
      function: framesOf(plan)[0]?.frame.name ?? program.name,
      insn,
      ...(line === undefined ? {} : { file: baseName(line.file), line: line.line }),
    },
    why: facts.why,
    phase,
    phases: plan.steps.length,
    frames: frameCards(session, thrown, facts.callbacks),
    callback: callbackCard(session, thrown),
    ...returnedPart(session, run),
  };
}

function throwBefore(session: Session, index: RunIndex): Throw | undefined {
  const { machine, position, object } = session;
  const present = machine.unwinding;
  if (present !== undefined) {
    const program = machine.location?.program;
    if (program === undefined) return undefined;
    return { plan: present, position: { ...position, phase: 0 }, program, phase: machine.phase };
  }
  const at = index.throwBefore(position.step);
  const step = index.throws.steps[at];
  // The machine knows every throw since its program began, callbacks that ran on their own among them.
  const plan = machine.throws.at(-1);
  if (step === undefined || plan === undefined) return undefined;
  const name = index.thrown(at).program;
  const program = object.programs.find((candidate) => candidate.name === name);
  if (program === undefined) return undefined;
  return { plan, position: { run: position.run, step, phase: 0 }, program, phase: plan.steps.length };
}

interface PlannedFrame {
  readonly frame: UnwindFrame;
  /** Phases, from 1. */
  readonly enter: number;
  readonly leave: number;
  readonly steps: readonly {
    readonly step: Extract<UnwindStep, { kind: 'release' | 'skip' }>;
    readonly phase: number;
  }[];
}

function framesOf(plan: UnwindPlan): PlannedFrame[] {
  const frames: PlannedFrame[] = [];
  let enter = 0;
  let steps: { step: Extract<UnwindStep, { kind: 'release' | 'skip' }>; phase: number }[] = [];
  for (const [i, step] of plan.steps.entries()) {
    if (step.kind === 'enter-frame') {
      enter = i + 1;
      steps = [];
    } else if (step.kind === 'release' || step.kind === 'skip') steps.push({ step, phase: i + 1 });
    else if (step.kind === 'leave-frame') frames.push({ frame: step.frame, enter, leave: i + 1, steps });
  }
  return frames;
}

function frameCards(
  session: Session,
  { plan, position, program, phase }: Throw,
  callbacks: ReadonlySet<number>,
): UnwindFrameView[] {
  const planned = framesOf(plan);
  const names = new Map(planned.map(({ frame }) => [frame.frame, frame.name]));
  const descriptors = descriptorsOf(session, program);
  return planned.map(({ frame, enter, leave, steps }, i): UnwindFrameView => {
    const line = lineAt(program, frame.insn);
    const caller = planned[i + 1]?.frame;
    const descriptor = descriptorText(descriptors, frame.insn);
    return {
      function: frame.name,
      linkage: linkageOf(program, frame, callbacks),
      insn: frame.insn,
      note: i === 0 ? 'throws here' : caller === undefined ? '' : `called from insn ${caller.insn}`,
      ...(line === undefined ? {} : { file: baseName(line.file), line: line.line }),
      ...(descriptor === undefined ? {} : { descriptor }),
      entries: steps.map(({ step, phase: at }) => entryView(position.run, step, at, phase, names)),
      enter,
      leave,
      state: phase >= leave ? 'gone' : phase + 1 >= enter ? 'now' : 'waiting',
    };
  });
}

function linkageOf(program: Program, { frame, subprogram }: UnwindFrame, callbacks: ReadonlySet<number>): string {
  if (frame === 0) return 'main program';
  if (callbacks.has(frame)) return 'callback';
  return program.subprograms[subprogram]?.linkage === 'global' ? 'global' : 'static';
}

function descriptorsOf(session: Session, program: Program): readonly FrameDescriptor[] {
  if (program.loadError !== undefined) return [];
  return session.verification(program).descriptors.filter(({ entries }) => entries.length > 0);
}

function descriptorText(descriptors: readonly FrameDescriptor[], insn: number): string | undefined {
  const at = descriptors.findIndex((descriptor) => descriptor.insn === insn);
  const found = descriptors[at];
  if (found === undefined) return undefined;
  return `descriptor ${at + 1} of ${descriptors.length} · ${descriptorBytes(found)} bytes`;
}

function entryView(
  run: number,
  step: Extract<UnwindStep, { kind: 'release' | 'skip' }>,
  phase: number,
  done: number,
  names: ReadonlyMap<number, string>,
): UnwindEntryView {
  const common = {
    place: step.place,
    typeName: step.entry.typeName,
    release: step.entry.release,
    found: foundText(step.found, names),
    ...(step.found.kind === 'saved-register'
      ? { savedIn: { depth: step.found.frame, offset: step.found.offset } }
      : {}),
    phase,
  };
  if (step.kind === 'skip') {
    return {
      ...common,
      ...acquiredInsn(step.entry),
      state: 'skipped',
      reason: step.reason === 'empty' ? 'null here' : 'released already',
    };
  }
  const { id, at, before } = step.resource;
  return {
    ...common,
    resource: id,
    acquiredInsn: at.insn,
    ...(before ? {} : { acquiredAt: { run, step: at.step, phase: 0 } }),
    state: done >= phase ? 'released' : done + 1 === phase ? 'releasing' : 'held',
  };
}

function acquiredInsn({ acquiredAt }: DescriptorEntry): { acquiredInsn?: number } {
  const last = acquiredAt.at(-1);
  return last === undefined ? {} : { acquiredInsn: last };
}

function foundText(found: Found, names: ReadonlyMap<number, string>): string {
  switch (found.kind) {
    case 'live-register':
      return 'live register at the throw';
    case 'saved-register':
      return `saved by ${names.get(found.frame) ?? `frame ${found.frame}`} at fp${found.offset}`;
    case 'slot':
      return 'stack slot';
    case 'region':
      return 'in force here';
  }
}

function callbackCard(session: Session, { plan, program, phase }: Throw): UnwindView['callback'] {
  const last = plan.steps.at(-1);
  const reached = plan.steps.length - 1;
  const state = phase < reached ? 'waiting' : isInCallback(session, phase, reached) ? 'now' : 'gone';
  if (last?.kind !== 'callback') return { kind: 'default', name: 'the default callback', state };
  const subprogram = program.subprograms[last.subprogram];
  return {
    kind: 'program',
    name: subprogram?.name ?? 'exception callback',
    ...(subprogram === undefined ? {} : { insn: subprogram.start }),
    state,
  };
}

/** It is next, or it runs. */
function isInCallback({ machine }: Session, phase: number, reached: number): boolean {
  if (machine.end !== undefined) return false;
  return phase === reached || machine.frames().some(({ kind }) => kind === 'exception-callback');
}

function returnedPart({ machine }: Session, run: TimelineRun | undefined): Pick<UnwindView, 'returned'> {
  if (run?.end?.kind !== 'exit') return {};
  const end = endView(run);
  if (end.kind !== 'exit') return {};
  return {
    returned: {
      value: end.value,
      ...(end.name === undefined ? {} : { name: end.name }),
      state: machine.end === undefined ? 'waiting' : 'now',
    },
  };
}
