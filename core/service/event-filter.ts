/**
 * What the filter of events means: words that all have to hold, `-` in front of those that must not.
 *
 *     kfunc:bpf_task_* -frame:0 throw text
 *
 * `kind:name` with a name that may have `*`, `fn:`, `insn:`, `line:`, `frame:`, `res:#3`; a kind alone; any other word is looked for in
 * names and details. See docs/debugger.md.
 */
import { BailoutError } from '../errors.ts';
import type { EventKind } from '../trace/events.ts';
import { EVENT_KINDS } from '../trace/events.ts';

/** What a filter asks about one event. Answers are made when they are asked for: most events fail at the first word. */
export interface Filtered {
  readonly kind: EventKind;
  readonly name: string;
  readonly detail: string;
  readonly insn: number;
  readonly resource: number;
  isKfunc(): boolean;
  functionName(): string;
  line(): number | undefined;
  frame(): number;
}

export type EventTest = (event: Filtered) => boolean;

export function parseFilter(text: string): EventTest {
  const tests = wordsOf(text).map(wordTest);
  return (event) => tests.every((test) => test(event));
}

function wordsOf(text: string): string[] {
  return [...text.matchAll(/-?[A-Za-z]+:"[^"]*"|-?"[^"]*"|\S+/g)].map(([word]) => word);
}

/** What a filter has to look at. */
export interface Asked {
  /** Nothing of another kind passes; undefined when anything may. */
  readonly kinds: ReadonlySet<EventKind> | undefined;
  /** Whether it asks how deep an event is among functions. */
  readonly frames: boolean;
}

const OF_RESOURCES: readonly EventKind[] = ['acquire', 'release', 'store', 'phase'];

export function askedBy(text: string): Asked {
  let kinds: ReadonlySet<EventKind> | undefined;
  let frames = false;
  for (const word of wordsOf(text)) {
    frames ||= /^-?frame:/i.test(word);
    const only = kindsOfWord(word.toLowerCase());
    if (only === undefined) continue;
    const before = kinds;
    kinds = new Set(before === undefined ? only : only.filter((kind) => before.has(kind)));
  }
  return { kinds, frames };
}

function kindsOfWord(word: string): readonly EventKind[] | undefined {
  const [, key = unquoted(word)] = /^([a-z-]+):/.exec(word) ?? [];
  if (key === 'kfunc') return ['helper'];
  if (key === 'res') return OF_RESOURCES;
  const kind = EVENT_KINDS.find((candidate) => candidate === key);
  return kind === undefined ? undefined : [kind];
}

function wordTest(word: string): EventTest {
  if (word.startsWith('-') && word.length > 1) {
    const test = wordTest(word.slice(1));
    return (event) => !test(event);
  }
  const [, key, rest] = /^([A-Za-z-]+):(.*)$/s.exec(word) ?? [];
  if (key !== undefined && rest !== undefined) {
    const test = keyTest(key.toLowerCase(), unquoted(rest));
    if (test !== undefined) return test;
  }
  const plain = unquoted(word).toLowerCase();
  if (plain === 'kfunc') return (event) => event.kind === 'helper' && event.isKfunc();
  const kind = EVENT_KINDS.find((candidate) => candidate === plain);
  if (kind === 'helper') return (event) => event.kind === 'helper' && !event.isKfunc();
  if (kind !== undefined) return (event) => event.kind === kind;
  return ({ name, detail }) => name.toLowerCase().includes(plain) || detail.toLowerCase().includes(plain);
}

function keyTest(key: string, value: string): EventTest | undefined {
  switch (key) {
    case 'fn': {
      const matches = glob(value);
      return (event) => matches(event.functionName());
    }
    case 'insn': {
      const number = numberOf(key, value);
      return ({ insn }) => insn === number;
    }
    case 'line': {
      const number = numberOf(key, value);
      return (event) => event.line() === number;
    }
    case 'frame': {
      const number = numberOf(key, value);
      return (event) => event.frame() === number;
    }
    case 'res': {
      const number = numberOf(key, value.replace(/^#/, ''));
      return ({ resource }) => resource === number;
    }
    case 'kfunc':
    case 'helper': {
      const matches = glob(value);
      const isKfunc = key === 'kfunc';
      return (event) => event.kind === 'helper' && event.isKfunc() === isKfunc && matches(event.name);
    }
    default: {
      const kind = EVENT_KINDS.find((candidate) => candidate === key);
      if (kind === undefined) return undefined;
      const matches = glob(value);
      return (event) => event.kind === kind && (matches(event.name) || matches(event.detail));
    }
  }
}

function unquoted(text: string): string {
  return /^".*"$/s.test(text) ? text.slice(1, -1) : text;
}

function numberOf(key: string, value: string): number {
  if (!/^\d{1,10}$/.test(value))
    throw new BailoutError('EVENT_FILTER', `\`${key}:\` needs a number, not \`${value}\`.`);
  return Number(value);
}

/** `*` stands for anything; a name without it may leave out the `bpf_` in front. */
function glob(pattern: string): (text: string) => boolean {
  if (pattern === '' || pattern === '*') return () => true;
  const body = pattern.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*');
  const expression = new RegExp(`^(?:bpf_)?${body}$`, 'i');
  return (text) => expression.test(text);
}
