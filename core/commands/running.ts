/** Commands that go along the runs of a program, forwards and backwards. */
import { BailoutError } from '../errors.ts';
import type { Direction, Session, Stopped } from '../debugger/session.ts';
import type { Patience, Position } from '../trace/timeline.ts';
import { cancelled } from '../trace/timeline.ts';
import type { Command, Context, Output } from './command.ts';
import { countOf, usageError } from './command.ts';
import { chosenInput, packetContext, runAll } from './packets.ts';
import { stopOutput } from './stops.ts';

function moving(
  names: readonly [string, ...string[]],
  usage: string,
  summary: string,
  go: (session: Session, count: number, limits: Patience) => Stopped,
  details?: string,
): Command {
  const [name, ...aliases] = names;
  const command: Command = {
    name,
    aliases,
    group: 'Running',
    usage,
    summary,
    ...(details === undefined ? {} : { details }),
    repeats: true,
    run(args, { session, limits }): Output {
      const count = countOf(args, 1, command);
      requireRun(session);
      return stopOutput(session, go(session, count, limits));
    },
  };
  return command;
}

function requireRun(session: Session): void {
  if (!session.isRunning)
    throw new BailoutError('NOT_RUNNING', 'No program has been run.', { hint: 'Start one: run.' });
}

function several(session: Session, count: number, direction: Direction, limits: Patience): Stopped {
  let stopped = session.continue(direction, limits);
  for (let i = 1; i < count && (stopped.why === 'breakpoint' || stopped.why === 'watchpoint'); i++)
    stopped = session.continue(direction, limits);
  return stopped;
}

const verifiedOrRejected = (session: Session): string[] => {
  const { verdict, message } = session.verification();
  return verdict === 'rejected'
    ? [`The verifier rejects this program (${message || 'see log'}); it is run anyway.`]
    : [];
};

const STARTING =
  'Maps keep what earlier runs left in them; `reset` begins anew. The verifier looks at the program first.';

const run: Command = {
  name: 'run',
  aliases: ['r'],
  group: 'Running',
  usage: 'run [--all]',
  summary: 'starts the program, and runs it to the first breakpoint or its end',
  details: `${STARTING}\nWith --all there is a run for each packet of the capture that \`packet\` chose, each to its end.`,
  run(args, context) {
    const wanted = args.trim();
    if (wanted !== '' && wanted !== '--all') throw usageError(run, `\`${wanted}\` is nothing that \`run\` takes.`);
    return starting(context, ({ session }) =>
      wanted === '--all'
        ? runAll(context)
        : stopOutput(session, session.run(packetContext(context), context.limits, chosenInput(context))),
    );
  },
  complete: () => ['--all'],
};

const start: Command = {
  name: 'start',
  aliases: [],
  group: 'Running',
  usage: 'start',
  summary: 'starts the program, and stops before its first instruction',
  details: STARTING,
  run: (_args, context) =>
    starting(context, ({ session }) =>
      stopOutput(session, session.start(packetContext(context), context.limits, chosenInput(context))),
    ),
};

/** What the verifier has against it is said before the program begins. */
function starting(context: Context, begin: (context: Context) => Output): Output {
  const remarks = verifiedOrRejected(context.session);
  const output = begin(context);
  return { ...output, text: [...remarks, output.text].join('\n') };
}

const goto: Command = {
  name: 'goto',
  aliases: ['g'],
  group: 'Running',
  usage: 'goto STEP[.PHASE] | RUN:STEP[.PHASE] | PERCENT% | start | end',
  summary: 'goes to any moment of the runs',
  details: '`goto 1204.4` is phase 4 of the unwinding after 1,204 instructions; `goto 1:0` is where run 1 begins.',
  run(args, { session, limits }) {
    requireRun(session);
    return stopOutput(session, session.goto(positionOf(args.trim(), session, limits), limits));
  },
};

function positionOf(text: string, session: Session, limits: Patience): Position {
  const { position, timeline } = session;
  const run = timeline.runs[position.run];
  const first = run?.first ?? timeline.first;
  if (text === 'start') return first;
  const last = (): Position => {
    if (timeline.runs[position.run]?.last === undefined && session.complete(limits) === 'cancelled') throw cancelled();
    return timeline.runs[position.run]?.last ?? { run: position.run, step: Number.MAX_SAFE_INTEGER, phase: 0 };
  };
  if (text === 'end') return last();
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text);
  if (percent !== null) {
    const end = last();
    return {
      run: end.run,
      step: Math.round(first.step + ((end.step - first.step) * Math.min(Number(percent[1]), 100)) / 100),
      phase: 0,
    };
  }
  const match = /^(?:(\d+):)?([\d,_]+)(?:\.(\d+))?$/.exec(text);
  if (match === null) throw usageError(goto, `\`${text}\` is no moment.`);
  return {
    run: match[1] === undefined ? position.run : Number(match[1]),
    step: Number(match[2]!.replaceAll(/[,_]/g, '')),
    phase: Number(match[3] ?? 0),
  };
}

const BACK = 'The same backwards.';

export const RUNNING: readonly Command[] = [
  run,
  start,
  {
    name: 'reset',
    aliases: [],
    group: 'Running',
    usage: 'reset',
    summary: 'forgets all runs, and what they left in maps',
    run(_args, { session }) {
      session.reset();
      return { text: 'All runs are forgotten.', data: {} };
    },
  },
  moving(
    ['continue', 'c'],
    'continue [COUNT]',
    'runs on to a breakpoint, a watchpoint, or the end of the run',
    (session, count, limits) => several(session, count, 'forwards', limits),
    'At the end of a run it goes into the next one, where there is one.',
  ),
  moving(
    ['stepi', 'si'],
    'stepi [COUNT]',
    'executes one instruction; while a throw unwinds, one phase',
    (session, count, limits) => session.stepi(count, 'forwards', limits),
  ),
  moving(
    ['step', 's'],
    'step [COUNT]',
    'runs to another source line, into functions and unwinding',
    (session, count, limits) => session.line(true, count, 'forwards', limits),
  ),
  moving(
    ['next', 'n'],
    'next [COUNT]',
    'runs to another source line, over functions and unwinding',
    (session, count, limits) => session.line(false, count, 'forwards', limits),
  ),
  moving(['finish', 'fin'], 'finish', 'runs until the chosen frame is gone', (session, _count, limits) =>
    session.finish('forwards', limits),
  ),
  moving(
    ['rcontinue', 'rc', 'reverse-continue'],
    'rcontinue [COUNT]',
    'runs back to a breakpoint, a watchpoint, or the beginning of the run',
    (session, count, limits) => several(session, count, 'backwards', limits),
    BACK,
  ),
  moving(
    ['rstepi', 'rsi', 'reverse-stepi'],
    'rstepi [COUNT]',
    'takes one instruction or phase back',
    (session, count, limits) => session.stepi(count, 'backwards', limits),
    BACK,
  ),
  moving(
    ['rstep', 'rs', 'reverse-step'],
    'rstep [COUNT]',
    'runs back to the beginning of a source line, into functions',
    (session, count, limits) => session.line(true, count, 'backwards', limits),
    BACK,
  ),
  moving(
    ['rnext', 'rn', 'reverse-next'],
    'rnext [COUNT]',
    'runs back to the beginning of a source line, over functions',
    (session, count, limits) => session.line(false, count, 'backwards', limits),
    BACK,
  ),
  moving(
    ['rfinish', 'rfin', 'reverse-finish'],
    'rfinish',
    'runs back to the call that began the chosen frame',
    (session, _count, limits) => session.finish('backwards', limits),
    BACK,
  ),
  goto,
];
