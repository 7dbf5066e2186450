/** Maps at the present moment, and what programs have printed up to it. */
import { mapElements } from '../debugger/inspect.ts';
import { changeMap, mapNamed } from '../commands/world.ts';
import { mapTypeNames } from '../kernel/tables/map-types.ts';
import type { Machine } from '../machine/machine.ts';
import type { MapPage, MapSummary, OutputPage } from '../protocol/maps.ts';
import { eventCode } from '../trace/events.ts';
import type { EventIndex } from '../trace/events.ts';
import { comparePositions } from '../trace/timeline.ts';
import type { Desk } from './desk.ts';

/** Rows of one page at most. */
const MAX_ROWS = 1000;
const PRINT = eventCode('print');

function machineOf({ session }: Desk): Machine {
  return session.isRunning ? session.machine : session.liveTimeline().machine;
}

export function mapSummaries(desk: Desk): MapSummary[] {
  if (!desk.hasSession) return [];
  const { session } = desk;
  const { maps } = machineOf(desk).kernel;
  const { isReplay } = desk;
  return session.object.maps.map((definition): MapSummary => {
    const live = maps.byName(definition.name);
    return {
      name: definition.name,
      type: mapTypeNames[definition.type] ?? String(definition.type),
      keySize: definition.keySize,
      valueSize: definition.valueSize,
      count: live?.count ?? 0,
      maxEntries: live?.maxEntries ?? definition.maxEntries,
      editable: !isReplay && !definition.frozen && definition.keySize > 0 && definition.valueSize > 0,
    };
  });
}

export function mapPage(desk: Desk, name: string, from: number, count: number): MapPage {
  const { session } = desk;
  const machine = machineOf(desk);
  const map = mapNamed(session, name);
  const entries = mapElements(session, machine, map, Math.max(from, 0), Math.min(Math.max(count, 0), MAX_ROWS));
  return { name, total: map.count, entries };
}

export function editMap(desk: Desk, name: string, key: string, value: string | undefined): void {
  desk.requireLive();
  const { session } = desk;
  if (!session.isRunning) session.liveTimeline();
  changeMap(session, mapNamed(session, name), key.trim(), value?.trim());
}

// ---- output -----------------------------------------------------------------------------------------------------------

const printRows = new WeakMap<EventIndex, { length: number; readonly rows: number[] }>();

/** Rows of what was printed, over all runs; looked for once, and then where events were added. */
function rowsOfPrints(events: EventIndex): readonly number[] {
  const known = printRows.get(events) ?? { length: 0, rows: [] };
  printRows.set(events, known);
  const { rest } = events;
  for (; known.length < rest.length; known.length++)
    if (rest.columns.kind[known.length] === PRINT) known.rows.push(known.length);
  return known.rows;
}

export function outputPage(desk: Desk, from: number, count: number): OutputPage {
  if (!desk.isRunning) return { total: 0, lines: [] };
  const { timeline, machine, position } = desk.session;
  const { rest, names } = timeline.events;
  const rows = rowsOfPrints(timeline.events);
  let total = 0;
  for (let high = rows.length; total < high;) {
    const middle = (total + high) >> 1;
    if (comparePositions(rest.position(rows[middle]!), position) < 0) total = middle + 1;
    else high = middle;
  }
  const start = Math.max(from, 0);
  // Where each line is among the events, the kernel has the whole of it.
  const { output } = machine.kernel;
  const isWhole = output.length === total;
  const lines = rows.slice(start, Math.min(start + Math.max(count, 0), start + MAX_ROWS, total)).map((row, i) => {
    const event = rest.event(row, names);
    const line = isWhole ? output[start + i] : undefined;
    const bytes = line?.bytes;
    const stream = line?.map === undefined ? event.name : `${event.name} ${line.map}`;
    const text = bytes === undefined ? (line?.text ?? event.detail) : hexText(bytes);
    return { position: event.position, stream, text };
  });
  return { total, lines };
}

function hexText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}
