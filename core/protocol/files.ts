/** How large a file a session takes: said the same way by the page, before it reads the file, and by the service. */
import type { ApiError } from './wire.ts';

export const MAX_FILE_BYTES = 256 * 1024 * 1024;

/** Undefined when the file is not too large. */
export function refusalOfSize(name: string, bytes: number): ApiError | undefined {
  if (bytes <= MAX_FILE_BYTES) return undefined;
  return {
    code: 'FILE_TOO_LARGE',
    message: `${name} has ${bytes} bytes, more than the ${MAX_FILE_BYTES} that are read.`,
    hint: 'Debug information of DWARF makes objects large, and is not used: llvm-strip -g keeps BTF and takes it away.',
  };
}
