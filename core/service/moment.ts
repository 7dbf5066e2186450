/** What there is at a moment: the answers of `at`. Only what is asked for is made. */
import { BailoutError } from '../errors.ts';
import { evaluate } from '../debugger/expressions/evaluate.ts';
import { formatValue } from '../debugger/expressions/format.ts';
import { nameOf } from '../debugger/expressions/types.ts';
import { numberOf } from '../debugger/expressions/values.ts';
import { hex } from '../debugger/inspect.ts';
import type { Session } from '../debugger/session.ts';
import type { Machine } from '../machine/machine.ts';
import type { Position } from '../protocol/state.ts';
import type { MemoryView, MomentView, Wants } from '../protocol/views.ts';
import type { ClaimsOfPrograms } from './claims.ts';
import type { Desk } from './desk.ts';
import { notRunning } from './desk.ts';
import { frameViews, registerViews, stackViews } from './frames-view.ts';
import { nameOfPointer } from './names.ts';
import { resourcesView } from './resources-view.ts';
import type { RunIndex } from './run-index.ts';
import { unwindView } from './unwinding-view.ts';

/** Bytes that one view of memory shows. */
const MAX_MEMORY = 64 * 1024;
const MAX_EXPRESSIONS = 200;

export function momentView(desk: Desk, position: Position, wants: Wants, claims: ClaimsOfPrograms): MomentView {
  if (!desk.isRunning) throw notRunning();
  // What is heard again for it is heard before somebody stands there.
  const leading =
    wants.resources === undefined
      ? undefined
      : desk.work('looking for resources', (limits) => desk.runs.leadingTo(position, limits));
  return desk.atMoment(position, (session) => lookAround(desk, session, wants, claims, leading));
}

/** `leading`: what is known of the steps before now, where resources are asked for. */
function lookAround(
  desk: Desk,
  session: Session,
  wants: Wants,
  claims: ClaimsOfPrograms,
  leading?: RunIndex,
): MomentView {
  const { machine, position } = session;
  const index = leading ?? desk.runs.of(position.run);
  const { registers, stack, memory, expressions } = wants;
  return {
    position,
    ...(registers === undefined
      ? {}
      : { registers: registerViews(machine, registers.frame, claims.ofFrame(machine, registers.frame)) }),
    ...(wants.frames === undefined ? {} : { frames: frameViews(machine) }),
    ...(stack === undefined ? {} : { stack: stackViews(machine, stack.frame, claims.ofFrame(machine, stack.frame)) }),
    ...(memory === undefined ? {} : { memory: memoryView(desk, memory) }),
    ...(wants.resources === undefined ? {} : { resources: resourcesView(session, index) }),
    ...(wants.unwinding === undefined ? {} : { unwinding: unwindView(session, index) }),
    ...(expressions === undefined
      ? {}
      : {
          expressions: desk.inFrame(expressions.frame, () =>
            expressions.texts.slice(0, MAX_EXPRESSIONS).map((text) => expressionView(session, text)),
          ),
        }),
  };
}

type ExpressionView = NonNullable<MomentView['expressions']>[number];

function expressionView({ scope, machine }: Session, text: string): ExpressionView {
  try {
    const value = evaluate(text, scope);
    const shown = formatValue(value, (address, size) => scope.read(address, size), {
      symbol: (address) => nameOfPointer(machine, address),
    });
    const type = value.kind === 'text' || value.kind === 'map' ? value.kind : nameOf(value.type);
    return { text, value: shown, type };
  } catch (error) {
    if (!(error instanceof BailoutError)) throw error;
    return { text, error: error.message };
  }
}

// ---- memory -----------------------------------------------------------------------------------------------------------

function memoryView(desk: Desk, wanted: NonNullable<Wants['memory']>): MomentView['memory'] {
  return desk.inFrame(wanted.frame, ({ scope, machine }) => {
    try {
      const value = evaluate(wanted.address, scope);
      if (value.kind === 'text' || value.kind === 'map' || value.kind === 'nothing')
        return { error: `\`${wanted.address}\` is no address.` };
      const start = value.kind === 'place' ? value.address : numberOf(value, (at, size) => scope.read(at, size)).bits;
      return bytesAt(machine, BigInt.asUintN(64, start), Math.min(Math.max(wanted.size, 0), MAX_MEMORY));
    } catch (error) {
      if (!(error instanceof BailoutError)) throw error;
      return { error: error.message };
    }
  });
}

function bytesAt(machine: Machine, address: bigint, size: number): MemoryView {
  const { memory } = machine;
  const bytes = Array.from({ length: size }, (_, i) => {
    const at = BigInt.asUintN(64, address + BigInt(i));
    const offset = memory.offset(at);
    const fault = memory.check(at, 1, 'read');
    if (offset === undefined || (fault !== undefined && fault.kind !== 'uninitialised')) return '··';
    return (memory.bytes[offset] ?? 0).toString(16).padStart(2, '0');
  });
  return { address: hex(address), bytes, label: nameOfPointer(machine, address) ?? '' };
}
