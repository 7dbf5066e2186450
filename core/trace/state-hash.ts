/** One number for all of a machine's state: registers, memory, ledger, clock and what waits. Equal runs have equal numbers. */
import type { KernelState } from '../kernel/kernel.ts';
import type { Machine, MachineCheckpoint, MachineState } from '../machine/machine.ts';
import type { PageTree } from '../machine/page-tree.ts';
import { pageTreeHash } from '../machine/page-tree.ts';

/** Parts of a checkpoint that did not change are the same objects, and need not be written out again. */
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
  return fnv(small + sharedText(kernel.ledger));
}

function sharedText(part: object): string {
  let text = texts.get(part);
  if (text === undefined) {
    text = plainText(part);
    texts.set(part, text);
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
