/**
 * zstd on Node, which has none in version 20: the WebAssembly module of @bokuweb/zstd-wasm, which lies among the assets, is loaded when
 * something is packed for the first time. Its own JavaScript trusts the size that a file names; here the caller says how much there is.
 */
import { readFileSync } from 'node:fs';
import type { WasmMemory } from '../core/machine/webassembly.ts';
import { compileModule, instantiate } from '../core/machine/webassembly.ts';

// Seen from here as from what is built into dist/, the assets lie one folder up.
const module = new URL('../assets/zstd.wasm', import.meta.url);
const LEVEL = 3;
/** Memory of the module never shrinks: with more than this it is let go, and loaded again when it is needed. */
const KEPT_BYTES = 64 * 1024 * 1024;
const PAGE = 65536;
/** More than the largest chunk, packed and not, and what the module needs itself. */
const MAX_PAGES = (400 * 1024 * 1024) / PAGE;

/** What the module calls its functions: its build shortens the names. */
interface Exports {
  readonly f: WasmMemory;
  readonly g: () => void;
  readonly h: (code: number) => number;
  readonly i: (size: number) => number;
  readonly m: (to: number, room: number, from: number, size: number, level: number) => number;
  readonly p: (from: number, size: number) => number | bigint;
  readonly r: (to: number, room: number, from: number, size: number) => number;
  readonly s: (size: number) => number;
  readonly t: (at: number) => void;
}

let loaded: Exports | undefined;

function zstd(): Exports {
  if (loaded !== undefined) return loaded;
  const abort = (): never => {
    throw new Error('zstd gave up');
  };
  const grow = (wanted: number): number => {
    const memory = exports.f;
    const pages = Math.ceil((wanted >>> 0) / PAGE);
    if (pages > MAX_PAGES) return 0;
    memory.grow(Math.max(pages - memory.buffer.byteLength / PAGE, 0));
    return 1;
  };
  const nothing = (): number => 0;
  const imports = { a: { a: abort, b: nothing, c: abort, d: nothing, e: grow } };
  // The module is ours: what it exports is known.
  const exports: Exports = instantiate(compileModule(readFileSync(module)), imports) as Exports;
  exports.g();
  loaded = exports;
  return exports;
}

/** Takes room for an input and an output in the module's memory, and gives a copy of what was written into the output. */
function transformed(
  input: Uint8Array,
  room: number,
  action: (exports: Exports, to: number, from: number) => number,
): Uint8Array {
  const exports = zstd();
  const from = exports.s(Math.max(input.length, 1));
  const to = from === 0 ? 0 : exports.s(Math.max(room, 1));
  try {
    if (to === 0) throw new Error('zstd has no memory left');
    new Uint8Array(exports.f.buffer).set(input, from);
    const size = action(exports, to, from) >>> 0;
    if (exports.h(size) !== 0 || size > room) throw new Error('zstd cannot read this');
    return new Uint8Array(exports.f.buffer, to, size).slice();
  } catch (error) {
    // Whatever state an error left it in, the next one begins anew.
    loaded = undefined;
    throw error;
  } finally {
    if (loaded !== undefined) {
      exports.t(to);
      exports.t(from);
      if (exports.f.buffer.byteLength > KEPT_BYTES) loaded = undefined;
    }
  }
}

export function zstdCompress(bytes: Uint8Array): Uint8Array {
  const room = zstd().i(bytes.length);
  return transformed(bytes, room, (exports, to, from) => exports.m(to, room, from, bytes.length, LEVEL));
}

/** Unpacks exactly `size` bytes. What says that it is of another size is refused before any memory is taken for it. */
export function zstdDecompress(bytes: Uint8Array, size: number): Uint8Array {
  return transformed(bytes, size, (exports, to, from) => {
    if (Number(exports.p(from, bytes.length)) !== size) throw new Error('zstd names another size');
    return exports.r(to, size, from, bytes.length);
  });
}
