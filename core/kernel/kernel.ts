/**
 * The simulated kernel: everything that a program can reach beside its own registers and stack.
 *
 * Given program, scenario and seed a run is the same to the last bit: time, chance, CPU number and addresses all come
 * from here. State lies either in linear memory (map contents, kernel objects, packets) or in the small tables that
 * {@link Kernel.checkpoint} captures.
 */
import { BailoutError } from '../errors.ts';
import type { Btf } from '../object/btf/btf.ts';
import type { ObjectFile, Program } from '../object/program.ts';
import type { AsyncCheckpoint } from './async.ts';
import { AsyncQueue } from './async.ts';
import type {
  AsyncCallback,
  Behaviour,
  Call,
  CallbackSuspension,
  CompleteKernelObserver,
  KernelObserver,
  MapOperation,
  OutputLine,
  Suspension,
} from './behaviour.ts';
import { KernelFault } from './behaviour.ts';
import type { ContextCheckpoint } from './contexts/context.ts';
import { Contexts } from './contexts/context.ts';
import { continuationByName, helperBehaviour, kfuncBehaviour } from './behaviours.ts';
import type { HeapCheckpoint } from './heap.ts';
import { Heap } from './heap.ts';
import { Layouts } from './layout.ts';
import type { LedgerCheckpoint, LedgerEntry, Position, ResourceKind } from './ledger.ts';
import { Ledger } from './ledger.ts';
import { MapStore } from './maps/store.ts';
import type { MapStoreCheckpoint } from './maps/store.ts';
import type { Fault, Memory, MemoryCheckpoint } from './memory.ts';
import { describeFault } from './memory.ts';
import type { OutputState, PrintedLine } from './output.ts';
import { Output } from './output.ts';
import type { WorldCheckpoint } from './objects/world.ts';
import { World } from './objects/world.ts';
import { dropReference } from './release.ts';
import type { AnswerScenario, Scenario } from './scenario.ts';
import { integer } from './scenario.ts';
import type { RandomState } from './state.ts';
import { Random } from './state.ts';

export interface KernelOptions {
  readonly memory: Memory;
  readonly scenario: Scenario;
  readonly kernelBtf: Btf;
}

/** The kernel's state at a moment but for memory. Plain data; what did not change since another checkpoint is shared with it. */
export interface KernelState {
  readonly ledger: LedgerCheckpoint;
  readonly heap: HeapCheckpoint;
  readonly world: WorldCheckpoint;
  readonly maps: MapStoreCheckpoint;
  readonly contexts: ContextCheckpoint;
  readonly async: AsyncCheckpoint;
  readonly random: RandomState;
  readonly time: bigint;
  readonly cpu: number;
  readonly tailCalls: number;
  readonly running: number;
  /** Runs that were begun. */
  readonly runs: number;
  readonly output: OutputState;
  readonly answered: readonly (readonly [string, number])[];
}

/** All of it. */
export interface KernelCheckpoint extends KernelState {
  readonly memory: MemoryCheckpoint;
}

const DEFAULT_TIME = 1_000_000_000_000n;
/** Of the scenario's epoch when it says nothing: 2024-01-01. */
const DEFAULT_BOOT_TIME = 1_704_067_200_000_000_000n;
const SCRATCH_SIZE = 4096;

export class Kernel {
  readonly memory: Memory;
  readonly scenario: Scenario;
  readonly btf: Btf;
  readonly layouts: Layouts;
  readonly ledger = new Ledger();
  readonly heap: Heap;
  readonly world: World;
  readonly maps: MapStore;
  readonly contexts: Contexts;
  readonly async: AsyncQueue;
  readonly random: Random;
  readonly cpus: number;
  cpu: number;
  /** Made by the run so far. */
  tailCalls = 0;
  #observer = completed({});
  readonly #nsPerInsn: bigint;
  #time: bigint;
  /** Instructions that were executed since the clock was last looked at: a sum of bigints for each call would cost as much as the call. */
  #ticks = 0;
  readonly #programs: Program[] = [];
  readonly #answers: ReadonlyMap<string, readonly AnswerScenario[]>;
  #answered = new Map<string, number>();
  #running = -1;
  /** What programs have said. */
  readonly output = new Output();
  /** Instructions that the run has executed: the machine says so whenever it calls. */
  step = 0;
  #runs = 0;
  readonly #scratch: number;
  #callName = '';
  #callProgram = '';
  #callInsn = 0;
  #callFrame = 0;

