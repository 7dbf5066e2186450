/**
 * Finds types by name: a chained hash table over the names' bytes, made when the first name is asked for.
 *
 * It hashes the "essential" part of a name, which is what stands before the last `___` of a CO-RE flavour (`task_struct___old` → `task_struct`), so
 * one chain answers both questions, "who has this name" and "who is a flavour of it". For the 126,000 types of a kernel the table is made in some
 * 9 ms; a table kept beside the bundled BTF was tried and costs about as much to unpack as it saves.
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

export class NameIndex {
  readonly #heads: Uint32Array;
  readonly #next: Uint32Array;
  readonly #mask: number;
  readonly #words: Uint32Array;
  readonly #offsets: Uint32Array;
  readonly #strings: Uint8Array;
  readonly #stringBase: number;

  /**
   * @param stringBase string offset at which `strings` begins (a split BTF continues its base's); types whose name lies below it are found by
   *   {@link spelled} through `baseStrings`
   */
  constructor(
    words: Uint32Array,
    offsets: Uint32Array,
    strings: Uint8Array,
    stringBase: number,
    baseName: (offset: number) => Uint8Array,
  ) {
    this.#words = words;
    this.#offsets = offsets;
    this.#strings = strings;
    this.#stringBase = stringBase;
    const count = offsets.length;
    let size = 16;
    while (size < count) size *= 2;
    this.#mask = size - 1;
    this.#heads = new Uint32Array(size);
    this.#next = new Uint32Array(count);
    const heads = this.#heads;
    const next = this.#next;
    const mask = this.#mask;
    // From the last to the first, so that a chain runs in ascending order and the lowest id is found first, as libbpf and the kernel do.
    for (let index = count - 1; index > 0; index--) {
      const nameOffset = words[offsets[index]!]!;
      if (nameOffset === 0) continue;
      let hash: number;
      if (nameOffset >= stringBase) {
        hash = hashEssential(strings, nameOffset - stringBase);
      } else {
        const bytes = baseName(nameOffset);
        hash = hashBytes(bytes, 0, essentialEnd(bytes, 0, bytes.length));
      }
      const bucket = mix(hash, mask);
      next[index] = heads[bucket]!;
      heads[bucket] = index;
    }
  }

  /** First index in the chain of names whose essential part may be `essential`; go on with {@link next}. 0 ends the chain. */
  first(essential: Uint8Array): number {
    return this.#heads[mix(hashBytes(essential, 0, essential.length), this.#mask)]!;
  }

  next(index: number): number {
    return this.#next[index]!;
  }

  /** Whether the type at `index` begins with exactly these bytes as its name, and the name ends there. Only for names in this BTF's own strings. */
  spelled(index: number, name: Uint8Array, baseName: (offset: number) => Uint8Array): boolean {
    const offset = this.#words[this.#offsets[index]!]!;
    if (offset < this.#stringBase) {
      const own = baseName(offset);
      return own.length === name.length && own.every((byte, i) => byte === name[i]);
    }
    const start = offset - this.#stringBase;
    const strings = this.#strings;
    for (let i = 0; i < name.length; i++) if (strings[start + i] !== name[i]) return false;
    return strings[start + name.length] === 0;
  }
}
