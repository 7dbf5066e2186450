/**
 * What the machine uses of the host's WebAssembly. The types of the web platform are not core's to rely on, since it runs
 * in Node, in a worker and in a page alike; every one of them has this much.
 */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** A compiled module; immutable, so that all machines of a process share it. */
export type WasmModule = object;

export type WasmImports = Readonly<Record<string, Readonly<Record<string, object>>>>;

interface WebAssemblyHost {
  readonly Memory: new (limits: { initial: number; maximum: number }) => WasmMemory;
  readonly Module: new (bytes: Uint8Array) => WasmModule;
  readonly Instance: new (module: WasmModule, imports: WasmImports) => { readonly exports: object };
}

const host = (globalThis as unknown as { readonly WebAssembly: WebAssemblyHost }).WebAssembly;

export function newMemory(initial: number, maximum: number): WasmMemory {
  return new host.Memory({ initial, maximum });
}

export function compileModule(bytes: Uint8Array): WasmModule {
  return new host.Module(bytes);
}

export function instantiate(module: WasmModule, imports: WasmImports): object {
  return new host.Instance(module, imports).exports;
}
