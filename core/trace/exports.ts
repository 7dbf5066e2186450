/** The formats in which runs are written for other tools. */
import { perfettoJson } from './export-perfetto.ts';
import { csv, folded } from './export-text.ts';
import type { History } from './history.ts';

export type ExportFormat = 'perfetto' | 'csv' | 'folded';

export const EXPORTERS: Readonly<Record<ExportFormat, (history: History) => Iterable<string>>> = {
  perfetto: perfettoJson,
  csv,
  folded,
};

export const EXPORT_FORMATS = Object.keys(EXPORTERS) as readonly ExportFormat[];

/** Characters that are written at once. */
const WRITTEN = 65_536;

/** A file in pieces, some of them empty, so that whoever writes it may do something else in between. */
export function* exportBytes(format: ExportFormat, history: History): Generator<Uint8Array, void> {
  const encoder = new TextEncoder();
  let text = '';
  for (const piece of EXPORTERS[format](history)) {
    text += piece;
    const isEnough = text.length >= WRITTEN;
    yield encoder.encode(isEnough ? text : '');
    if (isEnough) text = '';
  }
  yield encoder.encode(text);
}
