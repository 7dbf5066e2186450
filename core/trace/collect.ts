/**
 * Listens to a machine and its kernel, and writes what it hears into columns.
 *
 * Of each sort of event a recording keeps the first; what comes after them is counted, per stretch of steps. Whoever only counts
 * is an observer of its own, which asks the machine for no more than the count needs: so a run that makes events all the time
 * is recorded at little more than what it takes by itself. What was counted can be had again in full (all-events.ts).
 */
import type { UnwindPlan, UnwindStep } from '../exceptions/unwinder.ts';
import { callTarget } from '../isa/control-flow.ts';
import type { Call, OutputLine, Suspension } from '../kernel/behaviour.ts';
import type { LedgerEntry } from '../kernel/ledger.ts';
import type { Machine } from '../machine/machine.ts';
import type { Counter, FlowLog } from '../machine/observer.ts';
import type { End, MachinePosition } from '../machine/stop.ts';
import type { Program } from '../object/program.ts';
import type { EventKind } from './events.ts';
import { EVENT_KINDS, EventIndex, Overflow, eventCode, stretchEnd } from './events.ts';

export interface CollectorLimits {
  /** Calls and returns of functions that are kept. */
  readonly flow: number;
  /** Calls of helpers and kfuncs that are kept. */
  readonly calls: number;
  /** All other events. */
  readonly rest: number;
  /** Characters of what programs print, which are different each time and so do not pack; any number when absent. */
  readonly text?: number;
}

/**
 * As many as fit into a twentieth of a byte for each of 100 M instructions, however little they pack, and are written in a tenth of
 * the time that so many instructions take at the least.
 */
export const DEFAULT_LIMITS: CollectorLimits = { flow: 16_384, calls: 8_192, rest: 8_192, text: 100_000 };

/** For who listens to a part again, and wants all of it. */
export const EVERYTHING: CollectorLimits = { flow: Infinity, calls: Infinity, rest: Infinity };

/** An address of the engine's log, looked up. */
interface Site {
  readonly program: number;
  readonly insn: number;
  readonly name: number;
}

const CALL = eventCode('call');
const RETURN = eventCode('return');
const HELPER = eventCode('helper');
const MAP = eventCode('map');
const LOCK = eventCode('lock');
const UNLOCK = eventCode('unlock');
const EMIT = eventCode('emit');
const PRINT = eventCode('print');
const ACQUIRE = eventCode('acquire');
const RELEASE = eventCode('release');
const STORE = eventCode('store');
/** Texts that events carry are shortened to this: the whole is in the machine's state. */
const MAX_TEXT = 400;

export class Collector {
  readonly events: EventIndex;
  readonly #limits: CollectorLimits;
  #machine: Machine | undefined;
  #run = 0;
  #step = 0;
  #calls = 0;
  #others = 0;
  /** Events by kind that were only counted, since they were last put into a stretch: adding to one costs a nanosecond. */
  readonly #counts = new Uint32Array(EVENT_KINDS.length);
  /** Something is only counted, and the machine stops where stretches end. */
  #isCounting = false;
  /** A limit was reached: from the machine's next stop on the rest is only counted. Until then it is counted one by one. */
  #isFull = false;
  #characters = 0;
  /** The row of the helper that is running, or -1. */
  #open = -1;
  #sites = new Map<number, Site>();
  #overflow: Overflow | undefined;

  constructor(limits: CollectorLimits = DEFAULT_LIMITS, events = new EventIndex()) {
    this.#limits = limits;
    this.events = events;
  }

  attach(machine: Machine): void {
    this.#machine = machine;
    this.#listen();
  }

