/** Watchpoints: expressions whose value is compared before and after everything that can change it. */
import { BailoutError } from '../errors.ts';
import type { CompiledExpression, Scope } from './expressions/evaluate.ts';
import { formatValue } from './expressions/format.ts';
import { registerNumber } from './scope.ts';
import { everyInstruction, memoryWriters, registerWriters } from './writes.ts';
import type { Marks } from './writes.ts';

export interface Watchpoint {
  readonly id: number;
  readonly expression: CompiledExpression;
  /** Instructions that can change the value. */
  readonly marks: readonly Marks[];
  enabled: boolean;
  hits: number;
  /** The value now, as text; why there is none when there is none. */
  show(): string;
}

/** Names that change with every instruction. */
const RESTLESS: ReadonlySet<string> = new Set(['$step', '$pc', '$time', '$depth']);

export function watchpoint(id: number, expression: CompiledExpression, scope: Scope): Watchpoint {
  const marks: Marks[] = [memoryWriters];
  for (const name of expression.names) {
    const register = registerNumber(name);
    if (register !== undefined) marks.push(registerWriters(register));
    else if (RESTLESS.has(name)) marks.push(everyInstruction);
  }
  return {
    id,
    expression,
    marks,
    enabled: true,
    hits: 0,
    show() {
      try {
        return formatValue(expression.evaluate(scope), (address, size) => scope.read(address, size));
      } catch (error) {
        if (!(error instanceof BailoutError)) throw error;
        return `<${error.message.replace(/\.$/, '')}>`;
      }
    },
  };
}
