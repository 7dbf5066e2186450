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

/** `index` knows the steps before now, as far back as what was let go is listed. */
export function resourcesView(session: Session, index: RunIndex): ResourcesView {
  const { machine, position } = session;
  const { ledger } = machine.kernel;
  const held = ledger.held();
  const gone = goneBefore(index, position, new Set(held.map(({ id }) => id)));
  const resources = [
    ...held.map((entry) => heldView(session, entry)),
    ...gone.map((rows) => goneView(session, index, rows)),
  ].sort((a, b) => a.id - b.id);
  const before = held.filter((entry) => entry.before).length;
  const earlier = ledger.acquired - (held.length - before) - gone.length;
  return { resources, before, now: held.length, ...(earlier === 0 ? {} : { earlier }) };
}

/** The newest of what was acquired before now and is not held any more. */
function goneBefore(index: RunIndex, now: Position, held: ReadonlySet<number>): readonly ResourceRows[] {
  const { rest } = index.events;
  const { resources } = index;
  let low = 0;
  let high = resources.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const { acquired } = resources[middle]!;
    if (acquired < 0 || isBefore(rest.position(acquired), now)) low = middle + 1;
    else high = middle;
  }
  const gone: ResourceRows[] = [];
  for (let i = low - 1; i >= 0 && gone.length < MAX_GONE; i--) {
    const rows = resources[i]!;
    if (!held.has(rows.id)) gone.push(rows);
  }
  return gone;
}

/** A call's events carry the number of instructions before it: what it did is there one instruction later. */
function isBefore(event: Position, now: Position): boolean {
  return comparePositions(event, now) < 0;
}

function heldView({ machine, object, position }: Session, entry: LedgerEntry): ResourceView {
  const frames = machine.frames();
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
    acquiredAt: acquiredAt(object, entryCall(entry, position.run)),
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

function goneView({ machine, object }: Session, index: RunIndex, rows: ResourceRows): ResourceView {
  const { rest, names } = index.events;
  const acquired =
    rows.entry === undefined ? eventCall(rest.event(rows.acquired, names)) : entryCall(rows.entry, index.run);
  const gone = rows.gone < 0 ? undefined : rest.event(rows.gone, names);
  const isStored = gone?.kind === 'store' && machine.kernel.ledger.stored().some(({ id }) => id === rows.id);
  const at = acquiredAt(object, acquired);
  return {
    id: rows.id,
    typeName: rows.typeName,
    kind: kindOfName(rows.typeName, acquired.by),
    value: hex(acquired.value),
    state: isStored ? 'stored' : 'released',
    acquiredBy: acquired.by,
    acquiredAt: at,
    place: gone?.kind === 'store' ? gone.detail : '',
    frame: at.function,
    ...(gone === undefined ? {} : { releasedBy: gone.detail, releasedAt: gone.position }),
    unwound: gone !== undefined && gone.position.phase > 0,
    before: false,
  };
}

/** The call that acquired something, as the ledger or an event tells of it. */
interface Acquiring {
  readonly by: string;
  readonly value: bigint;
  readonly program: string;
  readonly insn: number;
  /** Of what was held before the run there is none. */
  readonly position?: Position;
}

function entryCall({ by, value, at, before }: LedgerEntry, run: number): Acquiring {
  const { program, insn, step } = at;
  return { by, value, program, insn, ...(before ? {} : { position: { run, step, phase: 0 } }) };
}

function eventCall({ detail, value, program, insn, position }: TraceEvent): Acquiring {
  return { by: detail, value: value ?? 0n, program, insn, position };
}

function acquiredAt(object: ObjectFile, { program, insn, position }: Acquiring): ResourceView['acquiredAt'] {
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
