/** Event tables as recordings of format 1 have them: whole columns, one behind the other. Written no more, but still read. */
import type { Chunk } from './bytes.ts';
import { altered, ColumnReader } from './bytes.ts';
import { encodeOverflow, encodeRows, FLAG_ARGS, FLAG_VALUE, MAX_ROWS, MAX_SHIFT, MIN_SHIFT } from './event-bytes.ts';
import { EVENT_KINDS, EventTable, Overflow } from './events.ts';

/** Of one row, without what only some have. */
const ROW_BYTES = 4 + 8 + 2 + 1 + 1 + 4 + 4 + 4 + 4 + 4;

/** A chunk of events as the formats from 2 on have it. */
export function upgradeEvents(chunk: Chunk): Chunk {
  switch (chunk.type) {
    case 'FLOW':
    case 'REST':
      return upgradeRows(chunk);
    case 'OVER':
      return upgradeOverflow(chunk);
    default:
      return chunk;
  }
}

function upgradeRows(chunk: Chunk): Chunk {
  const table = new EventTable();
  decodeRows1(chunk, table);
  return { ...chunk, bytes: encodeRows(table, 0) };
}

function decodeRows1(chunk: Chunk, table: EventTable): void {
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

function upgradeOverflow(chunk: Chunk): Chunk {
  const reader = new ColumnReader(chunk);
  const overflow = new Overflow(reader.u32());
  overflow.shift = reader.u32();
  const kinds = reader.u32();
  if (overflow.shift > MAX_SHIFT || overflow.shift < MIN_SHIFT)
    throw altered(chunk.offset, 'a stretch has more steps than there can be');
  if (kinds > EVENT_KINDS.length) throw altered(chunk.offset, `it counts ${kinds} kinds of events`);
  const counts = new Uint32Array(reader.take(kinds * Overflow.BUCKETS * 4));
  reader.end();
  overflow.counts = new Uint32Array(Overflow.BUCKETS * EVENT_KINDS.length);
  counts.forEach((count, i) => (overflow.counts[Math.floor(i / kinds) * EVENT_KINDS.length + (i % kinds)] = count));
  return { ...chunk, bytes: encodeOverflow(overflow) };
}
