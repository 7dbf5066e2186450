/**
 * Explains a rejection: what is wrong in one sentence, why in figures, where, how it came to be so, and what to do.
 *
 * The verifier says no in one line and forgets the rest. So the program is verified again with somebody looking on
 * (record.ts), who knows the failing path at its end; the values that the failed check looked at are followed back along it
 * (trace-values.ts); and a third run looks up what was known at the steps that matter (capture.ts). All of it is bounded in
 * memory by the path's length and in time by a budget, and a diagnosis without a path is better than none: nothing here throws.
 */
import type { Program } from '../../object/program.ts';
import type { Verification, VerifyOptions } from '../verification.ts';
import { verifyObserved } from '../verify.ts';
import type { Captured } from './capture.ts';
import { capture } from './capture.ts';
import type { Explanation, Rule } from './case.ts';
import { Case } from './case.ts';
import type { CausalStep, DiagnoseOptions, Diagnosis } from './diagnosis.ts';
import { CATEGORIES } from './diagnosis.ts';
import { PathRecorder, type PlaceCode } from './record.ts';
import { ruleFor } from './rules.ts';
import { knownAround, placeAt, placeBefore, stepOf, Writer } from './steps.ts';
import { suggestionsFor } from './suggestions.ts';
import type { Found } from './trace-values.ts';
import { traceValues } from './trace-values.ts';
import { traceHeld } from './trace-held.ts';

/** The program is verified again a few times: what that may take is this, and some times what it took before. */
const BUDGET_MS = 1500;
const BUDGET_FACTOR = 5;
const MOST_MS = 10_000;
/** Steps of a causal path that are kept: the first and the last ones. */
const FIRST_STEPS = 8;
const LAST_STEPS = 32;

/** Lines that are no part of the error. */
const NOISE = /^(?:stack depth|processed|verification time|Func#\d+ \(|Validating |mark_precise)/;

export function errorLines(log: string): string[] {
  return log.split('\n').filter((line) => line.trim() !== '' && !NOISE.test(line));
}

/** Why a program was rejected; undefined when it was not. */
export function diagnose(
  program: Program,
  verification: Pick<Verification, 'verdict' | 'profile' | 'message' | 'durationUs'>,
  options: DiagnoseOptions = {},
): Diagnosis | undefined {
  if (verification.verdict !== 'rejected') return undefined;
  const budget = options.budgetMs ?? Math.min(MOST_MS, BUDGET_MS + (BUDGET_FACTOR * verification.durationUs) / 1000);
  const deadline = performance.now() + budget;
  const isLate = (): boolean => performance.now() > deadline || options.isCancelled?.() === true;
  const verifyOptions: VerifyOptions = {
    profile: verification.profile,
    isCancelled: isLate,
    ...(options.maxInsns === undefined ? {} : { maxInsns: options.maxInsns }),
  };
  const path = new PathRecorder();
  const again = verifyObserved(program, verifyOptions, path);
  // Out of time, the second run ended somewhere else: then only the words of the first are to go by.
  const isSame = again.message === verification.message;
  const known = isSame ? path : new PathRecorder();
  const lines = isSame ? errorLines(again.log) : [verification.message];
  const subject = new Case(program, verification.profile, lines, known);
  const rule = ruleFor(subject);
  const explanation = explained(subject, rule);
  const writer = new Writer(program);
  const insn = explanation.insn ?? subject.insn;
  const { found, captured } = walked(subject, explanation, verifyOptions, isLate);
  const { steps, omitted } = pathSteps(subject, writer, explanation, found, captured);
  const at = insn === undefined ? undefined : placeAt(writer, insn, explanation.register, subject.calledAt(insn));
  return {
    program: program.name,
    profile: verification.profile,
    code: rule.code,
    category: rule.category,
    categoryName: CATEGORIES[rule.category],
    title: explanation.title,
    message: verification.message,
    before: lines.slice(0, -1).slice(-6),
    reason: explanation.reason ?? '',
    ...(at === undefined ? {} : { at }),
    path: steps,
    omitted,
    suggestions: suggestionsFor(
      { subject, rule, explanation, found, captured, writer },
      { tryOut: options.tryOut ?? true, isLate, verifyOptions },
    ),
    pathLength: subject.path.length,
  };
}

/** A rule that stumbles over something it did not expect must not take the diagnosis with it. */
function explained(subject: Case, rule: Rule): Explanation {
  try {
    return rule.explain(subject);
  } catch (error) {
    if (!(error instanceof RangeError || error instanceof TypeError)) throw error;
    return { title: subject.message };
  }
}

/** What matters on the path, and what was known there. */
function walked(
  subject: Case,
  explanation: Explanation,
  options: VerifyOptions,
  isLate: () => boolean,
): { found: readonly Found[]; captured: Captured | undefined } {
  const { path } = subject;
  if (path.length === 0 || !path.isWalking || isLate()) return { found: [], captured: undefined };
  const found = [
    ...traceValues(subject.insns, path, { places: explanation.places ?? [] }, isLate),
    ...traceHeld(subject, explanation.held ?? [], isLate),
  ].toSorted((a, b) => a.position - b.position || Number(b.kind === 'entry') - Number(a.kind === 'entry'));
  const wanted = new Map<number, PlaceCode[]>();
  const want = (position: number, place: PlaceCode | undefined): void => {
    if (place === undefined || position >= path.length) return;
    const places = wanted.get(position);
    if (places === undefined) wanted.set(position, [place]);
    else if (!places.includes(place)) places.push(place);
  };
  for (const one of found) {
    want(one.position, placeBefore(path, one));
    want(one.oldest, placeBefore(path, one));
    want(one.position + 1, one.place);
    // The other operand of arithmetic, for turning a bound on the result into one on the operand.
    if (one.kind === 'arithmetic' && one.place !== undefined) {
      const insn = path.insns[one.position]!;
      want(one.position, one.place - (one.place % 128) + subject.insns.src[insn]!);
    }
  }
  for (const place of explanation.places ?? []) want(path.length - 1, place);
  return { found, captured: capture(subject.program, options, path, wanted) };
}

function pathSteps(
  subject: Case,
  writer: Writer,
  explanation: Explanation,
  found: readonly Found[],
  captured: Captured | undefined,
): { steps: CausalStep[]; omitted: number } {
  const { path } = subject;
  if (captured === undefined || subject.insn === undefined) return { steps: [], omitted: 0 };
  const chosen =
    found.length <= FIRST_STEPS + LAST_STEPS
      ? found
      : [...found.slice(0, FIRST_STEPS), ...found.slice(found.length - LAST_STEPS)];
  const steps = chosen.map((one) =>
    stepOf(writer, path, {
      found: one,
      ...knownAround(captured, path, one),
      callee: subject.calledAt(path.insns[one.position]!),
    }),
  );
  const last = stepOf(writer, path, {
    found: { kind: 'error', position: path.length - 1, place: undefined, turns: 1, oldest: path.length - 1 },
    before: undefined,
    after: undefined,
    callee: subject.callee,
  });
  steps.push({ ...last, change: explanation.demand ?? '' });
  return { steps, omitted: found.length - chosen.length };
}
