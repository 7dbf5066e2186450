/** Recordings as files: whole again when read, clear errors when they are not what was written. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bundledKernelBtf } from '../../main/kernel-btf.ts';
import { deflate, zstd } from '../../main/compression.ts';
import { BailoutError } from '../errors.ts';
import { crc32 } from './bytes.ts';
import type { TraceEvent } from './events.ts';
import { FileWriter, readRecording, writeRecording } from './file.ts';
import { hearPart } from './part.ts';
import { Replay } from './replay.ts';
import { fileSource, loopSource, recordingOf } from './testing/recordings.ts';

const recording = recordingOf(fileSource('cleanup', ['four_frames', 'callee_saved']));
const file = writeRecording(recording, zstd);

function codeOf(bytes: Uint8Array): string | undefined {
  try {
    readRecording(bytes, zstd);
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(BailoutError);
    return (error as BailoutError).code;
  }
}

function changed(change: (bytes: Uint8Array, view: DataView) => void): Uint8Array {
  const bytes = file.slice();
  change(bytes, new DataView(bytes.buffer));
  return bytes;
}

describe('a file', () => {
  it('holds all of the recording', () => {
    const read = readRecording(file, zstd);
    expect({ ...read, events: [...read.events.events()] }).toEqual({
      ...recording,
      events: [...recording.events.events()],
    });
    expect(new Replay(read, { kernelBtf: bundledKernelBtf() }).prepare()).toBe(true);
  });

  it('holds what was only counted', () => {
    const short = recordingOf(loopSource(30), { limits: { flow: 5, calls: 5, rest: 5 } });
    const { events } = readRecording(writeRecording(short, zstd), zstd);
    expect(events.totals()).toEqual(short.events.totals());
    expect(events.buckets(0, 0, 1e6, 8)).toEqual(short.events.buckets(0, 0, 1e6, 8));
  });

  it('of the first version is read as one of this', () => {
    const old = new Uint8Array(readFileSync(new URL('./testing/version-1.bailout', import.meta.url)));
    expect(new DataView(old.buffer).getUint32(8, true)).toBe(1);
    const read = readRecording(old, zstd);
    expect(read.complete).toBe(true);
    expect(read.events.totals()).toMatchObject({ call: 9, return: 6, helper: 26, print: 2, throw: 1, phase: 14 });
    const replay = new Replay(read, { kernelBtf: bundledKernelBtf() });
    expect(replay.prepare()).toBe(true);
    const again = [...hearPart(replay, { run: 0, from: 0, to: Infinity })!.events.events()];
    expect(again.length).toBeGreaterThan(70);
    // An end that came after an unwinding stood before its phases.
    const butEnds = (events: readonly TraceEvent[]): TraceEvent[] => events.filter(({ kind }) => kind !== 'exit');
    expect(butEnds(again)).toEqual(butEnds([...read.events.events()].slice(0, again.length)));
    expect([...readRecording(writeRecording(read, zstd), zstd).events.events()]).toEqual([...read.events.events()]);
  });

  it('of the second version, which attached nothing, is read as one of this', () => {
    const old = new Uint8Array(readFileSync(new URL('./testing/version-2.bailout', import.meta.url)));
    expect(new DataView(old.buffer).getUint32(8, true)).toBe(2);
    const read = readRecording(old, zstd);
    expect(read.source.attach).toBeUndefined();
    expect(read.events.totals()).toMatchObject({ call: 9, return: 6, helper: 26, print: 2, throw: 1, phase: 14 });
    expect(new Replay(read, { kernelBtf: bundledKernelBtf() }).prepare()).toBe(true);
  });

  it('grows while one records, and is good up to the last chunk when the writer is killed', () => {
    const parts: Uint8Array[] = [];
    const writer = new FileWriter((bytes) => parts.push(bytes), zstd);
    recordingOf(fileSource('cleanup', ['four_frames', 'callee_saved']), {
      writer: {
        begin: (source) => writer.begin(source),
        update: (state) =>
          writer.update({ ...state, complete: false, runs: [{ ...state.runs[0]!, end: { kind: 'unfinished' } }] }),
      },
    });
    const whole = Buffer.concat(parts);
    const read = readRecording(whole, zstd);
    expect(read.complete).toBe(false);
    expect(read.runs).toMatchObject([{ program: 'four_frames', end: { kind: 'unfinished' } }]);
    const cut = readRecording(writeRecording(recording, zstd).subarray(0, file.length - 10), zstd);
    expect(cut.complete).toBe(false);
    expect(cut.runs).toHaveLength(2);
  });
});

describe('packing', () => {
  it('by zstd is what is written, and what deflate packed is read', () => {
    const view = new DataView(file.buffer, file.byteOffset);
    expect(view.getUint32(16 + 4, true)).toBe(2);
    const old = writeRecording(recording, deflate);
    expect(new DataView(old.buffer).getUint32(16 + 4, true)).toBe(1);
    expect([...readRecording(old, zstd).events.events()]).toEqual([...recording.events.events()]);
  });

  it('gives back any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), fc.nat(200), (bytes, times) => {
        const many = new Uint8Array(bytes.length * times);
        for (let i = 0; i < times; i++) many.set(bytes, i * bytes.length);
        const packed = zstd.compress(many);
        expect(zstd.decoders[2]!(packed, many.length)).toEqual(many);
        expect(() => zstd.decoders[2]!(packed, many.length + 1)).toThrow('another size');
      }),
      { numRuns: 50 },
    );
  });

  it('never takes more memory than the chunk says, whatever the packed bytes say', () => {
    // 100 MB of zeros in a few kilobytes, in a chunk that says it has 10 bytes.
    const bomb = zstd.compress(new Uint8Array(100_000_000));
    expect(bomb.length).toBeLessThan(20_000);
    expect(() => zstd.decoders[2]!(bomb, 10)).toThrow('another size');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(100_000), (bytes, size) => {
        let unpacked: Uint8Array | undefined;
        try {
          unpacked = zstd.decoders[2]!(bytes, size);
        } catch (error) {
          expect((error as Error).message).toMatch(/^zstd /);
        }
        if (unpacked !== undefined) expect(unpacked).toHaveLength(size);
      }),
      { numRuns: 300 },
    );
    // And it works on after all of that.
    expect(zstd.decoders[2]!(zstd.compress(Uint8Array.of(1, 2, 3)), 3)).toEqual(Uint8Array.of(1, 2, 3));
  });

  it('is done by the module of the package', () => {
    const asset = readFileSync(new URL('../../assets/zstd.wasm', import.meta.url));
    const installed = new URL('../../node_modules/@bokuweb/zstd-wasm/dist/esm/zstd.wasm', import.meta.url);
    expect(asset.equals(readFileSync(installed))).toBe(true);
  });
});

describe('the kernel of a recording', () => {
  it('must be that of its replay', () => {
    const kernelBtf = bundledKernelBtf();
    expect(readRecording(file, zstd).source.kernelTypes).toBe(kernelBtf.identity);
    const other = { ...recording, source: { ...recording.source, kernelTypes: '1-00' } };
    expect(() => new Replay(other, { kernelBtf })).toThrow(expect.objectContaining({ code: 'TRACE_OTHER_KERNEL' }));
  });
});

describe('what is wrong with a file', () => {
  it('is said in codes', () => {
    expect(codeOf(new Uint8Array(0))).toBe('TRACE_NOT_A_RECORDING');
    expect(codeOf(new TextEncoder().encode('no recording, some text'))).toBe('TRACE_NOT_A_RECORDING');
    expect(codeOf(file.subarray(0, 10))).toBe('TRACE_TRUNCATED');
    expect(codeOf(file.subarray(0, 16))).toBe('TRACE_TRUNCATED');
    expect(codeOf(file.subarray(0, 60))).toBe('TRACE_TRUNCATED');
    expect(codeOf(changed((_, view) => view.setUint32(8, 99, true)))).toBe('TRACE_TOO_NEW');
    expect(codeOf(changed((_, view) => view.setUint32(16 + 12, 0xffffffff, true)))).toBe('TRACE_TOO_LARGE');
    expect(codeOf(changed((bytes) => (bytes[200]! ^= 1)))).toBe('TRACE_ALTERED');
  });

  it('never is a crash, with checksums put right after the change too', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(file.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        (edits, mend) => {
          const bytes = file.slice();
          for (const [at, value] of edits) bytes[at] = value;
          codeOf(mend ? mended(bytes) : bytes);
        },
      ),
      { numRuns: 400 },
    );
  });

  it('never is a crash when the contents of a chunk are changed', () => {
    const plain = writeRecording(recording, { ...zstd, compress: (bytes) => bytes });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(plain.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 }),
        (edits) => {
          const bytes = plain.slice();
          for (const [at, value] of edits) bytes[at] = value;
          codeOf(mended(bytes));
        },
      ),
      { numRuns: 400 },
    );
  });
});

/** The same file with checksums that agree with its contents. */
function mended(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer);
  for (let at = 16; at + 20 <= bytes.length;) {
    const end = at + 20 + view.getUint32(at + 8, true);
    if (end > bytes.length) break;
    view.setUint32(at + 16, crc32(bytes.subarray(at, at + 16), bytes.subarray(at + 20, end)), true);
    at = end;
  }
  return bytes;
}
