/** What there is to see at a moment, as plain data: for the terminal, for `--json`, for a page. */
import type { DescriptorEntry } from '../exceptions/descriptor.ts';
import { formatPlace } from '../exceptions/descriptor.ts';
import type { UnwindStep } from '../exceptions/unwinder.ts';
import { disassembleInsn } from '../isa/disassemble.ts';
import type { LedgerEntry } from '../kernel/ledger.ts';
import type { BpfMap } from '../kernel/maps/map.ts';
import type { Machine } from '../machine/machine.ts';
import type { Program } from '../object/program.ts';
import type { Position } from '../trace/timeline.ts';
import { formatValue } from './expressions/format.ts';
import { btfType } from './expressions/types.ts';
import { readMemory, registerOf, unseen } from './scope.ts';
import type { Session } from './session.ts';
import { baseName, lineAt, namesOf } from './source.ts';

export interface PlaceView {
  readonly program: string;
  readonly function: string;
  readonly insn: number;
  readonly text: string;
  readonly file?: string;
  readonly line?: number;
  readonly source?: string;
}

/** An instruction with its function and source line. */
export function placeView(program: Program, insn: number): PlaceView {
  const line = lineAt(program, insn);
  const subprogram = program.subprograms.find(({ start, end }) => insn >= start && insn < end);
  return {
    program: program.name,
    function: subprogram?.name ?? program.name,
    insn,
    text: disassembleInsn(program.instructions, insn, namesOf(program)),
    ...(line === undefined ? {} : { file: baseName(line.file), line: line.line, source: line.text.trim() }),
  };
}

export interface FrameView extends PlaceView {
  readonly index: number;
  readonly kind: string;
  readonly framePointer: string;
}

export function framesView(machine: Machine): FrameView[] {
  return machine.frames().map((frame, index) => ({
    ...placeView(frame.image.program, frame.insn),
    function: frame.name,
    index,
    kind: frame.kind,
    framePointer: hex(machine.memory.pointer(frame.framePointer)),
  }));
}

export interface RegisterView {
  readonly name: string;
  /** Absent where the register is kept nowhere. */
  readonly value?: string;
  readonly decimal?: string;
  /** Where it points, when it does. */
  readonly pointsTo?: string;
}

export function registersView(machine: Machine, frame: number): RegisterView[] {
  const frames = machine.frames();
  return Array.from({ length: 11 }, (_, i) => {
    const value = registerOf(machine, frames, frame, i);
    if (value.kind !== 'scalar') return { name: `r${i}` };
    const pointsTo = symbolOf(machine, value.bits);
    return {
      name: `r${i}`,
      value: hex(value.bits),
      decimal: String(BigInt.asIntN(64, value.bits)),
      ...(pointsTo === undefined ? {} : { pointsTo }),
    };
  });
}

/** What lies at an address: a place in a frame, a map's value, an object of the kernel, a function. */
export function symbolOf(machine: Machine, address: bigint): string | undefined {
  const offset = machine.memory.offset(address);
  if (offset === undefined) return undefined;
  for (const frame of machine.frames()) {
    const distance = offset - frame.framePointer;
    if (distance <= 0 && distance >= -512)
      return distance === 0 ? `fp of ${frame.name}` : `fp${distance} of ${frame.name}`;
  }
  const code = machine.locate(offset);
  if (code !== undefined) return `insn ${code.insn} of ${code.program.name}`;
  const allocation = machine.memory.allocationAt(offset);
  if (allocation === undefined) return undefined;
  const distance = offset - allocation.offset;
  const label = allocation.label === '' ? 'memory' : allocation.label;
  return `${label}${distance === 0 ? '' : `+${distance}`}${allocation.freed ? ', freed' : ''}`;
}

export interface ResourceView {
  readonly id: number;
  readonly type: string;
  readonly typeName: string;
  readonly value: string;
  readonly by: string;
  readonly release: string;
  readonly frame: number;
  readonly insn: number;
  readonly before: boolean;
}

export function resourcesView(machine: Machine): ResourceView[] {
  return machine.kernel.ledger.held().map((entry: LedgerEntry) => ({
    id: entry.id,
    type: entry.type,
    typeName: entry.typeName,
    value: hex(entry.value),
    by: entry.by,
    release: entry.release,
    frame: entry.at.frame,
    insn: entry.at.insn,
    before: entry.before,
  }));
}

export interface PhaseView {
  readonly phase: number;
  readonly done: boolean;
  readonly kind: UnwindStep['kind'];
  readonly text: string;
}

/** The unwinding that is under way, or the newest one: each phase, and whether it is done. */
export function unwindingView(machine: Machine): PhaseView[] {
  const present = machine.unwinding;
  const plan = present ?? machine.throws.at(-1);
  return (plan?.steps ?? []).map((step, i) => ({
    phase: i + 1,
    done: present === undefined || i < machine.phase,
    kind: step.kind,
    text: describePhase(step),
  }));
}

