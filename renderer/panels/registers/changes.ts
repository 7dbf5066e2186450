/** What a move has changed in a frame, and how values are written. */
import type { MomentView, RegisterView, StackSlotView } from '../../../core/protocol/views.ts';

type Value = Partial<Pick<RegisterView, 'name' | 'value' | 'decimal' | 'pointsTo'>>;
type Registers = NonNullable<MomentView['registers']>;

/** What it points to, where that is known; else the number, in the way that tells more. */
export function valueText({ name, value, decimal, pointsTo }: Value): string {
  if (value === undefined) return '–';
  // Where the frame pointer points is no news.
  if (name === 'fp') return value;
  if (pointsTo !== undefined) return pointsTo;
  if (decimal === undefined) return value;
  // Beyond a million people read addresses, masks and hashes.
  const number = Number(decimal);
  return Math.abs(number) < 1_000_000 ? decimal : value;
}

/** The other way to write it, for who looks closer. */
export function otherText(view: Value): string {
  if (view.value === undefined) return '';
  const shown = valueText(view);
  return [view.value, view.decimal].filter((text) => text !== undefined && text !== shown).join(' = ');
}

/**
 * What registers held before, where that was something else. Of another frame nothing is said: its registers are others, even when they
 * have the same names.
 */
export function changedRegisters(now: Registers, before: Registers | undefined): ReadonlyMap<string, string> {
  const changed = new Map<string, string>();
  if (before === undefined || pointerOf(now) !== pointerOf(before)) return changed;
  for (const register of now) {
    const old = before.find(({ name }) => name === register.name);
    if (old?.value === undefined || register.value === undefined || old.value === register.value) continue;
    changed.set(register.name, valueText(old));
  }
  return changed;
}

function pointerOf(registers: Registers): string | undefined {
  return registers.find(({ name }) => name === 'fp')?.value;
}

/** Of a slot that is there before and now: which of its eight bytes are others. */
export function changedBytes(now: StackSlotView, before: readonly StackSlotView[] | undefined): readonly boolean[] {
  const old = before?.find(({ address }) => address === now.address);
  return pairs(now.bytes).map((byte, i) => old !== undefined && old.bytes.slice(2 * i, 2 * i + 2) !== byte);
}

/** Two digits each. */
export function pairs(bytes: string): readonly string[] {
  return bytes.match(/../gs) ?? [];
}
