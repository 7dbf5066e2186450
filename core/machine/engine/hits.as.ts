/** Counts how often instructions are executed, in a table that is small enough to stay in the processor's caches. */
import { HITS, HIT_SHIFT, HIT_SLOTS, INSN_SHIFT } from './layout';

/** A slot is taken by another instruction: TypeScript keeps what the first one has. */
@external('env', 'spill')
declare function spill(pc: u32, count: u32): void;

/** An instruction was executed. */
// @ts-ignore: decorator
@inline
export function hit(pc: u32): void {
  const slot = ((pc >> INSN_SHIFT) & (HIT_SLOTS - 1)) << HIT_SHIFT;
  if (load<u32>(slot, HITS) != pc) take(slot, pc);
  store<u32>(slot, load<u32>(slot, HITS + 4) + 1, HITS + 4);
}

function take(slot: u32, pc: u32): void {
  const before = load<u32>(slot, HITS);
  if (before) spill(before, load<u32>(slot, HITS + 4));
  store<u32>(slot, pc, HITS);
  store<u32>(slot, 0, HITS + 4);
}
