/** Listens to a machine and its kernel, and writes what it hears into columns. */
import type { UnwindPlan, UnwindStep } from '../exceptions/unwinder.ts';
import { callTarget } from '../isa/control-flow.ts';
import type { Call, OutputLine, Suspension } from '../kernel/behaviour.ts';
import type { LedgerEntry } from '../kernel/ledger.ts';
import type { Machine } from '../machine/machine.ts';
import type { FlowLog } from '../machine/observer.ts';
import type { End, MachinePosition } from '../machine/stop.ts';
import type { Program } from '../object/program.ts';
import type { EventKind } from './events.ts';
import { EventIndex, Overflow, eventCode } from './events.ts';

export interface CollectorLimits {
  /** Calls and returns of functions that are kept. */
  readonly flow: number;
  /** Calls of helpers and kfuncs that are kept. */
  readonly calls: number;
  /** All other events. */
  readonly rest: number;
}

export const DEFAULT_LIMITS: CollectorLimits = { flow: 500_000, calls: 500_000, rest: 500_000 };

/** An address of the engine's log, looked up. */
interface Site {
  readonly program: number;
  readonly insn: number;
  readonly name: number;
}

const CALL = eventCode('call');
const RETURN = eventCode('return');
const HELPER = eventCode('helper');
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
    const { kernel } = machine;
    machine.observer = {
      calling: (call, step) => this.#calling(call, step),
      called: (_call, result) => this.#called(result),
      entered: (kind, insn, step) => this.#entered(kind, insn, step),
      thrown: (plan, step) => this.#thrown(plan, step),
      phase: (step, position) => this.#phase(step, position),
      flow: (log) => this.#flow(log),
    };
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
  }

  detach(): void {
    const machine = this.#machine;
    if (machine === undefined) return;
    machine.observer = {};
    machine.kernel.observer = {};
    machine.kernel.ledger.observer = {};
    this.#machine = undefined;
  }

  /** Another run, whose programs may lie at addresses that others had. */
  enterRun(run: number): void {
    if (run === this.#run && this.#sites.size === 0) return;
    this.#run = run;
    this.#sites = new Map();
    this.#overflow = undefined;
    this.#step = 0;
  }

  ended(end: End, step: number): void {
    const exit = end.kind === 'exit';
    const { program, insn } = this.#here();
    const row = this.#add(exit ? 'exit' : 'fault', step, 0, program, insn, exit ? '' : end.fault.code, true);
    if (row < 0) return;
    if (exit) this.events.rest.setValue(row, end.value);
    else this.events.rest.setDetail(row, this.#text(end.fault.message));
  }

  // ---- what is heard --------------------------------------------------------------------------------------------------

  #calling(call: Call, step: number): void {
    this.#step = step;
    if (this.#calls >= this.#limits.calls) {
      this.#open = -1;
      this.#count(step, HELPER);
      return;
    }
    this.#calls++;
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
  }

  #entered(kind: EventKind, insn: number, step: number): void {
    const at = this.#here();
    this.#add(
      kind,
      step,
      kind === 'exception-callback' ? (this.#machine?.phase ?? 0) : 0,
      at.program,
      insn,
      subprogramName(at.in, insn),
    );
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
    this.#kernelEvent('print', line.kind, line.text);
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
    const { view } = log;
    const { flow } = this.events;
    const limit = this.#limits.flow;
    for (let at = log.start; at < log.end; at += 16) {
      const step = view.getUint32(at + 4, true) * 0x100000000 + view.getUint32(at, true);
      const kind = view.getUint32(at + 12, true) === 0 ? CALL : RETURN;
      if (flow.length >= limit) {
        this.#count(step, kind);
        continue;
      }
      const address = view.getUint32(at + 8, true);
      const site = this.#sites.get(address) ?? this.#site(address, kind);
      flow.add(this.#run, step, 0, kind, site.program, site.insn, site.name);
    }
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
      this.#count(step, eventCode(kind));
      return -1;
    }
    if (!always) this.#others++;
    return this.events.rest.add(this.#run, step, phase, eventCode(kind), program, insn, this.#text(name));
  }

  #count(step: number, kind: number): void {
    if (this.#overflow === undefined) {
      this.#overflow = new Overflow(this.#run);
      this.events.overflows.push(this.#overflow);
    }
    this.#overflow.count(step, kind);
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
