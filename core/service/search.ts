/** Searching long texts row by row. */
import type { SearchResult } from '../protocol/code.ts';

/** Rows that are listed: more than anybody walks through. */
const MAX_LISTED = 5000;

/** Rows that contain a text, without regard to case where it has no capitals. */
export function searchRows(count: number, textOf: (row: number) => string, text: string): SearchResult {
  if (text === '') return { rows: [], total: 0 };
  const isExact = text !== text.toLowerCase();
  const rows: number[] = [];
  let total = 0;
  for (let row = 0; row < count; row++) {
    const candidate = textOf(row);
    if (!(isExact ? candidate : candidate.toLowerCase()).includes(text)) continue;
    total++;
    if (rows.length < MAX_LISTED) rows.push(row);
  }
  return { rows, total };
}
