/**
 * Errors that Bailout reports to a person: bad input, wrong usage, broken invariants.
 *
 * Each has a code that never changes (scripts match on it), one sentence that says what is wrong and where, and,
 * when it is known, what to do about it. Reading hostile input never ends in a bare TypeError or RangeError: decoders
 * check first and throw one of these.
 */
export interface BailoutErrorDetails {
  /** What the user can do about it, as a sentence. */
  readonly hint?: string | undefined;
  /** Where in the input the trouble is, in bytes from its start. */
  readonly offset?: number | undefined;
  /** The error that this one explains. */
  readonly cause?: unknown;
}

export class BailoutError extends Error {
  override readonly name = 'BailoutError';
  readonly code: string;
  readonly hint?: string;
  readonly offset?: number;

  /**
   * @param code stable, upper case with underscores, first the area and then the trouble: `ELF_TRUNCATED`
   * @param message one sentence: what is wrong, and where (file, section, instruction)
   */
  constructor(code: string, message: string, details: BailoutErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    if (details.hint !== undefined) this.hint = details.hint;
    if (details.offset !== undefined) this.offset = details.offset;
  }
}

/** Makes a switch over a union exhaustive: the compiler refuses the call when a case is missing. */
export function assertNever(value: never): never {
  throw new BailoutError('INTERNAL_UNEXPECTED_CASE', `Unexpected case ${String(value)}.`);
}
