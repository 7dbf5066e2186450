/**
 * A recording for Perfetto and chrome://tracing, in the Trace Event Format: one thread per run, one instruction as one microsecond;
 * functions and helpers as slices, resources as async slices, throws as instants, the size of the ledger as a counter.
 */
import type { TraceEvent } from './events.ts';
import type { Recording } from './recording.ts';

interface Entry {
  readonly name: string;
  readonly ph: 'B' | 'E' | 'X' | 'i' | 'b' | 'e' | 'C' | 'M';
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly [more: string]: unknown;
}

/** JSON in pieces, since all of it may be larger than a text can be. */
export function* perfettoJson(recording: Recording): Generator<string, void> {
  yield '{"displayTimeUnit":"ns","traceEvents":[\n';
  let first = true;
  for (const entry of entries(recording)) {
    yield `${first ? '' : ',\n'}${JSON.stringify(entry)}`;
    first = false;
  }
  yield '\n]}\n';
}

function* entries(recording: Recording): Generator<Entry, void> {
  const starts: number[] = [];
  let time = 0;
  yield { name: 'process_name', ph: 'M', pid: 1, tid: 0, ts: 0, args: { name: recording.source.objectName } };
  for (const [index, run] of recording.runs.entries()) {
    starts.push(time - run.firstStep);
    const tid = index + 1;
    yield { name: 'thread_name', ph: 'M', pid: 1, tid, ts: 0, args: { name: `run ${index}: ${run.program}` } };
    time += run.lastStep - run.firstStep + 1;
  }
  for (const [index, run] of recording.runs.entries())
    yield* entriesOfRun(recording, index, run.program, starts[index] ?? 0, run.lastStep);
}

function* entriesOfRun(
  recording: Recording,
  run: number,
  program: string,
  start: number,
  lastStep: number,
): Generator<Entry, void> {
  const tid = run + 1;
  const at = (event: TraceEvent): { pid: number; tid: number; ts: number } => ({
    pid: 1,
    tid,
    // Phases take no step: they are shown in the order in which they come, within the next microsecond.
    ts: start + event.position.step + Math.min(event.position.phase, 999) / 1000,
  });
  /** A call and an exit are instructions of the function that they stand in: the other one begins, and goes on, behind them. */
  const behind = (event: TraceEvent): { pid: number; tid: number; ts: number } => ({
    ...at(event),
    ts: start + event.position.step + 1,
  });
  const end = start + lastStep + 1;
  const open = [program];
  const held = new Map<number, string>();
  let size = 0;
  yield { name: program, ph: 'B', pid: 1, tid, ts: start + (recording.runs[run]?.firstStep ?? 0) };
  const query = { from: { run, step: 0, phase: 0 }, to: { run: run + 1, step: 0, phase: 0 } };
  for (const event of recording.events.events(query)) {
    switch (event.kind) {
      case 'call':
      case 'callback':
      case 'fentry':
      case 'fexit':
      case 'freplace':
        // A replacement is called in the place of another function.
        if (event.kind === 'freplace' && open.length > 1) yield { name: open.pop() ?? '', ph: 'E', ...behind(event) };
        open.push(event.name);
        yield { name: event.name, ph: 'B', ...behind(event), args: { insn: event.insn } };
        break;
      case 'exception-callback':
        // No instruction calls it.
        open.push(event.name);
        yield { name: event.name, ph: 'B', ...at(event), args: { insn: event.insn } };
        break;
      case 'return':
        // The last one is the program's own: it ends with the run.
        if (open.length > 1) yield { name: open.pop() ?? '', ph: 'E', ...behind(event) };
        break;
      case 'phase':
        yield { name: `unwind: ${event.name}`, ph: 'i', s: 't', ...at(event), args: { detail: event.detail } };
        if (event.name === 'leave-frame' && open.length > 1) yield { name: open.pop() ?? '', ph: 'E', ...at(event) };
        break;
      case 'helper':
        yield {
          name: event.name,
          ph: 'X',
          dur: 1,
          ...at(event),
          args: { r0: hex(event.value), args: event.args?.map(hex) },
        };
        break;
      case 'acquire':
        held.set(event.resource ?? 0, event.name);
        yield {
          name: event.name,
          cat: 'resource',
          ph: 'b',
          id: event.resource ?? 0,
          ...at(event),
          args: { by: event.detail },
        };
        yield { name: 'ledger', ph: 'C', ...at(event), args: { held: ++size } };
        break;
      case 'release':
      case 'store':
        held.delete(event.resource ?? 0);
        yield {
          name: event.name,
          cat: 'resource',
          ph: 'e',
          id: event.resource ?? 0,
          ...at(event),
          args: { by: event.detail },
        };
        yield { name: 'ledger', ph: 'C', ...at(event), args: { held: Math.max(--size, 0) } };
        break;
      case 'throw':
      case 'fault':
      case 'print':
      case 'map':
      case 'emit':
      case 'tail-call':
        yield {
          name: event.kind,
          ph: 'i',
          s: 't',
          ...at(event),
          args: { name: event.name, detail: event.detail, value: hex(event.value) },
        };
        break;
      default:
        break;
    }
  }
  // What is open when the recording ends, ends with it.
  for (const [id, name] of held) yield { name, cat: 'resource', ph: 'e', id, pid: 1, tid, ts: end };
  while (open.length > 0) yield { name: open.pop() ?? '', ph: 'E', pid: 1, tid, ts: end };
}

function hex(value: bigint | undefined): string | undefined {
  return value === undefined ? undefined : `0x${value.toString(16)}`;
}
