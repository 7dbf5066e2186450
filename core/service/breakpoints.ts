/** Breakpoints and watchpoints as a page changes them. */
import { BailoutError } from '../errors.ts';
import { CompiledExpression } from '../debugger/expressions/evaluate.ts';
import type { Session } from '../debugger/session.ts';
import { programNamed } from './code.ts';

export function addBreakpoint(session: Session, text: string, condition: string | undefined): number {
  return session.addBreakpoint(text, condition === undefined || condition.trim() === '' ? {} : { condition }).id;
}

/** Takes the breakpoint that means exactly this instruction away, or makes one. */
export function toggleBreakpoint(session: Session, name: string, insn: number): void {
  const program = programNamed(session.object.programs, name);
  const there = session.breakpoints.find(
    ({ insns }) => insns.get(program)?.[insn] === 1 && [...insns.values()].every((marks) => isOne(marks)),
  );
  if (there !== undefined) session.delete(there.id);
  else session.addBreakpointAt(program, insn);
}

function isOne(marks: Uint8Array): boolean {
  const first = marks.indexOf(1);
  return first >= 0 && marks.indexOf(1, first + 1) < 0;
}

export function changeBreakpoint(
  session: Session,
  id: number,
  { enabled, condition }: { readonly enabled?: boolean; readonly condition?: string },
): void {
  const found = session.find(id);
  if (condition !== undefined) {
    if (!('location' in found))
      throw new BailoutError('USAGE', `${id} is a watchpoint: it stops when its value changes, whatever that is.`);
    const compiled = condition.trim() === '' ? undefined : new CompiledExpression(condition, session.symbols.types);
    session.setCondition(id, compiled);
  }
  if (enabled !== undefined) session.find(id).enabled = enabled;
}
