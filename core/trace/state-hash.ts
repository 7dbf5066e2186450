/** One number for all of a machine's state: registers, memory, ledger, clock and what waits. Equal runs have equal numbers. */
import type { KernelState } from '../kernel/kernel.ts';
import type { LedgerCheckpoint } from '../kernel/ledger.ts';
import type { Machine, MachineCheckpoint, MachineState } from '../machine/machine.ts';
import type { PageTree } from '../machine/page-tree.ts';
import { pageTreeHash } from '../machine/page-tree.ts';

/** A ledger that did not change is the same object, and need not be written out again. */
const texts = new WeakMap<object, string>();

export function stateHash(checkpoint: MachineCheckpoint): string {
  return pageTreeHash(checkpoint.kernel.memory as PageTree) + hashBesideMemory(checkpoint);
}

/** Of the state as it is now: the same as of a checkpoint of it, and memory is not copied. */
export function presentHash(machine: Machine): string {
  return machine.memoryHash() + hashBesideMemory(machine.stateBesideMemory());
}

function hashBesideMemory({ kernel, waiting, unwinding }: MachineState<KernelState>): string {
  const small = plainText([
    kernel.time,
    kernel.cpu,
    kernel.tailCalls,
    kernel.running,
    kernel.output.total,
    kernel.random,
    kernel.answered,
    waiting,
    unwinding.phase,
    unwinding.throws.length,
  ]);
  return fnv(small + ledgerText(kernel.ledger));
}

/** What is held and stored. When it was acquired follows from the rest, and recordings of before have no such step in their hashes. */
function ledgerText(ledger: LedgerCheckpoint): string {
  let text = texts.get(ledger);
  if (text === undefined) {
    const held = ledger.held.map((entry) => {
      const { program, insn, frame } = entry.at;
      return { ...entry, at: { program, insn, frame } };
    });
    text = plainText({ held, stored: ledger.stored, next: ledger.next });
    texts.set(ledger, text);
  }
  return text;
}

function plainText(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? `${item}n` : item)) ?? '';
}

function fnv(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}
