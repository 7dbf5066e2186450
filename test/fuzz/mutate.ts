/** Damages bytes the way that hostile or broken files are damaged. Everything comes from a seed. */

/** Numbers that decoders trip over: around powers of two, and the largest of each size. */
const nasty = [0, 1, 2, 7, 8, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

/** A small generator of random numbers (mulberry32): the same seed gives the same mutations everywhere. */
export function randomSource(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % Math.max(1, below);
  };
}

/** Parts of a file where a change is likelier to matter than in the middle of some string. */
export interface HotRange {
  readonly start: number;
  readonly end: number;
}

/** ELF64 little endian: its header, its section headers, and the start of each section. */
export function hotRanges(bytes: Uint8Array): HotRange[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const ranges: HotRange[] = [{ start: 0, end: 64 }];
  const headers = Number(view.getBigUint64(40, true));
  const count = view.getUint16(60, true);
  ranges.push({ start: headers, end: headers + 64 * count });
  for (let i = 1; i < count; i++) {
    const at = headers + 64 * i;
    const offset = Number(view.getBigUint64(at + 24, true));
    const size = Number(view.getBigUint64(at + 32, true));
    if (offset < bytes.length) ranges.push({ start: offset, end: Math.min(bytes.length, offset + Math.min(size, 96)) });
  }
  return ranges.filter(({ start, end }) => start < end && end <= bytes.length);
}

/** A damaged copy: cut short, or with one to four changes, some of them where it hurts. */
export function mutate(bytes: Uint8Array, hot: readonly HotRange[], random: (below: number) => number): Uint8Array {
  if (random(40) === 0) return Uint8Array.from(bytes.subarray(0, random(bytes.length)));
  // Not slice(): that of a Buffer gives a view of the same bytes.
  const damaged = Uint8Array.from(bytes);
  const view = new DataView(damaged.buffer);
  for (let changes = 1 + random(1 + random(4)); changes > 0; changes--) {
    const range = random(4) === 0 && hot.length > 0 ? hot[random(hot.length)]! : { start: 0, end: damaged.length };
    const at = range.start + random(range.end - range.start);
    switch (random(6)) {
      case 0:
        damaged[at] = damaged[at]! ^ (1 << random(8));
        break;
      case 1:
        damaged[at] = random(256);
        break;
      case 2:
        if (at + 4 <= damaged.length) view.setUint32(at, nasty[random(nasty.length)]!, true);
        break;
      case 3:
        if (at + 8 <= damaged.length) view.setBigUint64(at, BigInt.asUintN(64, -BigInt(random(1 << 16))), true);
        break;
      case 4: {
        const from = random(damaged.length);
        const length = Math.min(1 + random(16), damaged.length - from, damaged.length - at);
        damaged.copyWithin(at, from, from + length);
        break;
      }
      default:
        damaged.fill(0, at, Math.min(damaged.length, at + 1 + random(8)));
    }
  }
  return damaged;
}
