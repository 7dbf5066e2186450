/** Commands that look at the present moment. */
import { BailoutError } from '../errors.ts';
import { evaluate } from '../debugger/expressions/evaluate.ts';
import { FORMATS, formatNumber, formatValue } from '../debugger/expressions/format.ts';
import type { Format } from '../debugger/expressions/format.ts';
import { nameOf } from '../debugger/expressions/types.ts';
import { numberOf, unsigned } from '../debugger/expressions/values.ts';
import {
  descriptorsView,
  formatPosition,
  framesView,
  mapEntries,
  placeView,
  registersView,
  resourcesView,
  symbolOf,
  unwindingView,
} from '../debugger/inspect.ts';
import type { RunView } from '../debugger/runs.ts';
import { RUN_NAMES, runView, runsLike } from '../debugger/runs.ts';
import type { Session } from '../debugger/session.ts';
import { baseName, lineAt } from '../debugger/source.ts';
import { claimsOutput } from './claims.ts';
import type { Patience } from '../trace/timeline.ts';
import type { Command, Output } from './command.ts';
import { countOf, table, usageError } from './command.ts';
import { events } from './recordings.ts';
import { breakpointsOutput } from './stopping.ts';
import { whereLines } from './stops.ts';

const print: Command = {
  name: 'print',
  aliases: ['p', 'inspect'],
  group: 'Looking',
  usage: 'print[/FORMAT] EXPRESSION',
  summary: 'shows the value of an expression in C',
  details:
    'Registers r0 to r10 and fp, variables of the object, maps (flows[key].bytes, map["flows"][key]), ctx, $step, $pc, $cookie, $held, casts to types of\nthe object and the kernel. FORMAT: x d u o t c z s a, as in gdb. Values are kept as $1, $2, …',
  run(args, { session }) {
    const [, letter, text = ''] = /^(?:\/(\w)\s+)?(.*)$/s.exec(args.trim()) ?? [];
    if (letter !== undefined && !isFormat(letter))
      throw usageError(print, `There is no format \`${letter}\`: ${FORMATS.join(' ')}.`);
    if (text === '') throw usageError(print, 'The value of what?');
    if (!session.isRunning) session.liveTimeline();
    const { scope, machine } = session;
    const value = evaluate(text, scope);
    const shown = formatValue(value, (address, size) => scope.read(address, size), {
      symbol: (address) => symbolOf(machine, address),
      ...(letter !== undefined && isFormat(letter) ? { format: letter } : {}),
    });
    scope.history.push(value);
    const type = value.kind === 'text' || value.kind === 'map' ? value.kind : nameOf(value.type);
    return { text: `$${scope.history.length} = ${shown}`, data: { expression: text, type, value: shown } };
  },
  complete: (_args, { session }) => (session.isRunning ? session.scope.names() : session.symbols.names()),
};

function isFormat(letter: string): letter is Format {
  return (FORMATS as readonly string[]).includes(letter);
}

const SIZES: Readonly<Record<string, number>> = { b: 1, h: 2, w: 4, g: 8 };

