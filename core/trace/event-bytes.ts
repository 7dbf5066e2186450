/** Event tables as bytes: column behind column. */
import { altered } from './bytes.ts';
import type { Chunk } from './bytes.ts';
import { ColumnWriter, PackedReader } from './columns.ts';
import type { EventTable } from './events.ts';
import { EVENT_KINDS, Overflow } from './events.ts';

export const FLAG_VALUE = 1;
export const FLAG_ARGS = 2;
/** R1 to R5. */
const ARGS = 5;
const U32 = 0xffffffff;
/** Of stretches: there are no more than 2^53 steps. */
export const MAX_SHIFT = 43;
/** Earlier versions counted in stretches of 1024 steps. */
export const MIN_SHIFT = 10;
export const MAX_ROWS = 4_000_000;

/** Rows from `from` on: their number, the columns of all, then values and arguments of the rows that have them. */
export function encodeRows(table: EventTable, from: number): Uint8Array {
  const c = table.columns;
  const count = table.length - from;
  const writer = new ColumnWriter();
  writer.number(count);
  writer.column(c.run, from, count);
  writer.column(c.step, from, count);
  writer.column(c.phase, from, count);
  writer.column(c.kind, from, count);
  writer.column(c.flags, from, count);
  writer.column(c.program, from, count);
  writer.column(c.insn, from, count);
  writer.column(c.name, from, count);
  writer.column(c.detail, from, count);
  writer.column(c.resource, from, count);
  const values = new BigUint64Array(count);
  let valueCount = 0;
  let firstArg = -1;
  let argRows = 0;
  for (let row = from; row < table.length; row++) {
    const flags = c.flags[row]!;
    if ((flags & FLAG_VALUE) !== 0) values[valueCount++] = c.value[row]!;
    if ((flags & FLAG_ARGS) !== 0) {
      if (argRows++ === 0) firstArg = c.arg[row]!;
    }
  }
  halves(writer, values, 0, valueCount, 1);
  // Rows are only ever appended, so their arguments lie one behind the other.
  for (let i = 0; i < ARGS && argRows > 0; i++) halves(writer, table.args, firstArg + i, argRows, ARGS);
  return writer.bytes;
}

/** 64-bit numbers as two columns: the upper halves of addresses are all the same. */
function halves(writer: ColumnWriter, values: BigUint64Array, from: number, count: number, stride: number): void {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length * 2);
  writer.column(words, from * 2, count, stride * 2);
  writer.column(words, from * 2 + 1, count, stride * 2);
}

/** Appends the rows of a chunk to a table. */
export function decodeRows(chunk: Chunk, table: EventTable): void {
  const reader = new PackedReader(chunk);
  const count = reader.number(0, MAX_ROWS);
  if (table.length + count > MAX_ROWS) throw altered(chunk.offset, `the recording has more than ${MAX_ROWS} events`);
  const run = new Uint32Array(count);
  const step = new Float64Array(count);
  const phase = new Uint16Array(count);
  const kind = new Uint8Array(count);
  const flags = new Uint8Array(count);
  const program = new Uint32Array(count);
  const insn = new Int32Array(count);
  const name = new Uint32Array(count);
  const detail = new Uint32Array(count);
  const resource = new Uint32Array(count);
  reader.column(run, 0, count, 0, U32);
  reader.column(step, 0, count, 0, Number.MAX_SAFE_INTEGER);
  reader.column(phase, 0, count, 0, 0xffff);
  reader.column(kind, 0, count, 0, EVENT_KINDS.length - 1);
  reader.column(flags, 0, count, 0, FLAG_VALUE | FLAG_ARGS);
  reader.column(program, 0, count, 0, U32);
  reader.column(insn, 0, count, -0x80000000, 0x7fffffff);
  reader.column(name, 0, count, 0, U32);
  reader.column(detail, 0, count, 0, U32);
  reader.column(resource, 0, count, 0, U32);
  const values = new BigUint64Array(flags.reduce((sum, flag) => sum + (flag & FLAG_VALUE), 0));
  const args = new BigUint64Array(ARGS * flags.reduce((sum, flag) => sum + ((flag & FLAG_ARGS) >> 1), 0));
  readHalves(reader, values, 0, values.length, 1);
  for (let i = 0; i < ARGS; i++) readHalves(reader, args, i, args.length / ARGS, ARGS);
  reader.end();
  let value = 0;
  let arg = 0;
  for (let i = 0; i < count; i++) {
    const row = table.add(run[i]!, step[i]!, phase[i]!, kind[i]!, program[i]!, insn[i]!, name[i]!);
    table.setDetail(row, detail[i]!);
    table.setResource(row, resource[i]!);
    if ((flags[i]! & FLAG_VALUE) !== 0) table.setValue(row, values[value++]!);
    if ((flags[i]! & FLAG_ARGS) !== 0) {
      table.setArgs(row, args.subarray(arg, arg + ARGS));
      arg += ARGS;
    }
  }
}

function readHalves(reader: PackedReader, into: BigUint64Array, from: number, count: number, stride: number): void {
  const words = new Uint32Array(into.buffer);
  reader.column(words, from * 2, count, 0, U32, stride * 2);
  reader.column(words, from * 2 + 1, count, 0, U32, stride * 2);
}

/** Counts of one run: run, shift, number of kinds and of stretches, then the columns of all kinds. */
export function encodeOverflow(overflow: Overflow): Uint8Array {
  const kinds = EVENT_KINDS.length;
  const stretches = overflow.counts.length / kinds;
  const writer = new ColumnWriter();
  for (const number of [overflow.run, overflow.shift, kinds, stretches]) writer.number(number);
  for (let kind = 0; kind < kinds; kind++) writer.column(overflow.counts, kind, stretches, kinds);
  return writer.bytes;
}

export function decodeOverflow(chunk: Chunk): Overflow {
  const reader = new PackedReader(chunk);
  const overflow = new Overflow(reader.number(0, U32));
  overflow.shift = reader.number(MIN_SHIFT, MAX_SHIFT);
  // A file of an earlier version knows fewer kinds.
  const kinds = reader.number(1, EVENT_KINDS.length);
  const stretches = reader.number(1, Overflow.BUCKETS);
  overflow.counts = new Uint32Array(stretches * EVENT_KINDS.length);
  for (let kind = 0; kind < kinds; kind++) reader.column(overflow.counts, kind, stretches, 0, U32, EVENT_KINDS.length);
  reader.end();
  overflow.total = overflow.counts.reduce((sum, count) => sum + count, 0);
  return overflow;
}
