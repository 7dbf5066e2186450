/** What is wrong with an expression, and where in its text. */
import { BailoutError } from '../../errors.ts';

export class ExpressionError extends BailoutError {
  constructor(problem: string, text: string, at: number) {
    // The caret is part of the hint so that a terminal shows it under the expression.
    super('EXPRESSION', `The expression makes no sense: ${problem}.`, {
      hint: `${text}\n${' '.repeat(Math.min(at, text.length))}^`,
    });
  }
}

/** An expression that makes sense, but has no value here and now. */
export class ValueError extends BailoutError {
  constructor(problem: string) {
    super('EXPRESSION_VALUE', `${problem}.`);
  }
}
