/** The terminal without its screen: takes a line, finds the command, gives what it says; completes words. */
import { BailoutError } from '../errors.ts';
import { nearest } from '../nearest.ts';
import type { Session } from '../debugger/session.ts';
import type { Patience } from '../trace/timeline.ts';
import type { Command, CommandHost, Context, Group, Output } from './command.ts';
import { countOf, table, usageError, words } from './command.ts';
import { LOOKING } from './looking.ts';
import { PROGRAMS } from './programs.ts';
import { RECORDINGS } from './recordings.ts';
import { RUNNING } from './running.ts';
import { STOPPING } from './stopping.ts';
import { WORLD } from './world.ts';

export interface ExecuteOptions {
  /** A person types. */
  readonly interactive?: boolean;
  readonly limits?: Patience;
}

export class Console {
  readonly commands: readonly Command[];
  /** What the commands share. */
  readonly context: Context;
  #session: Session | undefined;
  #last = '';
  #limits: Patience = {};

  constructor(host: CommandHost) {
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- the context reads the console's session as it changes
    const console = this;
    this.commands = [
      ...PROGRAMS,
      ...RUNNING,
      ...STOPPING,
      ...LOOKING,
      ...WORLD,
      ...RECORDINGS,
      this.#set(),
      this.#help(),
      QUIT,
    ];
    this.context = {
      host,
      memory: new Map(),
      get session() {
        return console.session;
      },
      get limits() {
        return console.#limits;
      },
      get hasSession() {
        return console.#session !== undefined;
      },
      open(session) {
        console.#session = session;
        this.memory.clear();
      },
    };
  }

  get session(): Session {
    if (this.#session === undefined) throw new BailoutError('NO_OBJECT', 'No object is loaded.', { hint: 'load FILE' });
    return this.#session;
  }

  /** Goes on with a session that was made elsewhere: of a recording. */
  open(session: Session): void {
    this.#session = session;
  }

  /**
   * Carries out one line. Comments (`#`) and empty lines do nothing, but an empty line repeats a step when `interactive`. A command that
   * is cancelled says where it got to, or throws CANCELLED when it got nowhere.
   */
  execute(line: string, options: ExecuteOptions = {}): Output {
    let text = line.trim();
    if (text === '' && options.interactive === true && this.#last !== '') text = this.#last;
    if (text === '' || text.startsWith('#')) return { text: '' };
    const [, word = '', rest = ''] = /^([A-Za-z-]+|\S)(.*)$/s.exec(text) ?? [];
    const command = this.find(word);
    this.#last = command.repeats === true ? text : '';
    this.#limits = options.limits ?? {};
    try {
      return command.run(rest.trim(), this.context);
    } finally {
      this.#limits = {};
    }
  }

  /** The command of a name, a short name, or a beginning that only one name has. */
  find(word: string): Command {
    const exact = this.commands.find((command) => command.name === word || command.aliases.includes(word));
    if (exact !== undefined) return exact;
    const begun = this.commands.filter(({ name }) => name.startsWith(word));
    if (begun.length === 1) return begun[0]!;
    if (begun.length > 1) {
      throw new BailoutError('USAGE', `\`${word}\` may mean ${begun.map(({ name }) => name).join(', ')}.`);
    }
    const near = nearest(
      word,
      this.commands.flatMap(({ name, aliases }) => [name, ...aliases.filter((alias) => alias.length > 2)]),
    );
    throw new BailoutError(
      'USAGE',
      `There is no command \`${word}\`.${near === undefined ? '' : ` Did you mean \`${near}\`?`}`,
      { hint: 'help lists the commands.' },
    );
  }

  /** What the last word of a line may become. */
  complete(line: string): { readonly word: string; readonly words: readonly string[] } {
    const parts = line.trimStart().split(/\s+/);
    const word = parts.at(-1) ?? '';
    let candidates: readonly string[] = [];
    if (parts.length <= 1) candidates = this.commands.map(({ name }) => name);
    else {
      try {
        candidates = this.find(parts[0]!.split('/')[0]!).complete?.(parts.slice(1), this.context) ?? [];
      } catch (error) {
        // Where nothing can be completed yet (no object, an unknown command), nothing is.
        if (!(error instanceof BailoutError)) throw error;
      }
    }
    return { word, words: candidates.filter((candidate) => candidate.startsWith(word)).sort() };
  }

  #set(): Command {
    const set: Command = {
      name: 'set',
      aliases: [],
      group: 'Other',
      usage: 'set [max-steps N]',
      summary: 'shows or changes settings',
      run: (args, { session }) => {
        const [name, value] = words(args);
        if (name !== undefined && name !== 'max-steps') throw usageError(set, `There is no setting \`${name}\`.`);
        if (name !== undefined) {
          session.maxSteps = countOf(value ?? '', session.maxSteps, set);
          session.reset();
        }
        return { text: `max-steps ${session.maxSteps}`, data: { 'max-steps': session.maxSteps } };
      },
      complete: (args) => (args.length <= 1 ? ['max-steps'] : []),
    };
    return set;
  }

  #help(): Command {
    return {
      name: 'help',
      aliases: ['h', '?'],
      group: 'Other',
      usage: 'help [COMMAND]',
      summary: 'lists the commands, or tells about one',
      run: (args) => {
        const word = args.trim();
        if (word !== '') return helpOn(this.find(word));
        const groups = new Map<Group, Command[]>();
        for (const command of this.commands) groups.set(command.group, [...(groups.get(command.group) ?? []), command]);
        const text = [...groups].map(
          ([group, commands]) =>
            `${group}\n${table(
              commands.map((command) => [[command.name, ...command.aliases.slice(0, 1)].join(', '), command.summary]),
              '  ',
            )}`,
        );
        return {
          text: text.join('\n\n'),
          data: this.commands.map(({ name, aliases, usage, summary }) => ({ name, aliases, usage, summary })),
        };
      },
      complete: () => this.commands.map(({ name }) => name),
    };
  }
}

function helpOn(command: Command): Output {
  const short = command.aliases.length === 0 ? [] : [`Also: ${command.aliases.join(', ')}`];
  const details = command.details === undefined ? [] : [command.details];
  return {
    text: [`${command.usage}`, `  ${command.summary}`, ...details, ...short].join('\n'),
    data: { name: command.name, aliases: command.aliases, usage: command.usage, summary: command.summary },
  };
}

const QUIT: Command = {
  name: 'quit',
  aliases: ['q', 'exit'],
  group: 'Other',
  usage: 'quit',
  summary: 'ends the conversation',
  run: () => ({ text: '', quit: true }),
};
