/** Bytes of memory as rows of digits and characters, and the addresses that were looked at. */
import type { MemoryView } from '../../../core/protocol/views.ts';

export interface MemoryByte {
  /** Two digits; `··` where nothing may be read. */
  readonly hex: string;
  readonly character: string;
  readonly changed: boolean;
  /** From the first byte that is shown. */
  readonly index: number;
}

export interface MemoryRow {
  readonly address: string;
  readonly bytes: readonly MemoryByte[];
}

export const UNREADABLE = '··';

export function rowsOf(view: MemoryView, before: MemoryView | undefined, width: number): readonly MemoryRow[] {
  const old = before?.address === view.address ? before.bytes : undefined;
  const rows: MemoryRow[] = [];
  for (let start = 0; start < view.bytes.length; start += width) {
    rows.push({
      address: addressAt(view.address, start),
      bytes: view.bytes.slice(start, start + width).map((hex, i) => {
        const index = start + i;
        return { hex, character: characterOf(hex), changed: old?.[index] !== undefined && old[index] !== hex, index };
      }),
    });
  }
  return rows;
}

function characterOf(hex: string): string {
  const code = hex === UNREADABLE ? 0 : Number.parseInt(hex, 16);
  return code >= 0x20 && code < 0x7f ? String.fromCharCode(code) : '·';
}

/** Addresses have 64 bits and go round. */
export function addressAt(address: string, offset: number): string {
  return `0x${BigInt.asUintN(64, BigInt(address) + BigInt(offset)).toString(16)}`;
}

/** The number of 64 bits, little-endian, of the aligned eight bytes around a byte; undefined where not all can be read. */
export function wordAround(
  view: MemoryView,
  index: number,
): { readonly start: number; readonly value: string } | undefined {
  const misaligned = Number(BigInt(view.address) & 7n);
  const start = Math.floor((index + misaligned) / 8) * 8 - misaligned;
  const bytes = view.bytes.slice(Math.max(0, start), start + 8);
  if (start < 0 || bytes.length < 8 || bytes.includes(UNREADABLE)) return undefined;
  return { start, value: `0x${BigInt(`0x${bytes.toReversed().join('')}`).toString(16)}` };
}

/** Kernel addresses begin with sixteen set bits: what is worth following. */
export function looksLikePointer(value: string): boolean {
  return BigInt(value) >> 47n === 0x1ffffn;
}

// ---- what was looked at ---------------------------------------------------------------------------------------------------

export interface History {
  readonly addresses: readonly string[];
  /** Of the present one; -1 when there is none. */
  readonly at: number;
}

export const NO_HISTORY: History = { addresses: [], at: -1 };
const MOST = 50;

/** What lies after the present one is dropped, as in a browser. */
export function visit({ addresses, at }: History, address: string): History {
  if (addresses[at] === address) return { addresses, at };
  const kept = [...addresses.slice(0, at + 1), address].slice(-MOST);
  return { addresses: kept, at: kept.length - 1 };
}

export function walk({ addresses, at }: History, by: number): History {
  return { addresses, at: Math.min(Math.max(0, at + by), addresses.length - 1) };
}
