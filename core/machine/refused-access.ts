/** An access that no shadow byte grants: a context field, a load that the kernel guards, or a fault. */
import { BailoutError } from '../errors.ts';
import { KernelFault } from '../kernel/behaviour.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { Fault } from '../kernel/memory.ts';
import { describeFault } from '../kernel/memory.ts';
import {
  FAULT_ADDRESS,
  FAULT_SIZE,
  FAULT_WRITE,
  FRAME_PROGRAM,
  OUT_NEXT,
  SHADOW_COUNT,
  SHADOW_TRAP,
  VALUE,
} from './engine/layout.ts';
import { currentFrame } from './frames.ts';
import type { LinearMemory } from './memory.ts';
import type { LoadedProgram, Programs } from './programs.ts';

export interface AccessHost {
  readonly kernel: Kernel;
  readonly memory: LinearMemory;
  readonly programs: Programs;
  /** Ends the run before an instruction; the answer to the engine. */
  failAt(pc: number, code: string, message: string, access?: Fault): number;
  /** Moves the kernel's clock on to now. */
  tick(): void;
}

/** Answers the engine, an OUT_* code: VALUE has what was loaded. */
export function answerAccess(host: AccessHost, pc: number): number {
  const { kernel, memory, programs } = host;
  const { view } = memory;
  const address = view.getBigUint64(FAULT_ADDRESS, true);
  const size = view.getUint32(FAULT_SIZE, true);
  const write = view.getUint32(FAULT_WRITE, true) !== 0;
  const offset = memory.offset(address);
  if (offset !== undefined && isContext(memory, offset, size)) {
    try {
      host.tick();
      if (write) kernel.contextStore(offset, size, BigInt.asUintN(size * 8, view.getBigUint64(VALUE, true)));
      else memory.view.setBigUint64(VALUE, BigInt.asUintN(64, kernel.contextLoad(offset, size)), true);
      return OUT_NEXT;
    } catch (error) {
      return answerKernelError(host, pc, error);
    }
  }
  const loaded = programs.at(memory.readU32(currentFrame(memory) + FRAME_PROGRAM));
  const insn = loaded?.image.insnAt(pc) ?? 0;
  const fault = memory.check(address, size, write ? 'write' : 'read');
  const guarded = !write && loaded?.facts?.probeMem[insn] === 1;
  if (guarded || (loaded !== undefined && isArena(loaded, fault, offset))) {
    // What the kernel guards with an exception table: where there is nothing, a load reads zero and a store is lost.
    view.setBigUint64(VALUE, 0n, true);
    return OUT_NEXT;
  }
  const why = fault ?? { kind: 'unmapped', address, size, write };
  return host.failAt(pc, 'MACHINE_ACCESS', `Insn ${insn}: ${describeFault(why)}.`, why);
}

/** What the simulated kernel refuses ends the run; anything else is a defect of ours. */
export function answerKernelError(host: Pick<AccessHost, 'failAt'>, pc: number, error: unknown): number {
  if (error instanceof KernelFault || error instanceof BailoutError) return host.failAt(pc, error.code, error.message);
  throw error;
}

function isContext(memory: LinearMemory, offset: number, size: number): boolean {
  const shadow = memory.shadowAt(offset);
  return (shadow & SHADOW_TRAP) !== 0 && (offset & 7) + size <= Math.max(shadow & SHADOW_COUNT, 8);
}

/** An arena's null pointer is the first byte of the kernel's view of it, where no page is either. */
function isArena(loaded: LoadedProgram, fault: Fault | undefined, offset: number | undefined): boolean {
  if (loaded.arena === undefined) return false;
  const { start, end } = loaded.arena;
  return fault?.kind === 'null' || (offset !== undefined && offset >= start && offset < end);
}
