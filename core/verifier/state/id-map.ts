/**
 * Which id of an old state stands for which id of a new one. Ids themselves mean nothing; that two registers share one does. So
 * two states agree when their ids can be matched one to one.
 */
import { ID_ADD_CONST } from './types.ts';

export class IdMap {
  #old = new Int32Array(64);
  #current = new Int32Array(64);
  #count = 0;
  #lastTemporary = 0;

  /** Forgets all pairs. Temporary ids begin above all ids in use. */
  reset(lastId: number): void {
    this.#count = 0;
    this.#lastTemporary = lastId;
  }

  /** True when the two ids can stand for each other. Zero is no id. */
  match(old: number, current: number): boolean {
    if ((old !== 0) !== (current !== 0)) return false;
    if (old === 0) return true;
    for (let i = 0; i < this.#count; i++) {
      if (this.#old[i] === old) return this.#current[i] === current;
      if (this.#current[i] === current) return false;
    }
    if (this.#count === this.#old.length) this.#grow();
    this.#old[this.#count] = old;
    this.#current[this.#count] = current;
    this.#count++;
    return true;
  }

  /** Scalars: an old one without an id relied on no other; a new one without an id is like one whose id nobody shares. */
  matchScalar(old: number, current: number): boolean {
    if (old === 0) return true;
    return this.match(old, current !== 0 ? current : ++this.#lastTemporary);
  }

  #grow(): void {
    const old = new Int32Array(2 * this.#old.length);
    const current = new Int32Array(2 * this.#current.length);
    old.set(this.#old);
    current.set(this.#current);
    this.#old = old;
    this.#current = current;
  }
}

/** Whether a scalar's id says that it is another scalar plus a constant. */
export function hasConstantDistance(id: number): boolean {
  return (id & ID_ADD_CONST) !== 0;
}
