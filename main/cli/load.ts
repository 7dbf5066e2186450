/** Reading an object for a command. */
import { loadObject } from '../../core/object/object.ts';
import type { ObjectFile } from '../../core/object/program.ts';
import { baseName } from './program.ts';
import type { Host } from './host.ts';

/** Loads the object at a path against the kernel's types. */
export function loadFile(host: Host, path: string): ObjectFile {
  return loadObject(host.readFile(path), { name: baseName(path), kernelBtf: host.kernelBtf() });
}