/** One phase in words. */
export function describePhase(step: UnwindStep): string {
  switch (step.kind) {
    case 'throw':
      return `throws cookie ${step.cookie} at insn ${step.insn}`;
    case 'enter-frame':
      return `enters ${step.frame.name} at insn ${step.frame.insn}: ${step.entries === 0 ? 'nothing held' : `${step.entries} to release`}`;
    case 'release':
      return `releases ${step.resource.typeName} #${step.resource.id} by ${step.entry.release}: ${step.place}${found(step)}`;
    case 'skip':
      return `skips ${step.place}: ${step.reason === 'empty' ? 'null here' : 'released already'}`;
    case 'leave-frame':
      return `leaves ${step.frame.name}`;
    case 'callback':
      return `calls the exception callback with ${step.cookie}`;
    case 'default-callback':
      return `returns ${BigInt.asIntN(64, step.value)}`;
  }
}

function found(step: Extract<UnwindStep, { kind: 'release' }>): string {
  if (step.found.kind === 'saved-register') return `, saved by frame ${step.found.frame} at fp${step.found.offset}`;
  return step.found.kind === 'region' ? '' : ` = ${hex(step.value)}`;
}

export interface DescriptorView {
  readonly function: string;
  readonly insn: number;
  readonly entries: readonly {
    readonly place: string;
    readonly type: string;
    readonly release: string;
    readonly acquiredAt: readonly number[];
  }[];
}

export function descriptorsView(session: Session): DescriptorView[] {
  const { program, descriptors } = session.verification();
  return descriptors.map((descriptor) => ({
    function: program.subprograms[descriptor.subprogram]?.name ?? '',
    insn: descriptor.insn,
    entries: descriptor.entries.map((entry: DescriptorEntry) => ({
      place: formatPlace(entry.place),
      type: entry.typeName,
      release: entry.release,
      acquiredAt: entry.acquiredAt,
    })),
  }));
}

export interface MapEntryView {
  readonly key: string;
  readonly value: string;
}

/** An element with its bytes. */
export interface MapElementView extends MapEntryView {
  readonly keyBytes: string;
  readonly valueBytes: string;
}

/** Elements of a map with the types that the object gives them. */
export function mapEntries(session: Session, machine: Machine, map: BpfMap, limit: number): MapEntryView[] {
  return mapElements(session, machine, map, 0, limit).map(({ key, value }) => ({ key, value }));
}

/** The same from an element on, also as bytes. Looking at them changes nothing. */
export function mapElements(
  session: Session,
  machine: Machine,
  map: BpfMap,
  from: number,
  limit: number,
): MapElementView[] {
  const { btf } = session.symbols;
  const read = (address: bigint, size: number): Uint8Array => {
    const offset = machine.memory.offset(address);
    return offset === undefined
      ? readMemory(machine, address, size)
      : machine.memory.bytes.slice(offset, offset + size);
  };
  const bytesOf = (offset: number, size: number): string =>
    Array.from(read(machine.memory.pointer(offset), size), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  const show = (typeId: number, offset: number, size: number): string => {
    if (btf === undefined || typeId === 0) return bytesOf(offset, size);
    const valueOf = (type: number, at: number): string =>
      formatValue({ kind: 'place', type: btfType(btf, type), address: machine.memory.pointer(at) }, read);
    // Global variables: the value of their map is a section, which C has no type for.
    const variables = btf.sectionVariables(btf.resolve(typeId));
    if (variables.length === 0) return valueOf(typeId, offset);
    return `{${variables.map((one) => `.${btf.name(one.typeId)} = ${valueOf(one.typeId, offset + one.offset)}`).join(', ')}}`;
  };
  const { keySize, valueSize, definition } = map;
  return unseen(machine, 64, () => {
    const entries: MapElementView[] = [];
    let index = 0;
    for (const { key, value } of map.elements()) {
      if (entries.length >= limit) break;
      if (index++ < from) continue;
      entries.push({
        key: show(definition.keyTypeId, key, keySize),
        value: show(definition.valueTypeId, value, valueSize),
        keyBytes: bytesOf(key, keySize),
        valueBytes: bytesOf(value, valueSize),
      });
    }
    return entries;
  });
}

/** `run 0 · step 1,204 · phase 4`; the run is told when there are several. */
export function formatPosition({ run, step, phase }: Position, several: boolean): string {
  const grouped = String(step).replace(/\B(?=(\d{3})+$)/g, ',');
  return `${several ? `run ${run} · ` : ''}step ${grouped}${phase === 0 ? '' : ` · phase ${phase}`}`;
}

export function hex(value: bigint): string {
  return `0x${BigInt.asUintN(64, value).toString(16)}`;
}
