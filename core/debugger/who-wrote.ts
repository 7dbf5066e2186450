/** Who wrote this? The last write before now, to a register of the chosen frame or to a place in memory. */
import { BailoutError } from '../errors.ts';
import type { Frame } from '../machine/frames.ts';
import type { Program } from '../object/program.ts';
import type { Limits, Patience, Position, Search, Timeline } from '../trace/timeline.ts';
import { cancelled } from '../trace/timeline.ts';
import { CompiledExpression } from './expressions/evaluate.ts';
import { sizeOf } from './expressions/types.ts';
import { numberOf } from './expressions/values.ts';
import type { Value } from './expressions/values.ts';
import { backwards } from './moments.ts';
import type { MachineScope, Symbols } from './scope.ts';
import { registerNumber } from './scope.ts';
import { CallSearch, MemoryWriteSearch, RegisterWriteSearch } from './searches.ts';

/** Who wrote something last. */
export interface Written {
  readonly position: Position;
  readonly program: Program;
  readonly insn: number;
}

export interface WhereToLook {
  readonly timeline: Timeline;
  readonly scope: MachineScope;
  readonly symbols: Symbols;
}

/**
 * The instruction that wrote a register, or the memory of an expression, last before now. The timeline stays where it is.
 * Throws CANCELLED when nobody wants the answer any more.
 */
export function whoWrote(where: WhereToLook, text: string, limits: Patience): Written | undefined {
  const { timeline, scope, symbols } = where;
  const register = registerNumber(text.trim());
  const from = timeline.position;
  const { frame } = scope;
  try {
    const search = new WriteSearch(where, limits);
    if (register !== undefined) return search.ofRegister(register);
    return search.ofMemory(new CompiledExpression(text, symbols.types).evaluate(scope), text);
  } finally {
    timeline.seek(from);
    scope.frame = frame;
  }
}

class WriteSearch {
  readonly #timeline: Timeline;
  readonly #scope: MachineScope;
  readonly #limits: Patience;

  constructor({ timeline, scope }: WhereToLook, limits: Patience) {
    this.#timeline = timeline;
    this.#scope = scope;
    this.#limits = limits;
  }

  ofRegister(register: number): Written | undefined {
    if (register === 10) throw new BailoutError('NOT_WRITTEN', 'R10 is the frame pointer: no instruction writes it.');
    const timeline = this.#timeline;
    let index = this.#scope.frame;
    for (;;) {
      const frames = timeline.machine.frames();
      const frame = frames[index];
      const caller = frames[index + 1];
      if (frame === undefined) return undefined;
      const here = timeline.position;
      const entry = this.#entryOf(here, caller);
      timeline.seek(here);
      const until = entry ?? timeline.runs[here.run]?.first ?? timeline.first;
      if (this.#foundBack(new RegisterWriteSearch(register, frame.framePointer), { until })) return this.#written();
      // A function begins with what its caller had in all registers.
      if (entry === undefined || caller === undefined) return undefined;
      timeline.seek(entry);
      index = 0;
    }
  }

  ofMemory(value: Value, text: string): Written | undefined {
    if (value.kind === 'scalar' || value.kind === 'place') {
      const read = (at: bigint, length: number): ReturnType<MachineScope['read']> => this.#scope.read(at, length);
      const address = value.kind === 'place' ? value.address : numberOf(value, read).bits;
      const size = value.kind === 'place' ? (sizeOf(value.type) ?? 8) : 8;
      const search = new MemoryWriteSearch(address, size, read);
      // A write is seen when it is done: the last one may have been done just now.
      const timeline = this.#timeline;
      const now = timeline.position;
      if (!backwards(timeline)) return undefined;
      search.begin(timeline.machine);
      timeline.seek(now);
      if (search.test(timeline.machine) !== 'hit' && !this.#foundBack(search)) return undefined;
      backwards(timeline);
      return this.#written();
    }
    throw new BailoutError(
      'EXPRESSION_VALUE',
      `\`${text}\` is nothing that is written: name a register or a place in memory.`,
    );
  }

  /** The call that began the present function. */
  #entryOf(here: Position, caller: Frame | undefined): Position | undefined {
    if (caller === undefined) return undefined;
    this.#timeline.seek(here);
    return this.#foundBack(new CallSearch(caller)) ? this.#timeline.position : undefined;
  }

  #foundBack(search: Search, limits: Limits = {}): boolean {
    const found = this.#timeline.searchBackward(search, { ...this.#limits, ...limits });
    if (found === 'cancelled') throw cancelled();
    return found === 'hit';
  }

  #written(): Written | undefined {
    const at = this.#timeline.machine.location;
    return at === undefined ? undefined : { position: this.#timeline.position, ...at };
  }
}
