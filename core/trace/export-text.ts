/** A recording as lines: events as CSV, and call stacks with their instructions as flame graphs read them. */
import type { EventKind } from './events.ts';
import type { Recording } from './recording.ts';

/** One line per event, as RFC 4180 has it. */
export function* csv(recording: Recording): Generator<string, void> {
  yield 'run,step,phase,kind,program,insn,name,detail,value,resource,r1,r2,r3,r4,r5\r\n';
  for (const event of recording.events.events()) {
    const { run, step, phase } = event.position;
    const args = Array.from({ length: 5 }, (_, i) => event.args?.[i]);
    const cells = [
      run,
      step,
      phase,
      event.kind,
      event.program,
      event.insn,
      event.name,
      event.detail,
      event.value,
      event.resource,
      ...args,
    ];
    yield `${cells.map(cell).join(',')}\r\n`;
  }
}

function cell(value: string | number | bigint | undefined): string {
  if (value === undefined) return '';
  if (typeof value === 'bigint') return `0x${value.toString(16)}`;
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** What goes from one function to another behind an instruction, and what does so by itself. */
const BEHIND: readonly EventKind[] = ['call', 'callback', 'fentry', 'fexit', 'freplace', 'return'];
const BETWEEN: readonly EventKind[] = ['exception-callback', 'phase'];

/** `program;function;function instructions`: what flamegraph.pl and speedscope take. Helpers count as the instruction that they are. */
export function* folded(recording: Recording): Generator<string, void> {
  const sums = new Map<string, number>();
  for (const [index, run] of recording.runs.entries()) {
    const stack = [clean(run.program)];
    let since = run.firstStep;
    const spend = (until: number): void => {
      if (until > since) {
        const key = stack.join(';');
        sums.set(key, (sums.get(key) ?? 0) + until - since);
      }
      since = Math.max(since, until);
    };
    const query = {
      from: { run: index, step: 0, phase: 0 },
      to: { run: index + 1, step: 0, phase: 0 },
      kinds: [...BEHIND, ...BETWEEN],
    };
    for (const event of recording.events.events(query)) {
      const leaves = event.kind === 'return' || (event.kind === 'phase' && event.name === 'leave-frame');
      if (event.kind === 'phase' && !leaves) continue;
      // The call and the exit are instructions of the function that they stand in.
      spend(event.position.step + (BEHIND.includes(event.kind) ? 1 : 0));
      // It is called in the place of another function.
      if (event.kind === 'freplace' && stack.length > 1) stack.pop();
      if (!leaves) stack.push(clean(event.name));
      else if (stack.length > 1) stack.pop();
    }
    spend(run.lastStep);
  }
  for (const [stack, steps] of sums) yield `${stack} ${steps}\n`;
}

function clean(name: string): string {
  return name.replaceAll(/[;\s]/g, '_') || '?';
}
