/**
 * Generates programs that hold all kinds of things when they throw, and are valid: what is acquired is released on every path that
 * does not throw, and at each throw every path brings the same things in the same places (or a null instead).
 *
 * A program is a tree of statements. Each thing is acquired in a statement, lives in one place (R6 to R9 or a stack slot) while the statement's
 * body runs, and is let go behind the body. Calls go from lower to higher numbers only.
 */
import { Random } from './random.ts';

export interface Generated {
  readonly seed: number;
  /** Assembly, as core/isa reads it. */
  readonly source: string;
  /** Lines of the source, from 0, that let something go: without any one of them the program leaks. */
  readonly releases: readonly number[];
  readonly functions: readonly GeneratedFunction[];
}

export interface GeneratedFunction {
  readonly label: string;
  readonly kind: 'main' | 'static' | 'global' | 'callback';
}

/** What may stand in a body: while a lock is held nothing may be called, except to throw. */
type Mode = 'free' | 'locked';

/** Bytes of stack per frame: eight frames fit the kernel's 512. Slot fp-8 holds random bits for tests in locked bodies. */
const FRAME_BYTES = 48;
const RANDOM_SLOT = -8;
const MAX_FUNCTIONS = 8;

/** Writes one function. */
class FunctionWriter {
  readonly lines: string[] = [];
  /** Indices of lines without which something would never be let go. */
  readonly releases: number[] = [];
  readonly #random: Random;
  readonly #name: string;
  readonly #kind: GeneratedFunction['kind'];
  readonly #callees: readonly GeneratedFunction[];
  readonly #registers = [6, 7, 8, 9];
  readonly #slots: number[] = [];
  #labels = 0;
  #budget: number;
  #regions = 0;
  /** RCU sections do not nest, and a static function may be called inside one of its caller. */
  #mayEnterRcu: boolean;
  #loops = 0;

  constructor(random: Random, self: GeneratedFunction, callees: readonly GeneratedFunction[], budget: number) {
    this.#random = random;
    this.#name = self.label;
    this.#kind = self.kind;
    this.#mayEnterRcu = self.kind !== 'static';
    this.#callees = callees;
    this.#budget = budget;
    for (let offset = RANDOM_SLOT - 8; offset >= -FRAME_BYTES; offset -= 8) this.#slots.push(offset);
  }

  write(callback: string | undefined): void {
    this.#emit(`${this.#name}:`);
    // A static function keeps what it was given, as a borrowed copy of what its caller holds.
    if (this.#kind === 'static' && this.#random.chance(0.5)) {
      const place = this.#takePlace();
      if (place !== undefined) this.#emit(store(place, 'r1'));
    }
    if (callback !== undefined) this.#emit(`r1 = func[${callback}]`, 'call bpf_set_exception_callback');
    this.#emit('call 7', `*(u64 *)(r10 ${RANDOM_SLOT}) = r0`);
    this.#body('free');
    // Every function is called: the chain from one to the next is never missing.
    const next = this.#callees[0];
    if (next !== undefined) this.#call(next, undefined);
    this.#emit('r0 = 0', 'exit');
  }

