/** The interpreter as TypeScript sees it: the functions of the compiled module, over one machine's memory. */
import type { WasmMemory, WasmModule } from '../webassembly.ts';
import { compileModule, instantiate } from '../webassembly.ts';
import { ENGINE_BASE64 } from './engine.generated.ts';

/** What the engine asks of TypeScript; each answers with an OUT_* code of layout.ts. */
export interface EngineImports {
  /** A helper, kfunc or packet load; `site` is the index that the image put into the instruction. */
  call(pc: number, site: number): number;
  /** An access that the shadow does not grant: FAULT_* in the control block say which. */
  access(pc: number): number;
  /** A frame that is not a plain call's has reached its exit. */
  exit(pc: number): number;
  /** The log of calls is full. */
  drain(): void;
  /** An instruction that was counted has to leave the table of hits. */
  spill(pc: number, count: number): void;
}

export interface Engine {
  /** Runs from PC to STEP_LIMIT at most; why it stopped, a STOP_* code. */
  run(): number;
  /** The same, counting how often each instruction is executed. */
  runCounting(): number;
  /** Makes a frame at a frame pointer; `first` is 0, or for an outermost frame its floor. 0 when the stack is too deep. */
  enter(frame: number, kind: number, call: number, program: number, first: number): number;
  /** Ends a frame; the address of the call that made it. */
  leave(frame: number): number;
  /** Makes the program's part of a frame as new. */
  refresh(frame: number): void;
  /** Hashes a page and its shadow bytes where they lie, into PAGE_HASH. */
  hashPage(page: number): void;
  /** The same of four pages that lie side by side. */
  hashFourPages(first: number): void;
}

let compiled: WasmModule | undefined;

/** An engine of its own for one memory. The module is compiled once per process. */
export function newEngine(memory: WasmMemory, imports: EngineImports): Engine {
  compiled ??= compileModule(decodeBase64(ENGINE_BASE64));
  const env = {
    memory,
    call: imports.call,
    access: imports.access,
    exit: imports.exit,
    drain: imports.drain,
    spill: imports.spill,
  };
  // The one place where the shape of the compiled module is taken on trust; a test compiles it from its sources.
  return instantiate(compiled, { env }) as Engine;
}

/** Base64 without the host's help: core runs where there is no Buffer, and atob is not in the language. */
function decodeBase64(text: string): Uint8Array {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  const values = new Uint8Array(128);
  for (let i = 0; i < alphabet.length; i++) values[alphabet.charCodeAt(i)] = i;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  for (let i = 0, at = 0; i < text.length; i += 4) {
    const word =
      (values[text.charCodeAt(i)]! << 18) |
      (values[text.charCodeAt(i + 1)]! << 12) |
      (values[text.charCodeAt(i + 2)]! << 6) |
      values[text.charCodeAt(i + 3)]!;
    bytes[at++] = word >> 16;
    if (at < bytes.length) bytes[at++] = (word >> 8) & 0xff;
    if (at < bytes.length) bytes[at++] = word & 0xff;
  }
  return bytes;
}
