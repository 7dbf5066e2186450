/** One number for all of a machine's state: registers, memory, ledger, clock and what waits. Equal runs have equal numbers. */
import type { MachineCheckpoint } from '../machine/machine.ts';
import type { PageTree } from '../machine/pages.ts';
import { pageTreeHash } from '../machine/pages.ts';

/** Parts of a checkpoint that did not change are the same objects, and need not be written out again. */
const texts = new WeakMap<object, string>();

export function stateHash(checkpoint: MachineCheckpoint): string {
  const { kernel } = checkpoint;
  const small = plainText([
    kernel.time,
    kernel.cpu,
    kernel.tailCalls,
    kernel.running,
    kernel.outputLength,
    kernel.random,
    kernel.answered,
    checkpoint.waiting,
    checkpoint.unwinding.phase,
    checkpoint.unwinding.throws.length,
  ]);
  return pageTreeHash(kernel.memory as PageTree) + fnv(small + sharedText(kernel.ledger));
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
