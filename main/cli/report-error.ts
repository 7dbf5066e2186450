/** How an error ends a command. */
import type { BailoutError } from '../../core/errors.ts';
import type { Style } from './format/style.ts';
import type { ExitStatus } from './host.ts';

/** One line that says what is wrong and where, and a second with what can be done when that is known. */
export function formatError(error: BailoutError, style: Style): string {
  const where = error.offset === undefined ? '' : style.dim(` (at byte ${error.offset})`);
  const line = `${style.bold(style.bad('bailout:'))} ${error.message}${where} ${style.dim(`[${error.code}]`)}`;
  return error.hint === undefined ? line : `${line}\n${style.warn('hint:')} ${error.hint}`;
}

/** Wrong words are 2; everything else that stops a command is an input that could not be read. */
export function statusOfError(error: BailoutError): ExitStatus {
  if (error.code === 'USAGE') return 2;
  return error.code.startsWith('INTERNAL_') || error.code === 'TRACE_DIVERGED' ? 1 : 3;
}
