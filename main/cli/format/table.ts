/** Columns that line up. */
import { width } from './style.ts';

export interface TableOptions {
  /** Before each line. */
  readonly indent?: string;
  /** Indexes of columns of numbers, which line up at their right edge. */
  readonly right?: readonly number[];
}

/** Lines of a table. Its last column is not padded, so that no line ends in spaces. */
export function table(rows: readonly (readonly string[])[], options: TableOptions = {}): string[] {
  const { indent = '', right = [] } = options;
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, width(cell));
    });
  }
  return rows.map((row) => {
    const cells = row.map((cell, column) => {
      const padding = ' '.repeat((widths[column] ?? 0) - width(cell));
      return right.includes(column) ? padding + cell : cell + padding;
    });
    return (indent + cells.join('  ')).trimEnd();
  });
}

/** `1 program`, `2 programs`. */
export function count(number: number, noun: string, plural = `${noun}s`): string {
  return `${grouped(number)} ${number === 1 ? noun : plural}`;
}

/** 1234567 as 1,234,567. */
export function grouped(number: number): string {
  return String(number).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** A time for people: `0.4 ms`, `12 ms`, `3.1 s`. */
export function duration(microseconds: number): string {
  if (microseconds >= 1e6) return `${(microseconds / 1e6).toFixed(1)} s`;
  const milliseconds = microseconds / 1000;
  return milliseconds >= 10 ? `${milliseconds.toFixed(0)} ms` : `${milliseconds.toFixed(1)} ms`;
}
