/** What the verifier claims, collected when somebody looks: beside registers and slots, at an instruction, and as a tree of paths. */
import { claimAt } from '../debugger/claims.ts';
import type { ClaimView as Claimed } from '../debugger/claims.ts';
import { lineAt } from '../debugger/source.ts';
import type { Machine } from '../machine/machine.ts';
import type { Program } from '../object/program.ts';
import type { ExplorationView, KnownHereView, PathNodeView } from '../protocol/verifier.ts';
import type { ClaimView } from '../protocol/views.ts';
import { claimsOf } from '../verifier/claims/collect.ts';
import type { Claims } from '../verifier/claims/claims.ts';
import { CLAIMED_REGISTERS, heldAt, registerClaim, slotClaim } from '../verifier/claims/claims.ts';
import type { Desk } from './desk.ts';
import type { FrameClaims } from './frames-view.ts';
import { verificationOf } from './verifier-view.ts';

/** Programs that take longer to verify are not verified again by themselves, only when their claims are asked for. */
const MAX_UNASKED = 150_000;
/** Claims about one register that are told apart. */
const MAX_CLAIMS = 24;

export class ClaimsOfPrograms {
  readonly #desk: Desk;
  readonly #known = new Map<Program, Claims>();

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  clear(): void {
    this.#known.clear();
  }

  of(program: Program): Claims {
    const known = this.#known.get(program);
    if (known !== undefined) return known;
    if (program.loadError !== undefined) throw program.loadError;
    const desk = this.#desk;
    const { profile } = verificationOf(desk, program);
    const claims = desk.silently(`collecting what is claimed about ${program.name}`, () =>
      claimsOf(program, { profile, isCancelled: () => desk.host.work.isCancelled() }),
    );
    this.#known.set(program, claims);
    return claims;
  }

  /** Beside a frame of a machine; undefined where nobody asked and it would take long. */
  ofFrame(machine: Machine, frame: number): FrameClaims | undefined {
    const program = machine.frames()[frame]?.image.program;
    if (program === undefined) return undefined;
    const claims = this.#unasked(program);
    const found = claims === undefined ? undefined : claimAt(machine, claims, frame);
    if (found === undefined) return undefined;
    return {
      register: (register) => claimView(found.registers[register]),
      slot: (offset) => claimView(found.slots.get(offset)),
    };
  }

  /** Those of a program that is verified in no time, or whose claims are known already. */
  unasked(program: Program): Claims | undefined {
    return this.#unasked(program);
  }

  #unasked(program: Program): Claims | undefined {
    const known = this.#known.get(program);
    if (known !== undefined) return known;
    const { session } = this.#desk;
    if (program.loadError !== undefined || !session.object.programs.includes(program)) return undefined;
    if (!session.isVerified(program)) return undefined;
    return session.verification(program).insns <= MAX_UNASKED ? this.of(program) : undefined;
  }
}

function claimView(claimed: Claimed | undefined): ClaimView | undefined {
  if (claimed === undefined) return undefined;
  // The name of a slot stands in a column of its own.
  return { text: claimed.text.replace(/^fp-\d+=/, ''), violated: claimed.violated, others: claimed.alternatives };
}

// ---- at an instruction ------------------------------------------------------------------------------------------------

export function knownHere(claims: Claims, insn: number): KnownHereView {
  const states = claims.states[insn] ?? [];
  const found = new Map<string, Set<string>>();
  const add = (name: string, text: string): void => {
    if (text === '') return;
    const texts = found.get(name);
    if (texts === undefined) found.set(name, new Set([text]));
    else if (texts.size < MAX_CLAIMS) texts.add(text);
  };
  for (const { frames } of states) {
    const number = frames.length - 1;
    const frame = frames[number]!;
    for (let register = 0; register < CLAIMED_REGISTERS; register++)
      add(`r${register}`, registerClaim(claims.names, frame, number, register));
    for (const [i, slot] of frame.slots.entries())
      add(`fp-${8 * (slot + 1)}`, slotClaim(claims.names, frame, number, i).replace(/^fp-\d+=/, ''));
  }
  return {
    insn,
    visits: states.length,
    registers: [...found]
      .sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))
      .sort(([a], [b]) => Number(a.startsWith('fp')) - Number(b.startsWith('fp')))
      .map(([name, texts]) => ({ name, claims: [...texts] })),
    held: heldAt(claims, insn).map(({ typeName, acquiredAt }) => ({ typeName, acquiredAt })),
    complete: claims.incomplete === undefined,
  };
}

// ---- paths ------------------------------------------------------------------------------------------------------------

export function explorationView({ program, paths }: Claims): ExplorationView {
  const nodes = paths.from.map((from, id): PathNodeView => {
    const parent = paths.parent[id] ?? -1;
    const servedBy = paths.servedBy[id] ?? -1;
    const line = lineAt(program, from)?.line;
    return {
      id,
      ...(parent < 0 ? {} : { parent }),
      from,
      to: paths.to[id] ?? from,
      label: paths.label[id] ?? '',
      insns: paths.insns[id] ?? 0,
      end: paths.end[id] ?? 'fork',
      ...(servedBy < 0 ? {} : { prunedAt: paths.to[id] ?? from }),
      ...(line === undefined ? {} : { line }),
    };
  });
  return { nodes, paths: paths.paths, pruned: paths.pruned, states: paths.states, truncated: paths.truncated };
}
