/** Event tables as bytes: column behind column, steps as differences, which is what packs well. */
import { altered, bytesOf, ColumnReader, joined } from './bytes.ts';
import type { Chunk } from './bytes.ts';
import type { EventTable } from './events.ts';
import { EVENT_KINDS, Overflow } from './events.ts';

const FLAG_VALUE = 1;
const FLAG_ARGS = 2;
/** Of one row, without what only some have. */
const ROW_BYTES = 4 + 8 + 2 + 1 + 1 + 4 + 4 + 4 + 4 + 4;
export const MAX_ROWS = 4_000_000;

/** Rows from `from` on. */
export function encodeRows(table: EventTable, from: number): Uint8Array {
  const c = table.columns;
  const to = table.length;
  const steps = new Float64Array(to - from);
  const values: bigint[] = [];
  const args: Uint8Array[] = [];
  for (let row = from; row < to; row++) {
    steps[row - from] = c.step[row]! - (row === from ? 0 : c.step[row - 1]!);
    const flags = c.flags[row]!;
    if ((flags & FLAG_VALUE) !== 0) values.push(c.value[row]!);
    if ((flags & FLAG_ARGS) !== 0) args.push(bytesOf(table.args.subarray(c.arg[row], c.arg[row]! + 5)));
  }
  return joined([
    bytesOf(Uint32Array.of(to - from)),
    bytesOf(c.run.subarray(from, to)),
    bytesOf(steps),
    bytesOf(c.phase.subarray(from, to)),
    bytesOf(c.kind.subarray(from, to)),
    bytesOf(c.flags.subarray(from, to)),
    bytesOf(c.program.subarray(from, to)),
    bytesOf(c.insn.subarray(from, to)),
    bytesOf(c.name.subarray(from, to)),
    bytesOf(c.detail.subarray(from, to)),
    bytesOf(c.resource.subarray(from, to)),
    bytesOf(BigUint64Array.from(values)),
    ...args,
  ]);
}

/** Appends the rows of a chunk to a table. */
export function decodeRows(chunk: Chunk, table: EventTable): void {
  const reader = new ColumnReader(chunk);
  const count = reader.u32();
  if (count * ROW_BYTES > reader.left)
    throw altered(chunk.offset, `it says that it has ${count} rows, and is too short for them`);
  if (table.length + count > MAX_ROWS) throw altered(chunk.offset, `the recording has more than ${MAX_ROWS} events`);
  const run = new Uint32Array(reader.take(count * 4));
  const step = new Float64Array(reader.take(count * 8));
  const phase = new Uint16Array(reader.take(count * 2));
  const kind = new Uint8Array(reader.take(count));
  const flags = new Uint8Array(reader.take(count));
  const program = new Uint32Array(reader.take(count * 4));
  const insn = new Int32Array(reader.take(count * 4));
  const name = new Uint32Array(reader.take(count * 4));
  const detail = new Uint32Array(reader.take(count * 4));
  const resource = new Uint32Array(reader.take(count * 4));
  const values = new BigUint64Array(reader.take(8 * flags.reduce((sum, flag) => sum + (flag & FLAG_VALUE), 0)));
  const args = new BigUint64Array(reader.take(40 * flags.reduce((sum, flag) => sum + ((flag & FLAG_ARGS) >> 1), 0)));
  reader.end();
  let at = 0;
  let value = 0;
  let arg = 0;
  for (let i = 0; i < count; i++) {
    at += step[i]!;
    if (!Number.isSafeInteger(at) || at < 0) throw altered(chunk.offset, `row ${i} has no step that there can be`);
    if (kind[i]! >= EVENT_KINDS.length) throw altered(chunk.offset, `row ${i} is an event of unknown kind ${kind[i]}`);
    const row = table.add(run[i]!, at, phase[i]!, kind[i]!, program[i]!, insn[i]!, name[i]!);
    table.setDetail(row, detail[i]!);
    table.setResource(row, resource[i]!);
    if ((flags[i]! & FLAG_VALUE) !== 0) table.setValue(row, values[value++]!);
    if ((flags[i]! & FLAG_ARGS) !== 0) {
      table.setArgs(row, args.subarray(arg, arg + 5));
      arg += 5;
    }
  }
}

export function encodeOverflow(overflow: Overflow): Uint8Array {
  return joined([bytesOf(Uint32Array.of(overflow.run, overflow.shift, EVENT_KINDS.length)), bytesOf(overflow.counts)]);
}

export function decodeOverflow(chunk: Chunk): Overflow {
  const reader = new ColumnReader(chunk);
  const overflow = new Overflow(reader.u32());
  overflow.shift = reader.u32();
  const kinds = reader.u32();
  if (overflow.shift > 52) throw altered(chunk.offset, 'a stretch has more steps than there can be');
  if (kinds > EVENT_KINDS.length) throw altered(chunk.offset, `it counts ${kinds} kinds of events`);
  const counts = new Uint32Array(reader.take(kinds * Overflow.BUCKETS * 4));
  reader.end();
  // A file of an earlier version knows fewer kinds.
  counts.forEach((count, i) => (overflow.counts[Math.floor(i / kinds) * EVENT_KINDS.length + (i % kinds)] = count));
  return overflow;
}