const examine: Command = {
  name: 'x',
  aliases: [],
  group: 'Looking',
  usage: 'x[/COUNT FORMAT SIZE] ADDRESS',
  summary: 'shows memory: x/4xg fp-32, x/16xb r1, x/s r2, x/8i $pc',
  details: 'SIZE: b 1, h 2, w 4, g 8 bytes. FORMAT: x d u o t c z a, s for text, i for instructions.',
  run(args, { session }) {
    const [, count = '1', letters = '', text = ''] = /^(?:\/(\d*)([a-z]*)\s+)?(.*)$/s.exec(args.trim()) ?? [];
    const size = [...letters].map((letter) => SIZES[letter]).find((bytes) => bytes !== undefined) ?? 8;
    const format = [...letters].find((letter) => SIZES[letter] === undefined) ?? 'x';
    const number = Math.min(countOf(count, 1, examine), 4096);
    if (text === '') throw usageError(examine, 'Which address?');
    const { scope, machine } = session;
    const value = evaluate(text, scope);
    if (value.kind === 'text' || value.kind === 'map' || value.kind === 'nothing')
      throw usageError(examine, `\`${text}\` is no address.`);
    const read = (address: bigint, length: number): Uint8Array => scope.read(address, length);
    const { bits: address } = numberOf(value, read);
    if (format === 'i') return listInsns(session, Number(address), number);
    if (format === 's') {
      const shown = formatValue(
        {
          kind: 'place',
          type: { kind: 'array', of: { kind: 'integer', name: 'char', size: 1, signed: true, text: true }, count: 64 },
          address,
        },
        read,
      );
      return {
        text: `0x${address.toString(16)}: ${shown}`,
        data: { address: `0x${address.toString(16)}`, text: shown },
      };
    }
    if (!isFormat(format)) throw usageError(examine, `There is no format \`${format}\`.`);
    const perLine = Math.max(1, 16 / size);
    const rows: string[] = [];
    const data: string[] = [];
    for (let i = 0; i < number; i += perLine) {
      const at = address + BigInt(i * size);
      const cells = Array.from({ length: Math.min(perLine, number - i) }, (_, k) => {
        const word = unsigned(read(at + BigInt(k * size), size));
        return format === 'x' ? `0x${word.toString(16).padStart(size * 2, '0')}` : formatNumber(word, size, format);
      });
      data.push(...cells);
      const symbol = symbolOf(machine, at);
      rows.push(`0x${at.toString(16)}${symbol === undefined ? '' : ` <${symbol}>`}: ${cells.join('  ')}`);
    }
    return { text: rows.join('\n'), data: { address: `0x${address.toString(16)}`, size, words: data } };
  },
};

function listInsns(session: Session, from: number, count: number): Output {
  const program = session.isRunning
    ? (session.machine.frames()[session.scope.frame]?.image.program ?? session.program)
    : session.program;
  const current = session.isRunning ? session.machine.frames()[session.scope.frame]?.insn : undefined;
  const lines: string[] = [];
  const data: object[] = [];
  const { instructions } = program;
  for (
    let i = Math.max(from, 0), shown = 0;
    i < instructions.length && shown < count;
    i += instructions.slots(i), shown++
  ) {
    const place = placeView(program, i);
    const line = lineAt(program, i);
    const before = data.length === 0 ? undefined : lineAt(program, i - 1);
    if (line !== undefined && line.text !== '' && line !== before)
      lines.push(`; ${line.text.trim()} @ ${baseName(line.file)}:${line.line}`);
    lines.push(`${i === current ? '=>' : '  '} ${String(i).padStart(4)}: ${place.text}`);
    data.push(place);
  }
  return { text: lines.join('\n'), data };
}

const list: Command = {
  name: 'list',
  aliases: ['l'],
  group: 'Looking',
  usage: 'list [INSN | FUNCTION]',
  summary: 'shows instructions with their source lines, around the present one',
  run(args, { session }) {
    const word = args.trim();
    if (/^\d+$/.test(word)) return listInsns(session, Number(word), 20);
    if (word !== '') {
      const found = session.program.subprograms.find(({ name }) => name === word);
      if (found === undefined) throw usageError(list, `${session.program.name} has no function \`${word}\`.`);
      return listInsns(session, found.start, found.end - found.start);
    }
    const insn = session.isRunning ? (session.machine.frames()[session.scope.frame]?.insn ?? 0) : 0;
    return listInsns(session, Math.max(insn - 8, 0), 20);
  },
  complete: (_args, { session }) => session.program.subprograms.map(({ name }) => name),
};

const backtrace: Command = {
  name: 'bt',
  aliases: ['backtrace', 'where'],
  group: 'Looking',
  usage: 'bt',
  summary: 'shows the frames, the innermost first',
  run(_args, { session }) {
    const frames = framesView(session.machine);
    const rows = frames.map((frame) => [
      `${frame.index === session.scope.frame ? '*' : ' '}#${frame.index}`,
      frame.function,
      frame.kind,
      `insn ${frame.insn}`,
      frame.line === undefined ? '' : `${frame.file}:${frame.line}`,
    ]);
    return { text: table(rows), data: frames };
  },
};

