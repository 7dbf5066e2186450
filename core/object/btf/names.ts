/**
 * Finds types by name: a hash table over the names' bytes, made when the first name is asked for, or stored with the BTF (stored-index.ts).
 *
 * It hashes the "essential" part of a name, which is what stands before the last `___` of a CO-RE flavour (`task_struct___old` → `task_struct`), so
 * one bucket answers both questions, "who has this name" and "who is a flavour of it".
 */

const CHAR_UNDERSCORE = 0x5f;

/** Length of `name` without its CO-RE flavour: up to the last `___` that has a non-underscore on both sides. */
export function essentialLength(name: string): number {
  for (let i = name.length - 5; i >= 0; i--) {
    if (
      name.charCodeAt(i) !== CHAR_UNDERSCORE &&
      name.startsWith('___', i + 1) &&
      name.charCodeAt(i + 4) !== CHAR_UNDERSCORE
    )
      return i + 1;
  }
  return name.length;
}

/** `name` without its CO-RE flavour. */
export function essentialName(name: string): string {
  return name.slice(0, essentialLength(name));
}

function essentialEnd(bytes: Uint8Array, start: number, end: number): number {
  for (let i = end - 5; i >= start; i--) {
    if (
      bytes[i] !== CHAR_UNDERSCORE &&
      bytes[i + 1] === CHAR_UNDERSCORE &&
      bytes[i + 2] === CHAR_UNDERSCORE &&
      bytes[i + 3] === CHAR_UNDERSCORE &&
      bytes[i + 4] !== CHAR_UNDERSCORE
    )
      return i + 1;
  }
  return end;
}

function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  let hash = 5381;
  for (let i = start; i < end; i++) hash = (Math.imul(hash, 33) ^ bytes[i]!) | 0;
  return hash;
}

/** Hash of the essential part of the NUL-terminated string that begins at `start`. */
function hashEssential(strings: Uint8Array, start: number): number {
  let hash = 5381;
  let at = start;
  let run = 0;
  let flavoured = false;
  for (let c = strings[at] ?? 0; c !== 0; c = strings[++at] ?? 0) {
    hash = (Math.imul(hash, 33) ^ c) | 0;
    if (c === CHAR_UNDERSCORE) run++;
    else {
      if (run === 3 && at > start + 3) flavoured = true;
      run = 0;
    }
  }
  return flavoured ? hashBytes(strings, start, essentialEnd(strings, start, at)) : hash;
}

const mix = (hash: number, mask: number): number => (hash ^ (hash >>> 15)) & mask;

/** Types by bucket of their name's hash: those of bucket `b` are `types[starts[b]]` up to, not including, `types[starts[b + 1]]`, in ascending order. */
export interface NameTable {
  readonly starts: Uint32Array;
  readonly types: Uint32Array;
}

/** Where a BTF's names are: its words, where its types begin in them, and its strings, which begin at offset `stringBase`. */
export interface NameSource {
  readonly words: Uint32Array;
  readonly offsets: Uint32Array;
  readonly strings: Uint8Array;
  readonly stringBase: number;
  /** Strings below `stringBase`, which are the base's. */
  readonly baseName: (offset: number) => Uint8Array;
}

/** Buckets for a number of types: a power of two, with some four types in each. */
export function bucketCount(types: number): number {
  let buckets = 16;
  while (buckets * 4 < types) buckets *= 2;
  return buckets;
}

/** Makes the table; for the 126,000 types of a kernel that takes some 10 ms, and twice that in a process that has just begun. */
export function makeNameTable({ words, offsets, strings, stringBase, baseName }: NameSource): NameTable {
  const count = offsets.length;
  const buckets = bucketCount(count);
  const mask = buckets - 1;
  const starts = new Uint32Array(buckets + 1);
  /** Bucket of each type, plus one; 0 for those without a name. */
  const bucketOf = new Uint32Array(count);
  for (let index = 1; index < count; index++) {
    const nameOffset = words[offsets[index]!]!;
    if (nameOffset === 0) continue;
    let hash: number;
    if (nameOffset >= stringBase) hash = hashEssential(strings, nameOffset - stringBase);
    else {
      const bytes = baseName(nameOffset);
      hash = hashBytes(bytes, 0, essentialEnd(bytes, 0, bytes.length));
    }
    const bucket = mix(hash, mask) + 1;
    bucketOf[index] = bucket;
    starts[bucket]!++;
  }
  for (let bucket = 0; bucket < buckets; bucket++) starts[bucket + 1]! += starts[bucket]!;
  const types = new Uint32Array(starts[buckets]!);
  const next = starts.slice();
  for (let index = 1; index < count; index++) {
    const bucket = bucketOf[index]!;
    if (bucket !== 0) types[next[bucket - 1]!++] = index;
  }
  return { starts, types };
}

export class NameIndex {
  readonly #source: NameSource;
  readonly #table: NameTable;

  constructor(source: NameSource, table: NameTable) {
    this.#source = source;
    this.#table = table;
  }

  /** Types whose name may have this essential part, in ascending order. */
  candidates(essential: Uint8Array): Uint32Array {
    const { starts, types } = this.#table;
    const bucket = mix(hashBytes(essential, 0, essential.length), starts.length - 2);
    return types.subarray(starts[bucket], starts[bucket + 1]);
  }

  /** Whether the name of the type at `index` is exactly this. */
  spelled(index: number, name: Uint8Array): boolean {
    const { words, offsets, strings, stringBase, baseName } = this.#source;
    const offset = words[offsets[index]!]!;
    if (offset < stringBase) {
      const own = baseName(offset);
      return own.length === name.length && own.every((byte, i) => byte === name[i]);
    }
    const start = offset - stringBase;
    for (let i = 0; i < name.length; i++) if (strings[start + i] !== name[i]) return false;
    return strings[start + name.length] === 0;
  }
}
