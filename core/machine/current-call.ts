/** The call of a helper or kfunc that is being answered. */
import type { Call } from '../kernel/behaviour.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { Program } from '../object/program.ts';
import { INSN_SIZE } from './engine/layout.ts';
import { depthOf } from './frames.ts';
import type { Image } from './image.ts';
import type { LinearMemory } from './memory.ts';

/** The one call object, filled anew for each call. */
export class CurrentCall implements Call {
  readonly kernel: Kernel;
  /** R1 to R5 themselves; empty before the first call and when memory has grown. */
  args: BigUint64Array = new BigUint64Array(0);
  image!: Image;
  name = '';
  pc = 0;
  framePointer = 0;

  readonly #memory: LinearMemory;

  constructor(kernel: Kernel, memory: LinearMemory) {
    this.kernel = kernel;
    this.#memory = memory;
  }

  get program(): Program {
    return this.image.program;
  }

  get insn(): number {
    return (this.pc - this.image.base) / INSN_SIZE;
  }

  get frame(): number {
    return depthOf(this.#memory, this.framePointer);
  }

  functionAt(pointer: bigint): number | undefined {
    const offset = this.#memory.offset(pointer);
    const insn = offset === undefined ? undefined : this.image.insnAt(offset);
    return insn !== undefined && insn < this.image.length ? insn : undefined;
  }
}
