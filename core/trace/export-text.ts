/** Runs as lines: events as CSV, and call stacks with their instructions as flame graphs read them. */
import type { EventKind, TraceEvent } from './events.ts';
import type { History, Part, Teller } from './history.ts';
import { Unwound, tell } from './history.ts';

/** One line per event, as RFC 4180 has it; many lines at once. */
export function* csv(history: History): Generator<string, void> {
  yield 'run,step,phase,kind,program,insn,name,detail,value,resource,r1,r2,r3,r4,r5\r\n';
  for (const piece of history.pieces()) yield piece.map(row).join('');
}

function row({ position, kind, program, insn, name, detail, value, resource, args }: TraceEvent): string {
  const { run, step, phase } = position;
  const first = `${run},${step},${phase},${kind},${cell(program)},${insn},${cell(name)},${cell(detail)}`;
  const given = args === undefined ? ',,,,' : args.map(number).join(',');
  return `${first},${number(value)},${resource ?? ''},${given}\r\n`;
}

function number(value: bigint | undefined): string {
  return value === undefined ? '' : `0x${value.toString(16)}`;
}

function cell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** What goes from one function to another. */
const MOVES: readonly EventKind[] = [
  'call',
  'callback',
  'fentry',
  'fexit',
  'freplace',
  'tail-call',
  'return',
  'exception-callback',
  'phase',
];

/** `program;function;function instructions`: what flamegraph.pl and speedscope take. Helpers count as the instruction that they are. */
export function* folded(history: History): Generator<string, void> {
  const stacks = new Stacks();
  // All of these are empty.
  yield* tell(history, MOVES, stacks);
  for (const [stack, steps] of stacks.sums) yield `${stack} ${steps}\n`;
}

class Stacks implements Teller {
  readonly sums = new Map<string, number>();
  #part!: Part;
  #stack: string[] = [];
  #key = '';
  #since = 0;
  #unwound = new Unwound();

  begin(part: Part): string {
    this.#part = part;
    this.#stack = part.stack.map(clean);
    this.#since = part.from;
    this.#unwound = new Unwound();
    this.#key = this.#stack.join(';');
    return '';
  }

  event(event: TraceEvent): string {
    const { kind, name, position } = event;
    const isBefore = this.#unwound.isBefore(event);
    const leaves = kind === 'return' || (kind === 'phase' && name === 'leave-frame');
    if (kind === 'phase' && !leaves) return '';
    // The call and the exit are instructions of the function that they stand in.
    this.#spend(position.step + (isBefore ? 0 : 1));
    // These are called in the place of another function.
    const replaces = kind === 'freplace' || kind === 'tail-call';
    if ((leaves || replaces) && this.#stack.length > 1) this.#stack.pop();
    if (!leaves) this.#stack.push(clean(name));
    this.#key = this.#stack.join(';');
    return '';
  }

  end(): string {
    this.#spend(this.#part.to);
    return '';
  }

  #spend(until: number): void {
    if (until > this.#since) this.sums.set(this.#key, (this.sums.get(this.#key) ?? 0) + until - this.#since);
    this.#since = Math.max(this.#since, until);
  }
}

function clean(name: string): string {
  return name.replaceAll(/[;\s]/g, '_') || '?';
}
