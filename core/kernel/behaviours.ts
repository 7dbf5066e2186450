/** What each helper and kfunc does, by name: one table, put together from the files that tell the stories. */
import { BailoutError } from '../errors.ts';
import type { Behaviour, Continuation } from './behaviour.ts';
import { controlContinuations, controlHelpers } from './helpers/control.ts';
import { dynptrHelpers } from './helpers/dynptr.ts';
import { mapContinuations, mapHelpers } from './helpers/maps.ts';
import { memoryHelpers } from './helpers/memory.ts';
import { packetHelpers } from './helpers/packet.ts';
import { socketHelpers } from './helpers/sockets.ts';
import { systemHelpers } from './helpers/system.ts';
import { iteratorKfuncs } from './iterators.ts';
import { cpumaskKfuncs } from './kfuncs/cpumask.ts';
import { dynptrKfuncs } from './kfuncs/dynptr.ts';
import { kernelKfuncs } from './kfuncs/kernel.ts';
import { networkKfuncs } from './kfuncs/network.ts';
import { objectContinuations, objectKfuncs } from './kfuncs/objects.ts';
import { stringKfuncs } from './kfuncs/strings.ts';
import { tcpKfuncs } from './kfuncs/tcp.ts';
import { helperById } from './tables/helpers.ts';

/** By the name of the helper's row in tables/helpers.ts. */
const HELPERS = new Map<string, Behaviour>(
  [mapHelpers, controlHelpers, dynptrHelpers, memoryHelpers, systemHelpers, packetHelpers, socketHelpers].flatMap(
    (part) => Object.entries(part),
  ),
);

const KFUNCS = new Map<string, Behaviour>(
  [
    objectKfuncs,
    iteratorKfuncs,
    kernelKfuncs,
    cpumaskKfuncs,
    dynptrKfuncs,
    stringKfuncs,
    networkKfuncs,
    tcpKfuncs,
  ].flatMap((part) => Object.entries(part)),
);

const CONTINUATIONS = new Map<string, Continuation>(
  [mapContinuations, controlContinuations, objectContinuations].flatMap((part) => Object.entries(part)),
);

export function helperBehaviour(id: number): Behaviour | undefined {
  const row = helperById(id);
  return row === undefined ? undefined : HELPERS.get(row.name);
}

/** By the helper's name without its prefix. */
export function helperNamed(name: string): Behaviour | undefined {
  return HELPERS.get(name);
}

export function kfuncBehaviour(name: string): Behaviour | undefined {
  return KFUNCS.get(name);
}

export function continuationByName(name: string): Continuation {
  const continuation = CONTINUATIONS.get(name);
  if (continuation === undefined)
    throw new BailoutError('KERNEL_NO_CONTINUATION', `There is no continuation "${name}".`);
  return continuation;
}

/** Names of what is simulated, for the manual and the tests. */
export function simulated(): { readonly helpers: readonly string[]; readonly kfuncs: readonly string[] } {
  return { helpers: [...HELPERS.keys()].sort(), kfuncs: [...KFUNCS.keys()].sort() };
}