function choosing(
  name: string,
  aliases: string[],
  usage: string,
  summary: string,
  choose: (now: number, args: string) => number,
): Command {
  return {
    name,
    aliases,
    group: 'Looking',
    usage,
    summary,
    run(args, { session }) {
      const frames = framesView(session.machine);
      const index = choose(session.scope.frame, args.trim());
      const frame = frames[index];
      if (frame === undefined)
        throw new BailoutError('NO_FRAME', `There is no frame ${index}.`, {
          hint: frames.length === 0 ? 'Start one: run.' : `Frames are 0 to ${frames.length - 1}: bt`,
        });
      session.scope.frame = index;
      return { text: [`#${index} ${frame.function}`, ...whereLines(session).slice(1)].join('\n'), data: frame };
    },
  };
}

const who: Command = {
  name: 'who',
  aliases: ['wrote'],
  group: 'Looking',
  usage: 'who EXPRESSION',
  summary: 'who wrote this register, stack slot or map value last before now',
  details: 'who r6, who *(u32 *)(fp - 8), who flows[1].bytes. `goto` goes there.',
  run(args, { session, limits }) {
    if (args.trim() === '') throw usageError(who, 'Who wrote what?');
    const written = session.whoWrote(args.trim(), limits);
    if (written === undefined) return { text: `Nothing has written ${args.trim()} since the beginning.`, data: null };
    const place = placeView(written.program, written.insn);
    const at = formatPosition(written.position, session.timeline.runs.length > 1);
    const line = place.line === undefined ? '' : ` at ${place.file}:${place.line}`;
    const source = place.source === undefined ? [] : [`${place.line}\t${place.source}`];
    return {
      text: [`${at} · ${place.function}${line}`, ...source, `   ${place.insn}: ${place.text}`].join('\n'),
      data: { position: written.position, at: place },
    };
  },
};

interface Topic {
  readonly summary: string;
  show(session: Session, rest: string, limits: Patience): Output;
}

/** Runs that `info runs` shows; the data have all. */
const SHOWN_RUNS = 200;

function runsOutput(session: Session, filter: string, limits: Patience): Output {
  const data = runsLike(session, filter, limits).map((index) => runView(session, index));
  const all = session.timeline.runs.length;
  if (data.length === 0) return { text: `None of ${all} ${all === 1 ? 'run' : 'runs'} is like that.`, data };
  const { position } = session;
  const rows = data
    .slice(0, SHOWN_RUNS)
    .map((run) => [`${run.run === position.run ? '*' : ' '}${run.run}`, ...runCells(run)]);
  const more = data.length - rows.length;
  const head = [' run', 'program', 'result', 'throws', 'steps', 'input'];
  const text = [table([head, ...rows]), ...(more === 0 ? [] : [`… ${more} more: info runs FILTER`])].join('\n');
  return { text, data };
}

function runCells(run: RunView): string[] {
  const { program, what, result, resultName, fault, throws, steps, input } = run;
  const returned = result === undefined ? (fault ?? 'under way') : [result, resultName ?? ''].join(' ').trimEnd();
  return [
    what === 'program' ? program : `${program} (${what})`,
    returned,
    throws === 0 ? '–' : String(throws),
    steps === undefined ? '…' : String(steps),
    input ?? '',
  ];
}

