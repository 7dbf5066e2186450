/** The ledger up to a moment: what is held, what was let go, and by whom. */
import { hex, placeView } from '../debugger/inspect.ts';
import type { Session } from '../debugger/session.ts';
import type { LedgerEntry } from '../kernel/ledger.ts';
import type { Machine } from '../machine/machine.ts';
import type { ObjectFile } from '../object/program.ts';
import type { ResourceView, ResourcesView } from '../protocol/views.ts';
import type { TraceEvent } from '../trace/events.ts';
import { comparePositions } from '../trace/timeline.ts';
import type { Position } from '../trace/timeline.ts';
import { isUnwinding } from './frames-view.ts';
import { kindOfName } from './names.ts';
import { holderOf } from './places.ts';
import type { ResourceRows, RunIndex } from './run-index.ts';

/** Of what was let go, the newest are told. */
const MAX_GONE = 300;

export function resourcesView(session: Session, index: RunIndex): ResourcesView {
  const { machine, position } = session;
  const { events } = index;
  const held = machine.kernel.ledger.held();
  const ids = new Set(held.map(({ id }) => id));
  const { gone, earlier } = goneBefore(index, position, ids);
  const resources = [
    ...held.map((entry) => heldView(session, index, entry)),
    ...gone.map((rows) =>
      goneView(
        session.object,
        machine,
        events.rest.event(rows.acquired, events.names),
        rows.gone < 0 ? undefined : events.rest.event(rows.gone, events.names),
      ),
    ),
  ].sort((a, b) => a.id - b.id);
  const before = held.filter((entry) => entry.before).length;
  return { resources, before, now: held.length, ...(earlier === 0 ? {} : { earlier }) };
}

/** What was acquired before now and is not held any more; the newest of it, and how many there are beside. */
function goneBefore(
  index: RunIndex,
  now: Position,
  held: ReadonlySet<number>,
): { readonly gone: readonly ResourceRows[]; readonly earlier: number } {
  const { rest } = index.events;
  const { resources } = index;
  let low = 0;
  let high = resources.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBefore(rest.position(resources[middle]!.acquired), now)) low = middle + 1;
    else high = middle;
  }
  const gone: ResourceRows[] = [];
  let i = low - 1;
  for (; i >= 0 && gone.length < MAX_GONE; i--) {
    const rows = resources[i]!;
    if (!held.has(rows.id)) gone.push(rows);
  }
  return { gone, earlier: i + 1 };
}

/** A call's events carry the number of instructions before it: what it did is there one instruction later. */
function isBefore(event: Position, now: Position): boolean {
  return comparePositions(event, now) < 0;
}

function heldView(session: Session, index: RunIndex, entry: LedgerEntry): ResourceView {
  const { machine } = session;
  const frames = machine.frames();
  const rows = index.resource(entry.id);
  const position = rows === undefined ? undefined : index.events.rest.position(rows.acquired);
  const next = isUnwinding(machine) ? machine.unwinding?.steps[machine.phase] : undefined;
  const isNext = next?.kind === 'release' && next.resource.id === entry.id;
  const holder = entry.before ? undefined : holderOf(machine, frames, entry);
  return {
    id: entry.id,
    typeName: entry.typeName,
    kind: entry.type,
    value: hex(entry.value),
    state: isNext ? 'releasing' : isLeaked(machine, entry) ? 'leaked' : 'held',
    acquiredBy: entry.by,
    acquiredAt: acquiredAt(session.object, entry.at.program, entry.at.insn, position),
    place: holder?.place ?? '',
    frame: holder === undefined ? '' : (frames[holder.frame]?.name ?? ''),
    // Its phase is next: who takes it back is decided.
    ...(isNext ? { releasedBy: next.entry.release } : {}),
    unwound: false,
    before: entry.before,
  };
}

function isLeaked(machine: Machine, entry: LedgerEntry): boolean {
  return machine.end?.kind === 'exit' && !entry.before;
}

function goneView(
  object: ObjectFile,
  machine: Machine,
  acquired: TraceEvent,
  gone: TraceEvent | undefined,
): ResourceView {
  const at = acquiredAt(object, acquired.program, acquired.insn, acquired.position);
  const isStored =
    gone?.kind === 'store' && machine.kernel.ledger.stored().some(({ id }) => id === (acquired.resource ?? 0));
  return {
    id: acquired.resource ?? 0,
    typeName: acquired.name,
    kind: kindOfName(acquired.name, acquired.detail),
    value: hex(acquired.value ?? 0n),
    state: isStored ? 'stored' : 'released',
    acquiredBy: acquired.detail,
    acquiredAt: at,
    place: gone?.kind === 'store' ? gone.detail : '',
    frame: at.function,
    ...(gone === undefined ? {} : { releasedBy: gone.detail, releasedAt: gone.position }),
    unwound: gone !== undefined && gone.position.phase > 0,
    before: false,
  };
}

function acquiredAt(
  object: ObjectFile,
  program: string,
  insn: number,
  position: Position | undefined,
): ResourceView['acquiredAt'] {
  const found = object.programs.find(({ name }) => name === program);
  const place = found === undefined ? undefined : placeView(found, insn);
  return {
    ...(position === undefined ? {} : { position }),
    program,
    function: place?.function ?? program,
    insn,
    ...(place?.line === undefined ? {} : { line: place.line }),
  };
}