  #emit(...lines: string[]): void {
    this.lines.push(...lines);
  }

  /** Emits lines of which the last one lets something go, on the only way out of a statement. */
  #letGo(...lines: string[]): void {
    this.#emit(...lines);
    this.releases.push(this.lines.length - 1);
  }

  #label(): string {
    return `${this.#name}_${this.#labels++}`;
  }

  #body(mode: Mode): void {
    const count = this.#random.below(4);
    for (let i = 0; i < count && this.#budget > 0; i++) {
      this.#budget--;
      if (mode === 'locked') this.#lockedStatement();
      else this.#statement();
    }
  }

  #statement(): void {
    const pick = this.#random.below(20);
    if (pick < 9) this.#acquire();
    else if (pick < 12) this.#region();
    else if (pick < 15) this.#throwSometimes('free');
    else if (pick < 17) this.#branch();
    else if (pick < 18) this.#lock();
    else if (pick < 19) this.#scribble();
    else if (this.#callees.length > 0) this.#call(this.#random.pick(this.#callees), undefined);
  }

  #lockedStatement(): void {
    if (this.#random.chance(0.7)) this.#throwSometimes('locked');
    else this.#scribble();
  }

  // --- control flow -----------------------------------------------------------------------------------------------------

  /** Jumps to `label` most of the time, as a random number says. */
  #jumpUnlessUnlikely(mode: Mode, label: string): void {
    if (mode === 'free') this.#emit('call 7', `r0 &= ${this.#random.pick([1, 3, 7])}`);
    else this.#emit(`r0 = *(u64 *)(r10 ${RANDOM_SLOT})`, `r0 >>= ${this.#random.below(16)}`, 'r0 &= 1');
    this.#emit(`if r0 != 0 goto ${label}`);
  }

  #throwSometimes(mode: Mode): void {
    const skip = this.#label();
    this.#jumpUnlessUnlikely(mode, skip);
    this.#emit(`r1 = ${this.#random.below(1000)}`, 'call bpf_throw', `${skip}:`);
  }

  #branch(): void {
    const other = this.#label();
    const join = this.#label();
    this.#jumpUnlessUnlikely('free', other);
    this.#body('free');
    this.#emit(`goto ${join}`, `${other}:`);
    this.#body('free');
    this.#emit(`${join}:`);
  }

  /** Numbers in places that are free: what unwinding must not take for a pointer. */
  #scribble(): void {
    const place = this.#takePlace();
    if (place === undefined) return;
    this.#emit(`r0 = ${this.#random.pick([0, 1, 4096, -1])}`, store(place, 'r0'));
    this.#free(place);
  }

  #call(callee: GeneratedFunction, argument: Place | undefined): void {
    if (callee.kind === 'static' && argument !== undefined) this.#emit(load('r1', argument));
    else this.#emit(`r1 = ${this.#random.below(100)}`);
    this.#emit(`call ${callee.label}`);
  }

  // --- things that are acquired ---------------------------------------------------------------------------------------

  #acquire(): void {
    switch (this.#random.below(11)) {
      case 0:
      case 1:
        return this.#inPlace(['call 158', 'r1 = r0', 'call bpf_task_acquire'], (place) => this.#releaseTask(place));
      case 2:
        return this.#inPlace(['call bpf_cpumask_create'], (place) =>
          this.#letGo(load('r1', place), 'call bpf_cpumask_release'),
        );
      case 3:
        return this.#inPlace(['r1 = 1', 'call bpf_cgroup_from_id'], (place) =>
          this.#letGo(load('r1', place), 'call bpf_cgroup_release'),
        );
      case 4:
        return this.#inPlace(newObject('node'), (place) => this.#releaseNode(place));
      case 5:
        return this.#inPlace(
          newObject('counted'),
          (place) => this.#releaseCounted(place),
          (place) => this.#shareCounted(place),
        );
      case 6:
        return this.#inPlace(['r1 = type[small]', 'r2 = 0', 'call bpf_percpu_obj_new_impl'], (place) =>
          this.#letGo(load('r1', place), 'r2 = 0', 'call bpf_percpu_obj_drop_impl'),
        );
      case 7:
        return this.#inPlace(['r1 = map[events]', 'r2 = 8', 'r3 = 0', 'call 131'], (place) =>
          this.#letGo(load('r1', place), 'r2 = 0', `call ${this.#random.pick([132, 133])}`),
        );
      case 8:
        return this.#dynptr();
      default:
        return this.#iterator();
    }
  }

  /**
   * Acquires into a place, runs a body, releases. When nothing was got, the body is passed over; or it runs all the same with a null in
   * the place, which unwinding has to see.
   */
  #inPlace(acquire: readonly string[], release: (place: Place) => void, share?: (place: Place) => void): void {
    const place = this.#takePlace();
    if (place === undefined) return;
    const done = this.#label();
    if (this.#random.chance(0.25)) {
      const without = this.#label();
      this.#emit('r0 = 0', store(place, 'r0'));
      this.#jumpUnlessUnlikely('free', without);
      this.#emit(...acquire, store(place, 'r0'), `${without}:`);
      this.#body('free');
      this.#emit(load('r0', place), `if r0 == 0 goto ${done}`);
    } else {
      this.#emit(...acquire, `if r0 == 0 goto ${done}`, store(place, 'r0'));
      share?.(place);
      this.#body('free');
      const borrower = this.#callees.find((callee) => callee.kind === 'static');
      if (borrower !== undefined && this.#budget > 0 && this.#random.chance(0.3)) this.#call(borrower, place);
    }
    release(place);
    this.#emit(`${done}:`);
    this.#free(place);
  }

  #releaseTask(place: Place): void {
    if (this.#random.chance(0.3)) this.#keepInMap(place, 0, ['call bpf_task_release']);
    else this.#letGo(load('r1', place), 'call bpf_task_release');
  }

  #releaseCounted(place: Place): void {
    if (this.#random.chance(0.3)) this.#keepInMap(place, 8, ['r2 = 0', 'call bpf_obj_drop_impl']);
    else this.#letGo(load('r1', place), 'r2 = 0', 'call bpf_obj_drop_impl');
  }

  /** A second count of the same object, in a place of its own. */
  #shareCounted(place: Place): void {
    const second = this.#random.chance(0.5) ? this.#takePlace() : undefined;
    if (second === undefined) return;
    const done = this.#label();
    this.#emit(
      load('r1', place),
      'r2 = 0',
      'call bpf_refcount_acquire_impl',
      `if r0 == 0 goto ${done}`,
      store(second, 'r0'),
    );
    this.#body('free');
    this.#letGo(load('r1', second), 'r2 = 0', 'call bpf_obj_drop_impl');
    this.#emit(`${done}:`);
    this.#free(second);
  }

  /** Moves what a place holds into the map's value, and drops what was there. */
  #keepInMap(place: Place, offset: number, drop: readonly string[]): void {
    const key = this.#takeSlots(1);
    if (key === undefined) {
      this.#emit(load('r1', place), ...drop);
      return;
    }
    const direct = this.#label();
    const done = this.#label();
    this.#emit(
      ...lookup('kept', key),
      `if r0 == 0 goto ${direct}`,
      'r1 = r0',
      `r1 += ${offset}`,
      load('r2', place),
      'call 194',
    );
    this.#emit(`if r0 == 0 goto ${done}`, 'r1 = r0', ...drop, `goto ${done}`);
    this.#emit(`${direct}:`, load('r1', place), ...drop, `${done}:`);
    this.#free({ kind: 'slot', offset: key });
  }

  /** Into a list under its lock, or dropped. */
  #releaseNode(place: Place): void {
    const drop = [load('r1', place), 'r2 = 0', 'call bpf_obj_drop_impl'];
    const value = this.#random.chance(0.4) ? this.#takePlace() : undefined;
    const key = value === undefined ? undefined : this.#takeSlots(1);
    if (value === undefined || key === undefined) {
      this.#emit(...drop);
      if (value !== undefined) this.#free(value);
      return;
    }
    const direct = this.#label();
    const done = this.#label();
    this.#emit(...lookup('lists', key), `if r0 == 0 goto ${direct}`, store(value, 'r0'));
    this.#emit(load('r1', value), 'call 93');
    if (this.#random.chance(0.5)) this.#throwSometimes('locked');
    this.#emit(load('r1', value), 'r1 += 8', load('r2', place), 'r3 = 0', 'r4 = 0', 'call bpf_list_push_front_impl');
    this.#emit(load('r1', value), 'call 94', `goto ${done}`, `${direct}:`, ...drop, `${done}:`);
    this.#free(value);
    this.#free({ kind: 'slot', offset: key });
  }

  #dynptr(): void {
    const at = this.#takeSlots(2);
    if (at === undefined) return;
    this.#emit('r1 = map[events]', 'r2 = 16', 'r3 = 0', 'r4 = r10', `r4 += ${at}`, 'call 198');
    this.#body('free');
    this.#letGo('r1 = r10', `r1 += ${at}`, 'r2 = 0', `call ${this.#random.pick([199, 200])}`);
    this.#free({ kind: 'slot', offset: at });
    this.#free({ kind: 'slot', offset: at + 8 });
  }

  #iterator(): void {
    const at = this.#takeSlots(1);
    if (at === undefined) return;
    const iterator = ['r1 = r10', `r1 += ${at}`];
    this.#emit(...iterator, 'r2 = 0', `r3 = ${this.#random.pick([0, 1, 3, -1])}`, 'call bpf_iter_num_new');
    if (this.#loops < 2 && this.#random.chance(0.7)) {
      const again = this.#label();
      const done = this.#label();
      this.#loops++;
      this.#emit(`${again}:`, ...iterator, 'call bpf_iter_num_next', `if r0 == 0 goto ${done}`);
      this.#body('free');
      this.#emit(`goto ${again}`, `${done}:`);
      this.#loops--;
    } else this.#body('free');
    this.#letGo(...iterator, 'call bpf_iter_num_destroy');
    this.#free({ kind: 'slot', offset: at });
  }

  // --- sections ---------------------------------------------------------------------------------------------------------

  #region(): void {
    if (this.#regions >= 3) return;
    this.#regions++;
    const kind = this.#random.below(3);
    if (kind === 0) {
      if (this.#mayEnterRcu) {
        this.#mayEnterRcu = false;
        this.#between(['call bpf_rcu_read_lock'], ['call bpf_rcu_read_unlock']);
        this.#mayEnterRcu = true;
      }
    } else if (kind === 1) this.#between(['call bpf_preempt_disable'], ['call bpf_preempt_enable']);
    else {
      const at = this.#takeSlots(1);
      if (at !== undefined) {
        const flags = ['r1 = r10', `r1 += ${at}`];
        this.#between([...flags, 'call bpf_local_irq_save'], [...flags, 'call bpf_local_irq_restore']);
        this.#free({ kind: 'slot', offset: at });
      }
    }
    this.#regions--;
  }

  #between(enter: readonly string[], leave: readonly string[]): void {
    this.#emit(...enter);
    this.#body('free');
    this.#letGo(...leave);
  }

  #lock(): void {
    const value = this.#takePlace();
    const key = value === undefined ? undefined : this.#takeSlots(1);
    if (value !== undefined && key !== undefined) {
      const done = this.#label();
      const resilient = this.#random.chance(0.5);
      this.#emit(
        ...lookup(resilient ? 'res_locks' : 'locks', key),
        `if r0 == 0 goto ${done}`,
        store(value, 'r0'),
        load('r1', value),
      );
      if (resilient) this.#emit('call bpf_res_spin_lock', `if r0 != 0 goto ${done}`);
      else this.#emit('call 93');
      this.#emit(load('r1', value), 'r0 = *(u32 *)(r1 +4)', 'r0 += 1', '*(u32 *)(r1 +4) = r0');
      this.#body('locked');
      this.#letGo(load('r1', value), resilient ? 'call bpf_res_spin_unlock' : 'call 94');
      this.#emit(`${done}:`);
    }
    if (key !== undefined) this.#free({ kind: 'slot', offset: key });
    if (value !== undefined) this.#free(value);
  }

  // --- places -----------------------------------------------------------------------------------------------------------

  #takePlace(): Place | undefined {
    const register = this.#random.chance(0.5) ? this.#random.take(this.#registers) : undefined;
    if (register !== undefined) return { kind: 'register', register };
    const offset = this.#takeSlots(1);
    return offset === undefined ? undefined : { kind: 'slot', offset };
  }

  /** One slot, or two that lie side by side; the offset of the lower one. */
  #takeSlots(count: 1 | 2): number | undefined {
    const fitting = this.#slots.filter((offset) => count === 1 || this.#slots.includes(offset + 8));
    if (fitting.length === 0) return undefined;
    const offset = this.#random.pick(fitting);
    for (let i = 0; i < count; i++) this.#slots.splice(this.#slots.indexOf(offset + 8 * i), 1);
    return offset;
  }

  #free(place: Place): void {
    if (place.kind === 'register') this.#registers.push(place.register);
    else this.#slots.push(place.offset);
  }
}

