/** Files that were opened lately, newest first: kept in a small file of the application's own folder. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

const MOST = 10;

export class RecentFiles {
  readonly #file: string;
  #paths: readonly string[];

  constructor(file: string) {
    this.#file = file;
    this.#paths = read(file);
  }

  get paths(): readonly string[] {
    return this.#paths;
  }

  add(path: string): void {
    this.#keep([path, ...this.#paths.filter((other) => other !== path)].slice(0, MOST));
  }

  clear(): void {
    this.#keep([]);
  }

  #keep(paths: readonly string[]): void {
    this.#paths = paths;
    try {
      mkdirSync(dirname(this.#file), { recursive: true });
      writeFileSync(this.#file, JSON.stringify(paths));
    } catch {
      // A folder that cannot be written to costs the list, not the session.
    }
  }
}

function read(file: string): readonly string[] {
  try {
    const paths: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return Array.isArray(paths) ? paths.filter((path): path is string => typeof path === 'string').slice(0, MOST) : [];
  } catch {
    return [];
  }
}
