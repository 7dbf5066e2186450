/**
 * LPM trie: the longest stored prefix of an address wins. Keys are struct bpf_lpm_trie_key: a length in bits, then the
 * bytes of the address. Stored under the normalised prefix in a hash table; iteration is in the kernel's order, which
 * walks its tree in postorder: a longer prefix comes before the shorter ones that contain it.
 */
import { alignUp, fillBytes } from '../bytes.ts';
import { EEXIST, EINVAL, ENOENT, ENOSPC } from '../errno.ts';
import { copyValue } from '../fields.ts';
import type { MapElement, MapSetup } from './map.ts';
import { BPF_EXIST, BPF_NOEXIST, BpfMap } from './map.ts';
import { HashTable } from './table.ts';

const PREFIX_SIZE = 4;

export class TrieMap extends BpfMap {
  readonly #table: HashTable;
  readonly #bits: number;
  /** Where the normalised key is built. */
  readonly #key: number;

  constructor(setup: MapSetup) {
    super(setup, 'lpm_trie');
    this.#bits = 8 * (this.keySize - PREFIX_SIZE);
    this.#table = new HashTable(this.kernel.memory, this.keySize, this.valueSize, `elements of ${this.name}`);
    this.#key = this.kernel.memory.allocate(alignUp(this.keySize, 8), { access: 'none', label: `key of ${this.name}` });
  }

  override lookup(key: number): number {
    const length = this.kernel.memory.readU32(key);
    if (length > this.#bits) return 0;
    for (let bits = length; bits >= 0; bits--) {
      const element = this.#table.find(this.#normalise(key, bits));
      if (element !== 0) return this.#table.value(element);
    }
    return 0;
  }

  override update(key: number, value: number, flags: bigint): number {
    if (flags > BPF_EXIST) return -EINVAL;
    const length = this.kernel.memory.readU32(key);
    if (length > this.#bits) return -EINVAL;
    const normal = this.#normalise(key, length);
    const old = this.#table.find(normal);
    if (old !== 0 && flags === BPF_NOEXIST) return -EEXIST;
    if (old === 0 && flags === BPF_EXIST) return -ENOENT;
    if (old === 0 && this.#table.count >= this.maxEntries) return -ENOSPC;
    const element = old === 0 ? this.#table.insert(normal) : this.#table.replace(old);
    copyValue(this.kernel.memory, this.#table.value(element), value, this.valueSize, this.fields);
    if (old !== 0) this.#table.retire(old);
    return 0;
  }

  override delete(key: number): number {
    const length = this.kernel.memory.readU32(key);
    if (length > this.#bits) return -EINVAL;
    const element = this.#table.find(this.#normalise(key, length));
    if (element === 0) return -ENOENT;
    this.#table.remove(element);
    return 0;
  }

  override advance(cursor: number): number {
    let best = 0;
    for (let element = this.#table.first(); element !== 0; element = this.#table.next(element)) {
      if (cursor !== 0 && this.#compare(element, cursor) <= 0) continue;
      if (best === 0 || this.#compare(element, best) < 0) best = element;
    }
    return best;
  }

  override elementAt(cursor: number): MapElement {
    return { key: this.#table.key(cursor), value: this.#table.value(cursor) };
  }

  override get count(): number {
    return this.#table.count;
  }

  /** The key with a given length, its bits beyond that length cleared. */
  #normalise(key: number, bits: number): number {
    const memory = this.kernel.memory;
    const to = this.#key;
    fillBytes(memory, to, this.keySize, 0);
    memory.writeU32(to, bits);
    const whole = bits >> 3;
    for (let i = 0; i < whole; i++) memory.writeU8(to + PREFIX_SIZE + i, memory.readU8(key + PREFIX_SIZE + i));
    if ((bits & 7) !== 0) {
      const mask = (0xff00 >> (bits & 7)) & 0xff;
      memory.writeU8(to + PREFIX_SIZE + whole, memory.readU8(key + PREFIX_SIZE + whole) & mask);
    }
    return to;
  }

  /** Order of a postorder walk. */
  #compare(a: number, b: number): number {
    const memory = this.kernel.memory;
    const keyA = this.#table.key(a);
    const keyB = this.#table.key(b);
    const lengthA = memory.readU32(keyA);
    const lengthB = memory.readU32(keyB);
    const common = Math.min(lengthA, lengthB);
    for (let bit = 0; bit < common; bit++) {
      const shift = 7 - (bit & 7);
      const bitA = (memory.readU8(keyA + PREFIX_SIZE + (bit >> 3)) >> shift) & 1;
      const bitB = (memory.readU8(keyB + PREFIX_SIZE + (bit >> 3)) >> shift) & 1;
      if (bitA !== bitB) return bitA - bitB;
    }
    return lengthB - lengthA;
  }
}
