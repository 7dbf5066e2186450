/**
 * Spans that do not overlap, in the order of time: one lane of a picture. However many there are, a picture of so many pixels is made
 * by jumping from pixel to pixel.
 */

/** One span, or several that are narrower than a pixel and side by side. */
export interface Drawn {
  readonly from: number;
  readonly to: number;
  /** The first and the last of the spans that are joined. */
  readonly first: number;
  readonly last: number;
}

export class SpanTrack {
  readonly from: Float64Array;
  readonly to: Float64Array;
  /** What each span is: an index into whatever the lane is made of. */
  readonly items: Uint32Array;

  constructor(from: Float64Array, to: Float64Array, items: Uint32Array) {
    this.from = from;
    this.to = to;
    this.items = items;
  }

  get length(): number {
    return this.from.length;
  }

  /** What is seen of `from` to `to` where a pixel is `pixel` wide. */
  draw(from: number, to: number, pixel: number): Drawn[] {
    const drawn: Drawn[] = [];
    for (let i = this.#firstEndingAfter(from); i < this.length && this.from[i]! <= to;) {
      const start = this.from[i]!;
      if (this.to[i]! - start >= pixel) {
        drawn.push({ from: start, to: this.to[i]!, first: i, last: i });
        i++;
        continue;
      }
      const edge = from + (Math.floor((start - from) / pixel) + 1) * pixel;
      let next = Math.max(this.firstFrom(edge), i + 1);
      // One that is wide stands for itself.
      if (next > i + 1 && this.to[next - 1]! - this.from[next - 1]! >= pixel) next--;
      drawn.push({ from: start, to: this.to[next - 1]!, first: i, last: next - 1 });
      i = next;
    }
    return drawn;
  }

  /** The first span that begins at or after a tick. */
  firstFrom(tick: number): number {
    return lowerBound(this.from, this.length, tick);
  }

  #firstEndingAfter(tick: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.to[middle]! < tick) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The first index at which a sorted array is not less than a value. */
export function lowerBound(sorted: Float64Array, length: number, value: number): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Collects spans of one lane, each begun after the one before has ended. */
export class SpanTrackBuilder {
  readonly #from: number[] = [];
  readonly #to: number[] = [];
  readonly #items: number[] = [];

  /** Begins a span; what is returned ends it. */
  begin(from: number, item: number): number {
    this.#from.push(from);
    this.#to.push(from);
    return this.#items.push(item) - 1;
  }

  end(index: number, to: number): void {
    this.#to[index] = Math.max(to, this.#from[index] ?? to);
  }

  build(): SpanTrack {
    return new SpanTrack(Float64Array.from(this.#from), Float64Array.from(this.#to), Uint32Array.from(this.#items));
  }
}
