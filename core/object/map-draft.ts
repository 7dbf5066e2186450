/** A map while its object is being read: the definition that will come out, still writable, and where in the file it stands. */
import type { MapDefinition } from './program.ts';
import { OBJECT_NAME_LENGTH } from './map-numbers.ts';

type Writable<T> = { -readonly [K in keyof T]: T[K] };

export interface MapDraft {
  readonly definition: Writable<MapDefinition>;
  readonly sectionIndex: number;
  readonly sectionOffset: number;
  /** Bytes of the section that belong to it. */
  readonly sectionSize: number;
}

const empty = {
  keySize: 0,
  valueSize: 0,
  maxEntries: 0,
  flags: 0,
  extra: 0n,
  numaNode: 0,
  keyTypeId: 0,
  valueTypeId: 0,
  pinning: 'none',
  autocreate: true,
  frozen: false,
} as const;

/** A definition with everything that the object need not say. */
export function mapDefinition(
  given: Pick<MapDefinition, 'index' | 'name' | 'type' | 'origin' | 'section'> & Partial<MapDefinition>,
): Writable<MapDefinition> {
  return { ...empty, kernelName: kernelObjectName(given.name), ...given };
}

/** What the kernel keeps of a name. */
export function kernelObjectName(name: string): string {
  return name.slice(0, OBJECT_NAME_LENGTH - 1);
}

/**
 * The kernel's name for a map of global data: the start of the object's name, then the section's, which takes at least seven places and at most fifteen. Sections such
 * as `.data.counters` go without the object's name.
 */
export function globalDataName(object: string, section: string): string {
  const suffix = Math.min(Math.max(7, section.length), OBJECT_NAME_LENGTH - 1);
  const prefix = section.indexOf('.', 1) >= 0 ? 0 : OBJECT_NAME_LENGTH - 1 - suffix;
  const name = object.slice(0, prefix) + section.slice(0, suffix);
  return name.replace(/[^A-Za-z0-9_.]/g, '_');
}