  /** Hears what is still kept in full, and of the rest only that it happens. */
  #listen(): void {
    const machine = this.#machine;
    if (machine === undefined) return;
    const { kernel } = machine;
    const { flow, calls, rest, text = Infinity } = this.#limits;
    this.#isFull = false;
    this.#isCounting =
      this.events.flow.length >= flow || this.#calls >= calls || this.#others >= rest || this.#characters >= text;
    machine.observer = {
      ...(this.events.flow.length < flow ? { flow: (log: FlowLog) => this.#flow(log) } : {}),
      ...(this.#calls < calls
        ? {
            calling: (call: Call, step: number) => this.#calling(call, step),
            called: (_call: Call, result: bigint | Suspension) => this.#called(result),
          }
        : {}),
      counter: this.#counter,
      ...(this.#others < rest ? { entered: (kind, insn, step) => this.#entered(kind, insn, step) } : {}),
      thrown: (plan, step) => this.#thrown(plan, step),
      phase: (step, position) => this.#phase(step, position),
    };
    if (this.#others < rest) {
      kernel.ledger.observer = {
        acquired: (entry) => this.#resource('acquire', entry, entry.by),
        released: (entry, by) => this.#resource('release', entry, by),
        stored: (entry, where) => this.#resource('store', entry, where),
      };
      kernel.observer = {
        mapChanged: (map, operation, address) => this.#kernelEvent('map', operation, this.#mapName(map), address),
        printed: (line) => this.#printed(line),
        locked: (address, taken) => this.#kernelEvent(taken ? 'lock' : 'unlock', '', '', address),
        emitted: (map, bytes) => this.#kernelEvent('emit', this.#mapName(map), `${bytes.length} bytes`),
      };
    } else {
      const counts = this.#counts;
      kernel.ledger.observer = {
        acquired: () => counts[ACQUIRE]!++,
        released: () => counts[RELEASE]!++,
        stored: () => counts[STORE]!++,
      };
      kernel.observer = {
        mapCounted: () => counts[MAP]!++,
        printed: () => counts[PRINT]!++,
        locked: (_address, taken) => counts[taken ? LOCK : UNLOCK]!++,
        emitted: () => counts[EMIT]!++,
      };
    }
  }

  readonly #counter: Counter = {
    stretchEnd: (step) => {
      if (this.#isFull) this.#listen();
      return this.#isCounting ? stretchEnd(step) : Infinity;
    },
    add: (step, what, count) => this.#counted().count(step, eventCode(what), count),
    passed: (step) => this.#flush(step),
  };

  /** An event that is not kept. */
  #count(kind: number, step: number): void {
    if (this.#isCounting) this.#counts[kind]!++;
    else this.#counted().count(step, kind);
  }

  /** What was counted belongs to the stretch of a step. */
  #flush(step: number): void {
    const counts = this.#counts;
    for (let kind = 0; kind < counts.length; kind++) {
      if (counts[kind] === 0) continue;
      this.#counted().count(step, kind, counts[kind]);
      counts[kind] = 0;
    }
  }

  #counted(): Overflow {
    if (this.#overflow === undefined) {
      this.#overflow = new Overflow(this.#run);
      this.events.overflows.push(this.#overflow);
    }
    return this.#overflow;
  }

  detach(): void {
    const machine = this.#machine;
    if (machine === undefined) return;
    this.#flush(machine.step);
    machine.observer = {};
    machine.kernel.observer = {};
    machine.kernel.ledger.observer = {};
    this.#machine = undefined;
  }

  /** Another run, whose programs may lie at addresses that others had. */
  enterRun(run: number): void {
    if (run === this.#run && this.#sites.size === 0) return;
    this.#flush(this.#step);
    this.#run = run;
    this.#sites = new Map();
    this.#overflow = undefined;
    this.#step = 0;
  }

  /** The run is over, at its last moment. */
  ended(end: End, { step, phase }: MachinePosition): void {
    const exit = end.kind === 'exit';
    const { program, insn } = this.#here();
    const row = this.#add(exit ? 'exit' : 'fault', step, phase, program, insn, exit ? '' : end.fault.code, true);
    if (row < 0) return;
    if (exit) this.events.rest.setValue(row, end.value);
    else this.events.rest.setDetail(row, this.#text(end.fault.message));
  }

  // ---- what is heard --------------------------------------------------------------------------------------------------

  #calling(call: Call, step: number): void {
    this.#step = step;
    if (this.#calls >= this.#limits.calls) {
      this.#count(HELPER, step);
      return;
    }
    const { names, rest } = this.events;
    const row = rest.add(this.#run, step, 0, HELPER, names.id(call.program.name), call.insn, names.id(call.name));
    rest.setArgs(row, call.args);
    this.#open = row;
  }

  #called(result: bigint | Suspension): void {
    if (this.#open < 0) return;
    if (typeof result === 'bigint') this.events.rest.setValue(this.#open, result);
    else this.events.rest.setDetail(this.#open, this.events.names.id(result.kind));
    this.#open = -1;
    if (++this.#calls >= this.#limits.calls) this.#isFull = true;
  }

  #entered(kind: EventKind, insn: number, step: number): void {
    if (this.#others >= this.#limits.rest) {
      this.#count(eventCode(kind), step);
      return;
    }
    const at = this.#here();
    // What begins where an unwinding ends has a phase of it, and so comes before the next instruction.
    const phase = this.#machine?.phase ?? 0;
    this.#add(kind, step, phase, at.program, insn, subprogramName(at.in, insn));
  }

  #thrown(plan: UnwindPlan, step: number): void {
    const { program, insn } = this.#here();
    const row = this.#add('throw', step, 0, program, insn, '', true);
    if (row >= 0) this.events.rest.setValue(row, plan.cookie);
  }

  #phase(step: UnwindStep, position: MachinePosition): void {
    const { program, insn } = this.#here();
    this.#step = position.step;
    const row = this.#add('phase', position.step, position.phase, program, insn, step.kind);
    if (row < 0) return;
    if (step.kind === 'release') {
      this.events.rest.setValue(row, step.value);
      this.events.rest.setResource(row, step.resource.id);
      this.events.rest.setDetail(row, this.#text(`${step.resource.typeName} in ${step.place}`));
    } else if (step.kind === 'enter-frame' || step.kind === 'leave-frame') {
      this.events.rest.setDetail(row, this.#text(step.frame.name));
    }
  }

  #resource(kind: 'acquire' | 'release' | 'store', entry: LedgerEntry, by: string): void {
    const row = this.#kernelEvent(kind, entry.typeName, by, entry.value);
    if (row >= 0) this.events.rest.setResource(row, entry.id);
  }

  #printed(line: OutputLine): void {
    const { text = Infinity } = this.#limits;
    if (this.#characters >= text) this.#count(PRINT, this.#machine?.step ?? this.#step);
    else this.#kernelEvent('print', line.kind, line.text);
    this.#characters += Math.min(line.text.length, MAX_TEXT);
    if (!this.#isCounting && this.#characters >= text) this.#isFull = true;
  }

  #kernelEvent(kind: EventKind, name: string, detail: string, value?: bigint): number {
    const machine = this.#machine;
    const { here } = machine!.kernel;
    const phase = machine?.phase ?? 0;
    const row = this.#add(
      kind,
      machine?.step ?? this.#step,
      phase,
      this.events.names.id(here.program),
      here.insn,
      name,
    );
    if (row < 0) return row;
    this.events.rest.setDetail(row, this.#text(detail));
    if (value !== undefined) this.events.rest.setValue(row, BigInt.asUintN(64, value));
    return row;
  }

  #flow(log: FlowLog): void {
    const { flow } = this.events;
    const words = new Uint32Array(log.view.buffer, log.start, (log.end - log.start) >> 2);
    const kept = Math.min(words.length, (this.#limits.flow - flow.length) * 4);
    for (let at = 0; at < words.length; at += 4) {
      const step = words[at + 1]! * 0x100000000 + words[at]!;
      const kind = words[at + 3] === 0 ? CALL : RETURN;
      if (at >= kept) {
        this.#counted().count(step, kind);
        continue;
      }
      const address = words[at + 2]!;
      const site = this.#sites.get(address) ?? this.#site(address, kind);
      flow.add(this.#run, step, 0, kind, site.program, site.insn, site.name);
    }
    if (flow.length >= this.#limits.flow) this.#isFull = true;
  }

  // ---- rows -----------------------------------------------------------------------------------------------------------

  /** -1 when the event was only counted. What a run has few of and nobody must miss is always kept. */
  #add(
    kind: EventKind,
    step: number,
    phase: number,
    program: number,
    insn: number,
    name: string,
    always = false,
  ): number {
    if (!always && this.#others >= this.#limits.rest) {
      this.#count(eventCode(kind), step);
      return -1;
    }
    if (!always && ++this.#others === this.#limits.rest) this.#isFull = true;
    return this.events.rest.add(this.#run, step, phase, eventCode(kind), program, insn, this.#text(name));
  }

  #text(text: string): number {
    return this.events.names.id(text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text);
  }

  #here(): { readonly program: number; readonly insn: number; readonly in: Program | undefined } {
    const at = this.#machine?.location;
    return { program: this.events.names.id(at?.program.name ?? ''), insn: at?.insn ?? 0, in: at?.program };
  }

  #site(address: number, kind: number): Site {
    const at = this.#machine?.locate(address);
    const { names } = this.events;
    const insns = at?.program.instructions;
    const inside =
      at === undefined || insns === undefined || kind === RETURN ? (at?.insn ?? 0) : callTarget(insns, at.insn);
    const site = {
      program: names.id(at?.program.name ?? ''),
      insn: at?.insn ?? 0,
      name: names.id(subprogramName(at?.program, inside)),
    };
    this.#sites.set(address, site);
    return site;
  }

  #mapName(map: number): string {
    return this.#machine?.kernel.maps.byId(map)?.name ?? (map === 0 ? '' : `map ${map}`);
  }
}

function subprogramName(program: Program | undefined, insn: number): string {
  return program?.subprograms.find(({ start, end }) => insn >= start && insn < end)?.name ?? '';
}
