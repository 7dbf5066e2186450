/** Contents of maps, and what programs print. */
import type { Position } from './state.ts';

export interface MapSummary {
  readonly name: string;
  readonly type: string;
  readonly keySize: number;
  readonly valueSize: number;
  readonly count: number;
  readonly maxEntries: number;
  /** User space may write into it. */
  readonly editable: boolean;
}

export interface MapPage {
  readonly name: string;
  readonly total: number;
  /** Decoded with the types that the object gives, and as bytes. */
  readonly entries: readonly {
    readonly key: string;
    readonly value: string;
    readonly keyBytes: string;
    readonly valueBytes: string;
  }[];
}

export interface OutputLine {
  readonly position: Position;
  readonly stream: string;
  readonly text: string;
}

/** The newest lines up to the present moment. */
export interface OutputPage {
  readonly total: number;
  /** Lines before these, which are not kept: they are there when one goes back to them. */
  readonly earlier: number;
  readonly lines: readonly OutputLine[];
}
