/**
 * Instructions that the loader made invalid, because what they need is not in the kernel. Reaching one is an error, and the
 * log says what is missing in the loader's words (libbpf rewrites the kernel's log to the same effect).
 */
import type { PoisonedInstruction } from '../object/program.ts';
import type { Env } from './context.ts';

function explanation({ kind, what }: PoisonedInstruction): readonly [instead: string, why: string] {
  switch (kind) {
    case 'core':
      return ['<invalid CO-RE relocation>', `failed to resolve CO-RE relocation ${what}`];
    case 'map':
      return ['<invalid BPF map reference>', `BPF map '${what}' is referenced but wasn't created`];
    case 'kfunc':
      return ['<invalid kfunc call>', `kfunc '${what}' is referenced but wasn't resolved`];
  }
}

/** Rejects the program when the instruction is a poisoned one. */
export function refusePoisoned(env: Env, insn: number): void {
  const poisoned = env.program.poisoned.find((candidate) => candidate.insn === insn);
  if (poisoned === undefined) return;
  const [instead, why] = explanation(poisoned);
  const { log } = env;
  const shown = log.lastLine;
  if (shown.startsWith(`${insn}: (`)) {
    log.reset(log.position - shown.length - 1);
    log.write(`${insn}: ${instead}\n`);
  }
  env.fail(why);
}
