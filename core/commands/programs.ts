/** Commands about the object, its programs, and what the verifier says of them. */
import type { Profile } from '../exceptions/profile.ts';
import { PROFILES, isProfile } from '../exceptions/profile.ts';
import { loadObject } from '../object/object.ts';
import { Session } from '../debugger/session.ts';
import { baseName } from '../debugger/source.ts';
import { placeView } from '../debugger/inspect.ts';
import { diagnose } from '../verifier/diagnosis/diagnose.ts';
import { UNPAINTED, formatDiagnosis } from '../verifier/diagnosis/format.ts';
import type { Command } from './command.ts';
import { countOf, table, usageError, words } from './command.ts';
import { rememberObject } from './recordings.ts';

const load: Command = {
  name: 'load',
  aliases: ['file'],
  group: 'Programs',
  usage: 'load FILE',
  summary: 'loads an object file',
  run(args, context) {
    const path = args.trim();
    if (path === '') throw usageError(load, 'Which file?');
    const object = loadObject(context.host.readFile(path), {
      name: baseName(path),
      kernelBtf: context.host.kernelBtf(),
    });
    const session = new Session(object);
    context.open(session, path);
    rememberObject(context, path);
    const names = object.programs.map(({ name }) => name);
    const selected = session.hasProgram ? `, ${session.program.name} is selected` : '';
    return {
      text: `${object.name}: ${names.length} ${names.length === 1 ? 'program' : 'programs'}, ${object.maps.length} ${object.maps.length === 1 ? 'map' : 'maps'}${selected}`,
      data: { object: object.name, programs: names, maps: object.maps.map(({ name }) => name) },
    };
  },
};

const prog: Command = {
  name: 'prog',
  aliases: ['program'],
  group: 'Programs',
  usage: 'prog list | prog select NAME',
  summary: 'lists the programs, and selects one',
  run(args, { session }) {
    const [what = 'list', name] = words(args);
    if (what === 'select') {
      if (name === undefined) throw usageError(prog, 'Which program?');
      const program = session.select(name);
      return { text: `${program.name} (${program.section}) is selected.`, data: { program: program.name } };
    }
    if (what !== 'list') throw usageError(prog, `\`${what}\` is nothing that can be done with programs.`);
    const data = session.object.programs.map((program) => ({
      name: program.name,
      type: program.type,
      section: program.section,
      insns: program.instructions.length,
      selected: session.hasProgram && session.program === program,
    }));
    return {
      text: table(
        data.map((row) => [
          `${row.selected ? '*' : ' '} ${row.name}`,
          row.type,
          row.section,
          `${row.insns} instructions`,
        ]),
      ),
      data,
    };
  },
  complete: (args, { session }) =>
    args.length <= 1 ? ['list', 'select'] : session.object.programs.map(({ name }) => name),
};

const verify: Command = {
  name: 'verify',
  aliases: [],
  group: 'Programs',
  usage: 'verify',
  summary: 'verifies the selected program',
  run(_args, { session }) {
    const { verdict, message, profile, insns, states, program } = session.verification();
    return {
      text: `${program.name}: ${verdict} under ${profile}${message === '' ? '' : `: ${message}`} (${insns} instructions, ${states} states)`,
      data: { program: program.name, verdict, message, profile, insns, states },
    };
  },
};

const log: Command = {
  name: 'log',
  aliases: [],
  group: 'Programs',
  usage: 'log [LEVEL] [LINES]',
  summary:
    "shows the verifier's log: 0 errors, 1 the path to the error, 2 every state; its last lines when told how many",
  run(args, { session }) {
    const [level = '1', lines] = words(args);
    if (level !== '0' && level !== '1' && level !== '2')
      throw usageError(log, `The level is 0, 1 or 2, not \`${level}\`.`);
    const all = session
      .log(level === '0' ? 0 : level === '1' ? 1 : 2)
      .trimEnd()
      .split('\n');
    const text = (lines === undefined ? all : all.slice(-countOf(lines, 40, log))).join('\n');
    return { text, data: { log: text } };
  },
};

const explain: Command = {
  name: 'explain',
  aliases: [],
  group: 'Programs',
  usage: 'explain',
  summary:
    'says why the selected program was rejected, where, how it came to be so and what would do; or what was proved',
  run(_args, { session }) {
    const verification = session.verification();
    const { verdict, message, program, descriptors, assertions } = verification;
    const diagnosis = diagnose(program, verification);
    if (diagnosis === undefined) {
      const data = { verdict, descriptors: descriptors.length, assertions: assertions.length };
      return { text: `Accepted: ${data.descriptors} frame descriptors, ${data.assertions} assertions.`, data };
    }
    const text = [`Rejected: ${message}`, ...formatDiagnosis(diagnosis, UNPAINTED)].join('\n');
    return { text, data: { verdict, message, diagnosis } };
  },
};

const disasm: Command = {
  name: 'disasm',
  aliases: ['disassemble'],
  group: 'Programs',
  usage: 'disasm [FUNCTION]',
  summary: 'shows the instructions of the selected program or of a function',
  run(args, { session }) {
    const { program } = session;
    const word = args.trim();
    const functions = program.subprograms.filter(({ name }) => word === '' || name === word);
    if (functions.length === 0) throw usageError(disasm, `${program.name} has no function \`${word}\`.`);
    const lines: string[] = [];
    const data = functions.map(({ name, start, end }) => {
      lines.push(`${name}:`);
      const insns = [];
      for (let i = start; i < end; i += program.instructions.slots(i)) {
        const place = placeView(program, i);
        insns.push(place);
        lines.push(`  ${String(i).padStart(4)}: ${place.text}`);
      }
      return { function: name, insns };
    });
    return { text: lines.join('\n'), data };
  },
  complete: (_args, { session }) => session.program.subprograms.map(({ name }) => name),
};

const profile: Command = {
  name: 'profile',
  aliases: [],
  group: 'Programs',
  usage: 'profile [proposal | linux | auto]',
  summary: 'shows or chooses the rules for exceptions',
  run(args, { session }) {
    const word = args.trim();
    if (word !== '') {
      if (word !== 'auto' && !isProfile(word)) throw usageError(profile, `\`${word}\` is no profile.`);
      session.setProfile(word === 'auto' ? undefined : (word as Profile));
    }
    const now = session.profile;
    return { text: `Profile ${now}.`, data: { profile: now } };
  },
  complete: () => [...PROFILES, 'auto'],
};

export const PROGRAMS: readonly Command[] = [load, prog, verify, log, explain, disasm, profile];
