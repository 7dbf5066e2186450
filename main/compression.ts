/** How a Node host packs recordings: by zstd; by deflate, as files of the first version are packed. */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Compression } from '../core/trace/bytes.ts';
import { zstdCompress, zstdDecompress } from './zstd.ts';

const inflate = (bytes: Uint8Array, size: number): Uint8Array =>
  inflateRawSync(bytes, { maxOutputLength: Math.max(size, 1) });

const decoders: Compression['decoders'] = { 1: inflate, 2: zstdDecompress };

export const deflate: Compression = {
  codec: 1,
  compress: (bytes) => deflateRawSync(bytes, { level: 6 }),
  decoders,
};

export const zstd: Compression = { codec: 2, compress: zstdCompress, decoders };