type Place =
  { readonly kind: 'register'; readonly register: number } | { readonly kind: 'slot'; readonly offset: number };

function store(place: Place, register: string): string {
  return place.kind === 'register' ? `r${place.register} = ${register}` : `*(u64 *)(r10 ${place.offset}) = ${register}`;
}

function load(register: string, place: Place): string {
  return place.kind === 'register' ? `${register} = r${place.register}` : `${register} = *(u64 *)(r10 ${place.offset})`;
}

function newObject(type: string): string[] {
  return [`r1 = type[${type}]`, 'r2 = 0', 'call bpf_obj_new_impl'];
}

function lookup(map: string, key: number): string[] {
  return ['r1 = 0', `*(u32 *)(r10 ${key}) = r1`, `r1 = map[${map}]`, 'r2 = r10', `r2 += ${key}`, 'call 1'];
}

/** The program of a seed. Equal seeds give equal programs. */
export function generate(seed: number): Generated {
  const random = new Random(seed);
  const count = 1 + Math.min(random.below(MAX_FUNCTIONS), random.below(MAX_FUNCTIONS));
  const functions: GeneratedFunction[] = [{ label: 'main', kind: 'main' }];
  for (let i = 1; i < count; i++) {
    functions.push(random.chance(0.5) ? { label: `s${i}`, kind: 'static' } : { label: `g${i}`, kind: 'global' });
  }
  const callback = random.chance(0.3) ? 's_callback' : undefined;
  const lines: string[] = [];
  const releases: number[] = [];
  functions.forEach((one, i) => {
    const writer = new FunctionWriter(random, one, functions.slice(i + 1), i === 0 ? 14 : 6);
    writer.write(i === 0 ? callback : undefined);
    releases.push(...writer.releases.map((line) => lines.length + line));
    lines.push(...writer.lines);
  });
  if (callback !== undefined) {
    lines.push('s_callback:', 'r0 = r1', 'r0 &= 1', 'exit');
    functions.push({ label: 's_callback', kind: 'callback' });
  }
  return { seed, source: lines.join('\n'), releases, functions };
}
