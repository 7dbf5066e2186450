/** Commands about breakpoints and watchpoints. */
import type { Session } from '../debugger/session.ts';
import type { Command, Context, Output } from './command.ts';
import { countOf, table, usageError, words } from './command.ts';

const LOCATIONS = `A location is LINE, FILE:LINE, FUNCTION, *INSN, kfunc:NAME, helper:NAME, throw (before each bpf_throw),
phase (each phase of an unwinding) or map:NAME (each call that changes the map). \`if EXPRESSION\` makes it conditional.`;

function breaking(name: string, aliases: string[], temporary: boolean): Command {
  return {
    name,
    aliases,
    group: 'Stopping',
    usage: `${name} [LOCATION] [if EXPRESSION]`,
    summary: temporary ? 'stops there once' : 'stops there, forwards and backwards',
    details: LOCATIONS,
    run(args, { session }): Output {
      const [, location = '', condition] = /^(.*?)(?:(?:^|\s+)if\b\s*(.+))?$/s.exec(args.trim()) ?? [];
      const added = session.addBreakpoint(location.trim(), {
        temporary,
        ...(condition === undefined ? {} : { condition }),
      });
      const places = [...added.insns.values()].reduce(
        (sum, marks) => sum + marks.reduce((count, mark) => count + mark, 0),
        0,
      );
      const where =
        added.location.kind === 'phase'
          ? 'each phase of an unwinding'
          : `${places} ${places === 1 ? 'place' : 'places'}`;
      return {
        text: `Breakpoint ${added.id}: ${added.text}, ${where}${condition === undefined ? '' : `, if ${condition}`}`,
        data: { id: added.id, location: added.text, places, ...(condition === undefined ? {} : { condition }) },
      };
    },
    complete: (_args, context) => locations(context),
  };
}

function locations({ session }: Context): string[] {
  const functions = session.object.programs.flatMap(({ subprograms }) => subprograms.map(({ name }) => name));
  return [...new Set([...functions, 'throw', 'phase', ...session.object.maps.map(({ name }) => `map:${name}`)])];
}

const watch: Command = {
  name: 'watch',
  aliases: [],
  group: 'Stopping',
  usage: 'watch EXPRESSION',
  summary: 'stops when a value changes: of a register, memory, a map entry, an expression',
  details:
    'watch r6, watch *(u32 *)(fp - 8), watch flows[1].bytes, watch counter, watch 0xffff888000400000 (eight bytes there).',
  run(args, { session }) {
    if (args.trim() === '') throw usageError(watch, 'What is to be watched?');
    const added = session.addWatchpoint(args.trim());
    const value = added.show();
    return {
      text: `Watchpoint ${added.id}: ${added.expression.text}, now ${value}`,
      data: { id: added.id, expression: added.expression.text, value },
    };
  },
};

const del: Command = {
  name: 'delete',
  aliases: ['d'],
  group: 'Stopping',
  usage: 'delete [ID…]',
  summary: 'takes breakpoints and watchpoints away; all of them without a number',
  run(args, { session }) {
    const ids = words(args).map((word) => countOf(word, 0, del));
    if (ids.length === 0) {
      session.breakpoints.length = 0;
      session.watchpoints.length = 0;
    }
    for (const id of ids) session.delete(id);
    return { text: '', data: { deleted: ids } };
  },
};

function enabling(name: string, enabled: boolean): Command {
  const command: Command = {
    name,
    aliases: enabled ? ['en'] : ['dis'],
    group: 'Stopping',
    usage: `${name} [ID…]`,
    summary: enabled ? 'makes breakpoints count again' : 'lets breakpoints not count for a while',
    run(args, { session }) {
      const ids = words(args).map((word) => countOf(word, 0, command));
      const all = [...session.breakpoints, ...session.watchpoints];
      for (const item of ids.length === 0 ? all : ids.map((id) => session.find(id))) item.enabled = enabled;
      return { text: '', data: { ids, enabled } };
    },
  };
  return command;
}

const ignore: Command = {
  name: 'ignore',
  aliases: [],
  group: 'Stopping',
  usage: 'ignore ID COUNT',
  summary: 'passes so many hits of a breakpoint by',
  run(args, { session }) {
    const [id = '', count = ''] = words(args);
    const found = session.find(countOf(id, 0, ignore));
    if (!('ignore' in found)) throw usageError(ignore, `${id} is a watchpoint.`);
    found.ignore = count === '0' ? 0 : countOf(count, 1, ignore);
    return {
      text: `The next ${found.ignore} hits of breakpoint ${found.id} are passed by.`,
      data: { id: found.id, ignore: found.ignore },
    };
  },
};

/** The table of `info breakpoints`. */
export function breakpointsOutput(session: Session): Output {
  const data = [
    ...session.breakpoints.map(({ id, text, condition, enabled, hits, temporary }) => ({
      id,
      kind: temporary ? 'tbreak' : 'break',
      what: text,
      condition: condition?.text,
      enabled,
      hits,
    })),
    ...session.watchpoints.map(({ id, expression, enabled, hits }) => ({
      id,
      kind: 'watch',
      what: expression.text,
      condition: undefined,
      enabled,
      hits,
    })),
  ].sort((a, b) => a.id - b.id);
  if (data.length === 0) return { text: 'No breakpoints or watchpoints.', data };
  const rows = data.map((row) => [
    String(row.id),
    row.kind,
    row.enabled ? 'on' : 'off',
    `${row.hits} ${row.hits === 1 ? 'hit' : 'hits'}`,
    `${row.what}${row.condition === undefined ? '' : ` if ${row.condition}`}`,
  ]);
  return { text: table(rows), data };
}

export const STOPPING: readonly Command[] = [
  breaking('break', ['b'], false),
  breaking('tbreak', ['tb'], true),
  watch,
  del,
  enabling('enable', true),
  enabling('disable', false),
  ignore,
];