  constructor(options: KernelOptions) {
    const { memory, scenario, kernelBtf } = options;
    this.memory = memory;
    this.scenario = scenario;
    this.btf = kernelBtf;
    this.layouts = new Layouts(kernelBtf);
    this.cpus = Math.min(Math.max(scenario.cpus ?? 2, 1), 64);
    this.cpu = Math.min(scenario.cpu ?? 0, this.cpus - 1);
    this.#time = integer(scenario.time ?? DEFAULT_TIME);
    this.#nsPerInsn = BigInt(Math.max(0, Math.trunc(scenario.nsPerInsn ?? 1)));
    this.random = new Random(scenario.seed ?? 0);
    this.#answers = groupAnswers(scenario.answers);
    this.heap = new Heap(this);
    this.async = new AsyncQueue(this);
    // Made before the first checkpoint, so that none can be restored to a time when it did not exist.
    this.#scratch = memory.allocate(SCRATCH_SIZE, { access: 'ro', label: 'scratch' });
    this.maps = new MapStore(this);
    this.world = new World(this);
    this.contexts = new Contexts(this);
  }

  get observer(): CompleteKernelObserver {
    return this.#observer;
  }

  /** Who hears what happens. Functions are called without a `this`. */
  set observer(observer: KernelObserver) {
    this.#observer = completed(observer);
  }

  // ---- programs and runs ----------------------------------------------------------------------------------------------

  /** Makes the maps of an object and fills them as the object and the scenario say. Doing it again changes nothing. */
  loadObject(object: ObjectFile): void {
    for (const program of object.programs) this.addProgram(program);
    this.maps.load(object);
  }

  /** The number under which program arrays know a program. */
  addProgram(program: Program): number {
    const known = this.#programs.indexOf(program);
    return known >= 0 ? known : this.#programs.push(program) - 1;
  }

  programById(id: number): Program | undefined {
    return this.#programs[id];
  }

  programByName(name: string): Program | undefined {
    return this.#programs.find((program) => program.name === name);
  }

  /** The program whose run it is; after a tail call the one that was called. */
  get running(): Program | undefined {
    return this.#programs[this.#running];
  }

  set running(program: Program | undefined) {
    this.#running = program === undefined ? -1 : this.addProgram(program);
  }

  /** Begins a run: what the ledger holds now is not the program's. */
  begin(program: Program): void {
    this.running = program;
    this.#runs++;
    this.tailCalls = 0;
    this.ledger.begin();
  }

  /** Ends a run: user space reads its ring buffers, RCU readers are done. Returns what the program left behind. */
  end(): readonly LedgerEntry[] {
    const left = this.ledger.outstanding();
    this.heap.graceEnds();
    this.maps.userSpaceReads();
    this.running = undefined;
    return left;
  }

  /** Builds the context of a program from the scenario. Returns the value of R1. */
  context(program: Program): bigint {
    return this.contexts.build(program, this.scenario.context ?? {});
  }

  contextLoad(offset: number, size: number): bigint {
    return this.contexts.load(offset, size);
  }

  contextStore(offset: number, size: number, value: bigint): void {
    this.contexts.store(offset, size, value);
  }

  /** ld_abs and ld_ind: packet bytes in network order; undefined ends the program with 0. */
  legacyLoad(context: bigint, offset: number, size: number): bigint | undefined {
    return this.contexts.legacyLoad(context, offset, size);
  }

  /** The address of a kernel variable (ld_imm64 BPF_PSEUDO_BTF_ID). */
  variable(btfId: number): bigint {
    return this.world.variable(btfId);
  }

  // ---- calls ----------------------------------------------------------------------------------------------------------

  helper(id: number): Behaviour | undefined {
    return helperBehaviour(id);
  }

  kfunc(name: string): Behaviour | undefined {
    return kfuncBehaviour(name);
  }

  /** Runs a behaviour. What it throws, and what the scenario answers in its place, comes back as a result. */
  invoke(behaviour: Behaviour, call: Call): bigint | Suspension {
    this.#callName = call.name;
    this.#callProgram = call.program.name;
    this.#callInsn = call.insn;
    this.#callFrame = call.frame;
    if (this.#answers.size > 0) {
      const answer = this.#answerFor(call.name);
      if (answer !== undefined) return answer;
    }
    try {
      return settled(behaviour(call));
    } catch (error) {
      return faultFrom(error);
    }
  }