const TOPICS: Readonly<Record<string, Topic>> = {
  regs: {
    summary: 'the registers of the chosen frame',
    show(session) {
      const data = registersView(session.machine, session.scope.frame);
      const rows = data.map((register) => [
        register.name,
        register.value ?? '–',
        register.decimal ?? 'kept nowhere',
        register.pointsTo === undefined ? '' : `<${register.pointsTo}>`,
      ]);
      return { text: table(rows), data };
    },
  },
  frame: {
    summary: 'the chosen frame',
    show(session) {
      const frame = framesView(session.machine)[session.scope.frame];
      if (frame === undefined) return { text: 'There is no frame.', data: null };
      return {
        text: [
          `#${frame.index} ${frame.function} (${frame.kind}), fp = ${frame.framePointer}`,
          ...whereLines(session).slice(1),
        ].join('\n'),
        data: frame,
      };
    },
  },
  resources: {
    summary: 'what the program holds: the ledger',
    show(session) {
      const data = resourcesView(session.machine);
      if (data.length === 0) return { text: 'Nothing is held.', data };
      const rows = data.map((entry) => [
        `#${entry.id}`,
        entry.typeName,
        entry.value,
        `by ${entry.by} at insn ${entry.insn}`,
        `frame ${entry.frame}`,
        `released by ${entry.release}`,
      ]);
      return { text: table(rows), data };
    },
  },
  unwind: {
    summary: 'the phases of the unwinding',
    show(session) {
      const data = unwindingView(session.machine);
      if (data.length === 0) return { text: 'Nothing has been thrown.', data };
      return {
        text: data
          .map((phase) => `${phase.done ? '✓' : ' '} ${String(phase.phase).padStart(2)}  ${phase.text}`)
          .join('\n'),
        data,
      };
    },
  },
  descriptors: {
    summary: 'what unwinding releases, by instruction',
    show(session) {
      const data = descriptorsView(session);
      const rows = data.flatMap((descriptor) =>
        descriptor.entries.length === 0
          ? [[descriptor.function, `insn ${descriptor.insn}`, '–', 'nothing held']]
          : descriptor.entries.map((entry, i) => [
              i === 0 ? descriptor.function : '',
              i === 0 ? `insn ${descriptor.insn}` : '',
              entry.place,
              `${entry.type}, ${entry.release}`,
            ]),
      );
      return { text: rows.length === 0 ? 'The program has no frame descriptors.' : table(rows), data };
    },
  },
  maps: {
    summary: 'the first elements of each map',
    show(session) {
      const { machine } = session.isRunning ? session : session.liveTimeline();
      const data = machine.kernel.maps
        .all()
        .map((map) => ({ name: map.name, entries: mapEntries(session, machine, map, 8) }));
      const text = data
        .map(({ name, entries }) => [name, ...entries.map((entry) => `  [${entry.key}] = ${entry.value}`)].join('\n'))
        .join('\n');
      return { text: text === '' ? 'The object has no maps.' : text, data };
    },
  },
  claims: { summary: 'what the verifier says about registers and stack here', show: claimsOutput },
  breakpoints: { summary: 'breakpoints and watchpoints', show: breakpointsOutput },
  runs: {
    summary: `the runs so far; with a filter those that it lets through: ${RUN_NAMES.join(', ')}, values at their end`,
    show: runsOutput,
  },
  output: {
    summary: 'what programs have printed and sent up to now',
    show(session) {
      const { lines, earlier } = session.machine.kernel.output.newest();
      const data = lines.map(({ kind, text, map, bytes }) => ({
        kind,
        // Records are bytes, not text.
        text: bytes === undefined ? text : Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' '),
        ...(map === undefined ? {} : { map }),
      }));
      return {
        text:
          data.length === 0
            ? 'Nothing yet.'
            : [
                ...(earlier === 0 ? [] : [`… after ${earlier.toLocaleString('en')} lines more: go back to see them`]),
                ...data.map(({ map, text }) => `${map === undefined ? '' : `${map}: `}${text}`),
              ].join('\n'),
        data,
      };
    },
  },
};

const info: Command = {
  name: 'info',
  aliases: ['i'],
  group: 'Looking',
  usage: `info ${[...Object.keys(TOPICS), 'events'].join(' | ')}`,
  summary: 'tells about the present moment',
  details: Object.entries(TOPICS)
    .map(([name, { summary }]) => `  ${name.padEnd(12)} ${summary}`)
    .join('\n'),
  run(args, context) {
    const { session } = context;
    const [, word = '', rest = ''] = /^(\S*)\s*(.*)$/s.exec(args.trim()) ?? [];
    if (word === 'events') return events.run(rest, context);
    const names = Object.keys(TOPICS);
    const topic =
      names.find((name) => name === word) ?? (word === '' ? undefined : names.find((name) => name.startsWith(word)));
    const found = topic === undefined ? undefined : TOPICS[topic];
    if (found === undefined)
      throw usageError(info, word === '' ? 'About what?' : `Nothing is known about \`${word}\`.`);
    return found.show(session, rest, context.limits);
  },
  complete: (args) => (args.length <= 1 ? [...Object.keys(TOPICS), 'events'] : args[0] === 'runs' ? RUN_NAMES : []),
};

export const LOOKING: readonly Command[] = [
  print,
  examine,
  list,
  backtrace,
  choosing('frame', ['f'], 'frame [N]', 'chooses a frame, for registers and expressions', (now, args) =>
    args === '' ? now : Number(args),
  ),
  choosing('up', [], 'up', 'chooses the frame that called', (now) => now + 1),
  choosing('down', [], 'down', 'chooses the frame that was called', (now) => now - 1),
  info,
  who,
];
