/** What the page keeps in the browser between visits. Where that is forbidden, it keeps nothing. */
const PREFIX = 'bailout.';

export function read(name: string): string | undefined {
  try {
    return localStorage.getItem(PREFIX + name) ?? undefined;
  } catch {
    return undefined;
  }
}

export function write(name: string, value: string): void {
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    // Full, or forbidden: it is not worth a word.
  }
}

/** A list of texts that was kept; empty when there is none. */
export function readList(name: string): readonly string[] {
  try {
    const list: unknown = JSON.parse(read(name) ?? '[]');
    return Array.isArray(list) ? list.filter((item): item is string => typeof item === 'string') : [];
  } catch {
    return [];
  }
}