  /** Goes on after a callback returned. */
  resume(continuation: CallbackSuspension['continuation'], r0: bigint): bigint | Suspension {
    const next = continuationByName(continuation.name);
    try {
      return settled(next(this, continuation.state, r0));
    } catch (error) {
      return faultFrom(error);
    }
  }

  /** Where the newest call came from. */
  get here(): Position {
    return { program: this.#callProgram, insn: this.#callInsn, frame: this.#callFrame };
  }

  /** The next timer or work queue that is due by a time (or at all): the clock moves on to it. Run it, then call `async.done()`. */
  asyncDue(until?: bigint): AsyncCallback | undefined {
    return this.async.take(until);
  }

  /** Instructions have been executed: the virtual clock moves on. */
  tick(insns: number): void {
    this.#ticks += insns;
  }

  /** Nanoseconds since boot. */
  get time(): bigint {
    if (this.#ticks > 0) this.time = this.#time + BigInt(this.#ticks) * this.#nsPerInsn;
    return this.#time;
  }

  set time(time: bigint) {
    this.#time = time;
    this.#ticks = 0;
  }

  get realTime(): bigint {
    return this.time + integer(this.scenario.bootTime ?? DEFAULT_BOOT_TIME);
  }

  /** Programs that cannot sleep run within an RCU section; the others open them. */
  inRcu(): boolean {
    return this.running?.sleepable !== true || this.ledger.count('rcu') > 0;
  }

  // ---- memory as helpers see it ---------------------------------------------------------------------------------------

  /** The offset of a pointer that the kernel itself made; a fault when it is none. */
  offset(pointer: bigint): number {
    const offset = this.memory.offset(pointer);
    if (offset === undefined) {
      const who = this.#callName === '' ? 'the kernel' : `${this.#callName} at insn ${this.#callInsn}`;
      throw new KernelFault(
        'BAD_POINTER',
        `${who}: 0x${pointer.toString(16)} is not a pointer into the program's memory`,
      );
    }
    return offset;
  }

  /** The offset of a range that a program passed, once it is sure that the program may access it. */
  range(call: Call, pointer: bigint, size: number, access: 'read' | 'write'): number {
    if (size === 0) return this.memory.offset(pointer) ?? 0;
    const fault = this.memory.check(pointer, size, access);
    if (fault !== undefined) throw accessFault(call, fault);
    return this.offset(pointer);
  }

  /** A zeroed place for keys and small values that callbacks look at; read-only for programs, overwritten by the next use. */
  scratch(size: number): number {
    if (size > SCRATCH_SIZE) throw new BailoutError('KERNEL_SCRATCH', `No scratch space of ${size} bytes.`);
    this.memory.bytes.fill(0, this.#scratch, this.#scratch + size);
    this.memory.touch(this.#scratch, size);
    return this.#scratch;
  }

  // ---- resources ------------------------------------------------------------------------------------------------------

  position(call: Call): Position {
    return { program: call.program.name, insn: call.insn, frame: call.frame };
  }

  acquire(call: Call, type: ResourceKind, typeName: string, value: bigint, release: string): LedgerEntry {
    const { program, insn, frame } = call;
    // Spelled out, as in {@link print}.
    const at = { program: program.name, insn, frame, step: this.step };
    return this.ledger.acquire({ type, typeName, value, by: call.name, release, at });
  }

  /** The value by which the ledger knows what a pointer leads into: an object for a pointer to its node, a record for one to its middle. */
  resourceValue(value: bigint): bigint {
    const offset = this.memory.offset(value);
    if (offset === undefined) return value;
    const held = this.ledger.held();
    if (held.some((entry) => entry.value === value)) return value;
    const object = this.heap.around(offset);
    if (object !== undefined) return this.memory.pointer(object.offset);
    for (const entry of held) {
      if (entry.type !== 'ringbuf_record' || entry.value > value) continue;
      const size = this.memory.readU32(this.offset(entry.value) - 8) & 0x1fffffff;
      if (value < entry.value + BigInt(size)) return entry.value;
    }
    return value;
  }

  /** A map or collection goes, and with it what it held at an address. */
  dropStored(pointer: bigint): void {
    const object = this.heap.around(this.offset(pointer));
    const value = object === undefined ? pointer : this.memory.pointer(object.offset);
    this.ledger.takeStored(value);
    dropReference(this, value);
  }

  // ---- output ---------------------------------------------------------------------------------------------------------

  print({ kind, text, map, bytes, at }: OutputLine): void {
    const { step } = this;
    const run = Math.max(this.#runs - 1, 0);
    // Spelled out: of objects that are made by copying another, the host keeps a shape for each.
    const printed: PrintedLine =
      map === undefined || bytes === undefined
        ? { kind, text, at, run, step }
        : { kind, text, map, bytes, at, run, step };
    this.output.push(printed);
    this.observer.printed?.(printed);
  }

  /** A program changed a map, or (map 0) a list or tree. `place` is the value or head; where nobody {@link findsChanges} it may be 0. */
  mapChanged(map: number, operation: MapOperation, place: number): void {
    const observer = this.#observer;
    if (observer.mapChanged !== undefined) observer.mapChanged(map, operation, this.memory.pointer(place));
    else observer.mapCounted?.();
  }

  /** Whether somebody wants to know which value of a map was changed: to find it takes a search. */
  get findsChanges(): boolean {
    return this.#observer.mapChanged !== undefined;
  }

  // ---- checkpoints ----------------------------------------------------------------------------------------------------

  checkpoint(): KernelCheckpoint {
    return { memory: this.memory.checkpoint(), ...this.stateBesideMemory() };
  }

  /** For who needs no copy of memory. */
  stateBesideMemory(): KernelState {
    return {
      ledger: this.ledger.checkpoint(),
      heap: this.heap.checkpoint(),
      world: this.world.checkpoint(),
      maps: this.maps.checkpoint(),
      contexts: this.contexts.checkpoint(),
      async: this.async.checkpoint(),
      random: this.random.checkpoint(),
      time: this.time,
      cpu: this.cpu,
      tailCalls: this.tailCalls,
      running: this.#running,
      runs: this.#runs,
      output: this.output.checkpoint(),
      answered: [...this.#answered],
    };
  }

  restore(checkpoint: KernelCheckpoint): void {
    this.memory.restore(checkpoint.memory);
    this.ledger.restore(checkpoint.ledger);
    this.heap.restore(checkpoint.heap);
    this.world.restore(checkpoint.world);
    this.maps.restore(checkpoint.maps);
    this.contexts.restore(checkpoint.contexts);
    this.async.restore(checkpoint.async);
    this.random.restore(checkpoint.random);
    this.time = checkpoint.time;
    this.cpu = checkpoint.cpu;
    this.tailCalls = checkpoint.tailCalls;
    this.#running = checkpoint.running;
    this.#runs = checkpoint.runs;
    this.output.restore(checkpoint.output);
    this.#answered = new Map(checkpoint.answered);
  }

  // ---- inside ---------------------------------------------------------------------------------------------------------

  #answerFor(name: string): bigint | undefined {
    const answers = this.#answers.get(name);
    if (answers === undefined) return undefined;
    const occurrence = (this.#answered.get(name) ?? 0) + 1;
    this.#answered.set(name, occurrence);
    const answer = answers.find((entry) => entry.occurrence === undefined || entry.occurrence === occurrence);
    return answer === undefined ? undefined : integer(answer.result);
  }
}

function settled(result: bigint | Suspension): bigint | Suspension {
  return typeof result === 'bigint' ? BigInt.asUintN(64, result) : result;
}

/** What a behaviour throws on purpose ends the run; anything else is a defect of ours and goes on up. */
function faultFrom(error: unknown): Suspension {
  if (error instanceof KernelFault || error instanceof BailoutError) {
    return { kind: 'fault', code: error.code, message: error.message };
  }
  throw error;
}

function groupAnswers(answers: readonly AnswerScenario[] = []): ReadonlyMap<string, readonly AnswerScenario[]> {
  const groups = new Map<string, AnswerScenario[]>();
  for (const answer of answers) {
    const group = groups.get(answer.call);
    if (group === undefined) groups.set(answer.call, [answer]);
    else group.push(answer);
  }
  return groups;
}

function accessFault(call: Call, fault: Fault): KernelFault {
  return new KernelFault('BAD_ARGUMENT', `${call.name} at insn ${call.insn}: ${describeFault(fault)}`);
}

/** All observers look alike to the host's compiler, whatever they want to hear. */
function completed({ mapChanged, mapCounted, printed, locked, emitted }: KernelObserver): CompleteKernelObserver {
  return { mapChanged, mapCounted, printed, locked, emitted };
}
