/** Maps at the present moment, and what programs have printed up to it. */
import { mapElements } from '../debugger/inspect.ts';
import { changeMap, mapNamed } from '../commands/world.ts';
import { mapTypeNames } from '../kernel/tables/map-types.ts';
import type { Machine } from '../machine/machine.ts';
import type { MapPage, MapSummary, OutputPage } from '../protocol/maps.ts';
import type { Desk } from './desk.ts';

/** Rows of one page at most. */
const MAX_ROWS = 1000;

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

/** What was said up to now, the newest lines of it. */
export function outputPage(desk: Desk, from: number, count: number): OutputPage {
  if (!desk.isRunning) return { total: 0, earlier: 0, lines: [] };
  const { lines, earlier } = desk.session.machine.kernel.output.newest();
  const start = Math.max(from, 0);
  return {
    total: lines.length,
    earlier,
    lines: lines
      .slice(start, start + Math.min(Math.max(count, 0), MAX_ROWS))
      .map(({ kind, text, map, bytes, run, step }) => ({
        position: { run, step, phase: 0 },
        stream: map === undefined ? kind : `${kind} ${map}`,
        text: bytes === undefined ? text : hexText(bytes),
      })),
  };
}

function hexText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}
