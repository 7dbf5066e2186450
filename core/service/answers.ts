/** Results and errors as data that crosses a channel. */
import { BailoutError } from '../errors.ts';
import type { Answer, ApiError } from '../protocol/wire.ts';

/** An error as a page shows it: the same code, sentence and advice that the command line gives. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof BailoutError) {
    const { code, message, hint, offset } = error;
    return {
      code,
      message: offset === undefined ? message : `${message} (at byte ${offset})`,
      ...(hint === undefined ? {} : { hint }),
    };
  }
  // A defect of Bailout: the stack is what a report needs.
  const text = error instanceof Error ? error.message : String(error);
  return {
    code: 'DEFECT',
    message: `This is a defect of Bailout: ${text}`,
    ...(error instanceof Error && error.stack !== undefined ? { hint: error.stack } : {}),
  };
}

export function answer<T>(action: () => T): Answer<T> {
  try {
    return { ok: true, value: action() };
  } catch (error) {
    return { ok: false, error: toApiError(error) };
  }
}

export function cancelled(): BailoutError {
  return new BailoutError('CANCELLED', 'This was cancelled.');
}
