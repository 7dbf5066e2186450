/** `info claims`: what the machine holds beside what the verifier says about it. */
import { claimAt, sessionClaims } from '../debugger/claims.ts';
import type { ClaimView } from '../debugger/claims.ts';
import { hex, registersView } from '../debugger/inspect.ts';
import type { Session } from '../debugger/session.ts';
import type { Incomplete } from '../verifier/claims/claims.ts';
import { heldAt } from '../verifier/claims/claims.ts';
import type { Output } from './command.ts';
import { table } from './command.ts';

const REASONS: Readonly<Record<Incomplete, string>> = {
  rejected: 'the program is rejected',
  instructions: 'the program has too many paths to follow them all',
  memory: 'the program has too many states to keep them all',
  cancelled: 'collecting them was cancelled',
  lost: 'a loop was given up',
};

interface ClaimRow extends ClaimView {
  readonly place: string;
  readonly value?: string;
}

export function claimsOutput(session: Session): Output {
  const { machine } = session;
  const index = session.scope.frame;
  const frame = machine.frames()[index];
  if (frame === undefined) return { text: 'There is no frame.', data: null };
  const claims = sessionClaims(session, frame.image.program);
  const at = claimAt(machine, claims, index);
  if (at === undefined || at.states === 0) {
    const why = claims.incomplete === undefined ? '' : `: ${REASONS[claims.incomplete]}`;
    return { text: `The verifier says nothing about insn ${frame.insn}${why}.`, data: null };
  }
  const rows: ClaimRow[] = registersView(machine, index).flatMap((register, i) => {
    const claim = at.registers[i];
    if (claim === undefined) return [];
    return [{ place: register.name, ...(register.value === undefined ? {} : { value: register.value }), ...claim }];
  });
  for (const [offset, claim] of at.slots) {
    const value = hex(machine.memory.readU64(frame.framePointer + offset));
    rows.push({ place: `fp${offset}`, value, ...claim });
  }
  const held = heldAt(claims, at.insn);
  const lines = [table(rows.map(cells))];
  if (held.length > 0) {
    const things = held.map(({ typeName, acquiredAt, sometimes }) => {
      return `${typeName} of insn ${acquiredAt}${sometimes ? ' (on some paths)' : ''}`;
    });
    lines.push(`Held: ${things.join(', ')}`);
  }
  if (claims.incomplete !== undefined) lines.push(`Claims are incomplete: ${REASONS[claims.incomplete]}.`);
  const { insn, states, contained, binding } = at;
  return { text: lines.join('\n'), data: { insn, states, contained, binding, places: rows, held } };
}

function cells({ place, value, text, violated, alternatives }: ClaimRow): string[] {
  // A slot's text begins with its place, as in the log.
  const claim = text.startsWith(`${place}=`) ? text.slice(place.length + 1) : text;
  const others = alternatives === 0 ? '' : `or ${alternatives} other${alternatives === 1 ? '' : 's'}`;
  return [place, value ?? '–', violated ? '✗' : ' ', claim, violated ? 'OUTSIDE' : others];
}
