/** How a Node host packs recordings. */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Compression } from '../core/trace/bytes.ts';

export const deflate: Compression = {
  codec: 1,
  compress: (bytes) => deflateRawSync(bytes, { level: 6 }),
  decompress: (bytes, size) => inflateRawSync(bytes, { maxOutputLength: Math.max(size, 1) }),
};
