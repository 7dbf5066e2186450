/**
 * The verifier's log: text that can be taken back to an earlier position.
 *
 * At level 1 only the path that led to the error is kept: whenever a path has been verified, the log is cut back to where
 * the next one branched off. At level 2 everything stays.
 */
export class Log {
  readonly level: 0 | 1 | 2;
  #parts: string[] = [];
  #length = 0;
  /** Position after the last instruction that was printed, and the width of that line: its state goes on the same line. */
  insnEnd = 0;
  insnWidth = 0;
  /** Beyond this many characters the oldest text is dropped; what explains an error stands at the end. */
  static readonly LIMIT = 256 * 1024 * 1024;

  constructor(level: 0 | 1 | 2) {
    this.level = level;
  }

  get position(): number {
    return this.#length;
  }

  write(text: string): void {
    if (text === '') return;
    this.#parts.push(text);
    this.#length += text.length;
    if (this.#length > Log.LIMIT && this.#parts.length > 1024) this.#dropOldest();
  }

  /** Forgets everything after a position. */
  reset(position: number): void {
    while (this.#length > position && this.#parts.length > 0) {
      const last = this.#parts.pop()!;
      this.#length -= last.length;
      if (this.#length < position) {
        const kept = last.slice(0, position - this.#length);
        this.#parts.push(kept);
        this.#length += kept.length;
      }
    }
  }

  get text(): string {
    return this.#parts.join('');
  }

  /** The last line that is not empty. */
  get lastLine(): string {
    let tail = '';
    for (let i = this.#parts.length - 1; i >= 0; i--) {
      tail = this.#parts[i]! + tail;
      const trimmed = tail.replace(/\n+$/, '');
      const newline = trimmed.lastIndexOf('\n');
      if (newline >= 0) return trimmed.slice(newline + 1);
    }
    return tail.trim();
  }

  #dropOldest(): void {
    // Positions count dropped text too, so that a later reset still finds its place.
    const half = this.#parts.length >> 1;
    const dropped = this.#parts.splice(0, half);
    const missing = dropped.reduce((sum, part) => sum + part.length, 0);
    this.#parts.unshift(`[${missing} characters of log dropped]\n`);
    this.#length = this.#parts.reduce((sum, part) => sum + part.length, 0);
  }
}
