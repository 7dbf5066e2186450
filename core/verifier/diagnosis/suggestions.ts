/**
 * What a developer can do, best first. Where an assertion would help, the places on the path at which the value is in a
 * register are found, and each is tried: the program is verified with the test written in.
 */
import type { Instruction } from '../../isa/instructions.ts';
import { lineAt } from '../../object/places.ts';
import type { VerifyOptions } from '../verification.ts';
import { verify } from '../verify.ts';
import { isGplCompatible } from '../memory/btf-access.ts';
import { kfuncAllowed, kfuncByName } from '../../kernel/tables/kfuncs.ts';
import { ROW, isConst } from '../state/state.ts';
import { PTR_TO_CTX, PTR_TO_PACKET_END } from '../state/types.ts';
import type { Demand } from './bounds-backwards.ts';
import { demandsBackwards } from './bounds-backwards.ts';
import type { Captured } from './capture.ts';
import type { Advice, Case, Explanation, Rule } from './case.ts';
import type { Suggestion, SuggestionPlace, Trial } from './diagnosis.ts';
import type { PacketEnd } from './edit.ts';
import { boundTest, insertBefore, notNullTest, packetTest, RETURN_ZERO, throwing } from './edit.ts';
import { nameAt } from './names.ts';
import { isSlotPlace, placeFrame, placeIndex } from './record.ts';
import type { Writer } from './steps.ts';
import type { Found } from './trace-values.ts';
import { baseOf, grouped, isScalar, mayBeNull, plural, rangeOf } from './words.ts';

export interface Material {
  readonly subject: Case;
  readonly rule: Rule;
  readonly explanation: Explanation;
  readonly found: readonly Found[];
  readonly captured: Captured | undefined;
  readonly writer: Writer;
}

export interface Trying {
  readonly tryOut: boolean;
  readonly isLate: () => boolean;
  readonly verifyOptions: VerifyOptions;
}

/** One way to carry a suggestion out. */
interface Draft {
  readonly insn: number;
  readonly code: string;
  readonly text: string;
  readonly rows: readonly Partial<Instruction>[] | undefined;
}

/** Places that are tried for one suggestion. */
const MAX_TRIALS = 5;
const UNTRIED: Trial = { kind: 'untried' };

export function suggestionsFor(material: Material, trying: Trying): Suggestion[] {
  const all = (material.explanation.advice ?? []).flatMap((advice) => carriedOut(material, trying, advice));
  // What was tried and leads to the very same error is no advice.
  const suggestions = all.filter(
    ({ tried }) => tried.kind !== 'rejected' || tried.message !== material.subject.message,
  );
  if (suggestions.length === 0 && material.rule.hint !== undefined)
    suggestions.push({ text: material.rule.hint, tried: UNTRIED, elsewhere: [] });
  // What was tried and does it comes first; what was tried and does not, last.
  const rank = ({ tried }: Suggestion): number => (tried.kind === 'accepted' ? 0 : tried.kind === 'untried' ? 1 : 2);
  return suggestions.toSorted((a, b) => rank(a) - rank(b));
}

function carriedOut(material: Material, trying: Trying, advice: Advice): Suggestion[] {
  switch (advice.kind) {
    case 'text':
      return [
        {
          text: advice.text,
          ...(advice.code === undefined ? {} : { code: advice.code }),
          tried: UNTRIED,
          elsewhere: [],
        },
      ];
    case 'bound':
      return eitherWay(material, trying, (way) => boundDrafts(material, advice, way));
    case 'nonnull':
      return [
        ...triedOut(material, trying, nullDrafts(material, advice.place, 'return')),
        ...(mayThrow(material.subject) ? triedOut(material, trying, nullDrafts(material, advice.place, 'assert')) : []),
      ];
    case 'packet':
      return triedOut(material, trying, packetDrafts(material, advice));
  }
}

/** Leaving the function by a return, or by an exception. */
type Way = 'return' | 'assert';

/** Whether the program may call bpf_throw at all. */
function mayThrow({ program }: Case): boolean {
  const kfunc = kfuncByName('bpf_throw');
  return kfunc !== undefined && kfuncAllowed(program, kfunc) && isGplCompatible(program.license);
}

/** An assertion where one helps; a test that returns where it does not, or where the program may not throw. */
function eitherWay(material: Material, trying: Trying, drafts: (way: Way) => Draft[]): Suggestion[] {
  const asserted = mayThrow(material.subject) ? triedOut(material, trying, drafts('assert')) : [];
  if (asserted.some(({ tried }) => tried.kind !== 'rejected')) return asserted;
  const returned = triedOut(material, trying, drafts('return'));
  return returned.some(({ tried }) => tried.kind === 'accepted') || asserted.length === 0 ? returned : asserted;
}

/** Tries the drafts; the first that is accepted is the suggestion, the others that are stand beside it. */
function triedOut(material: Material, trying: Trying, drafts: readonly Draft[]): Suggestion[] {
  if (drafts.length === 0) return [];
  const places = drafts.slice(0, MAX_TRIALS).map((draft) => ({ draft, place: placeOf(material, trying, draft) }));
  const best = places.find(({ place }) => place.tried.kind === 'accepted') ?? places[0]!;
  const elsewhere = places
    .map(({ place }) => place)
    .filter(
      (place, i, all) =>
        place !== best.place &&
        place.tried.kind === 'accepted' &&
        // The same line twice, for two instructions of it, is one place to a reader.
        ![best.place, ...all.slice(0, i)].some(
          (one) => one.line !== undefined && one.code === place.code && one.line === place.line,
        ),
    );
  return [{ text: best.draft.text, code: best.draft.code, at: best.place, tried: best.place.tried, elsewhere }];
}

function placeOf({ subject, writer }: Material, trying: Trying, draft: Draft): SuggestionPlace {
  const line = lineAt(subject.program, draft.insn);
  return {
    insn: draft.insn,
    ...(line === undefined ? {} : { file: line.file, line: line.line }),
    function: writer.function(draft.insn),
    code: draft.code,
    tried: tryOut(subject, trying, draft),
  };
}

function tryOut(subject: Case, { tryOut: wanted, isLate, verifyOptions }: Trying, draft: Draft): Trial {
  if (!wanted || draft.rows === undefined || isLate()) return UNTRIED;
  const changed = insertBefore(subject.program, draft.insn, draft.rows);
  if (changed === undefined) return UNTRIED;
  const { verdict, message, insns } = verify(changed, { ...verifyOptions, logLevel: 0 });
  if (message === 'verification was cancelled') return UNTRIED;
  return verdict === 'accepted' ? { kind: 'accepted', insns } : { kind: 'rejected', message, insns };
}

/** `line 47`, or `instruction 70`. */
const before = (subject: Case, insn: number): string => `before ${subject.where(insn)}`;

// ---- bounds -------------------------------------------------------------------------------------------------------

function boundDrafts(material: Material, advice: Extract<Advice, { kind: 'bound' }>, way: Way): Draft[] {
  const { subject, captured, found } = material;
  const { path } = subject;
  if (captured === undefined || advice.max === undefined) return [];
  const last = captured.at(path.length - 1, advice.place);
  const demands = demandsBackwards(subject.insns, path, captured, found, {
    place: advice.place,
    min: advice.min ?? 0n,
    max: advice.max,
    isNumber: last !== undefined && isScalar(last.row) && !isSlotPlace(advice.place),
  });
  const isOpen = ({ position, frame, register }: Demand): boolean => {
    const known = captured.at(position, frame * 128 + register);
    return known === undefined || !isConst(known.row, 0);
  };
  const drafts = demands
    .filter(isOpen)
    .map((demand) => ({ demand, name: nameAt(material, demand.position, demand.register) }));
  // A value with a name is one that the developer can write about; among these the one nearest to the error.
  const named = drafts.filter(({ name }) => name !== undefined);
  return [...named, ...drafts.filter(({ name }) => name === undefined)].map(({ demand, name }) =>
    boundDraft(material, demand, name, way),
  );
}

function boundDraft({ subject, captured }: Material, demand: Demand, name: string | undefined, way: Way): Draft {
  const insn = subject.path.insns[demand.position]!;
  const known = captured?.at(demand.position, demand.frame * 128 + demand.register);
  const what = name ?? `r${demand.register}`;
  const { min, max } = demand;
  const range = known === undefined ? undefined : rangeOf(known.row);
  // Unsigned suffices when it cannot be negative, or when a negative number would be a huge one of an unsigned variable.
  const signed = min !== 0n || (range !== undefined && range.smin < 0n);
  const isRange = signed && !(min === 0n && isUnsignedDeclared(subject, insn, name));
  const where = `${before(subject, insn)}${name === undefined ? ` (of the value in r${demand.register} at instruction ${insn})` : ''}`;
  const end = way === 'assert' ? throwing(subject.program) : RETURN_ZERO;
  const written = boundAssertion(what, min, max, isRange);
  return {
    insn,
    code: way === 'assert' ? written.code : boundTestInC(what, min, max, isRange),
    text: way === 'assert' ? `${written.claim}, say so ${where}:` : `Test it ${where}, and leave:`,
    rows: end === undefined ? undefined : boundTest(end, demand.register, isRange ? min : undefined, max),
  };
}

function boundAssertion(what: string, min: bigint, max: bigint, isRange: boolean): { code: string; claim: string } {
  if (!isRange) {
    const claim = `If ${what} cannot be ${grouped(max + 1n)} or more here`;
    return { code: `bpf_assert_lt(${what}, ${max + 1n});`, claim };
  }
  if (min === max)
    return { code: `bpf_assert_eq(${what}, ${min});`, claim: `If ${what} is always ${grouped(min)} here` };
  const claim = `If ${what} is always ${grouped(min)} to ${grouped(max)} here`;
  return { code: `bpf_assert_range(${what}, ${min}, ${max});`, claim };
}

function boundTestInC(what: string, min: bigint, max: bigint, isRange: boolean): string {
  return `if (${isRange ? `${what} < ${min} || ` : ''}${what} > ${max}) return 0;`;
}

/** Whether the line of the variable's declaration is in reach and says that it is unsigned. */
function isUnsignedDeclared(subject: Case, insn: number, name: string | undefined): boolean {
  if (name === undefined) return false;
  const declaration = new RegExp(`\\b(?:__u(?:8|16|32|64)|u(?:8|16|32|64)|unsigned(?: \\w+)?|size_t)\\s+${name}\\b`);
  const own = subject.program.subprograms.find(({ start, end }) => insn >= start && insn < end);
  return subject.program.lineInfo.some(
    (line) => own !== undefined && line.insn >= own.start && line.insn < own.end && declaration.test(line.text),
  );
}

// ---- null ---------------------------------------------------------------------------------------------------------

function nullTest(subject: Case, register: number, way: Way): readonly Partial<Instruction>[] | undefined {
  const end = way === 'assert' ? throwing(subject.program) : RETURN_ZERO;
  return end === undefined ? undefined : notNullTest(end, register);
}

function nullDrafts(material: Material, place: number, way: Way): Draft[] {
  const { subject, captured, found } = material;
  if (isSlotPlace(place) || subject.insn === undefined) return [];
  const drafts: Draft[] = [];
  const add = (position: number, register: number): void => {
    const insn = subject.path.insns[position];
    if (insn === undefined || drafts.some((draft) => draft.insn === insn)) return;
    const name = nameAt(material, position, register);
    const what = name ?? 'pointer';
    const where = `${before(subject, insn)}${name === undefined ? ` (it is in r${register} at instruction ${insn})` : ''}`;
    drafts.push({
      insn,
      code: way === 'return' ? `if (!${what}) return 0;` : `bpf_assert(${what});`,
      text: way === 'return' ? `Test it and leave, ${where}:` : `If it cannot be null, say so ${where}:`,
      rows: nullTest(subject, register, way),
    });
  };
  // Behind the call or load that gave it, then where it is used.
  for (let i = found.length - 1; i >= 0; i--) {
    const step = found[i]!;
    if (!['result', 'load', 'entry', 'fill'].includes(step.kind) || step.place === undefined || isSlotPlace(step.place))
      continue;
    const position = step.kind === 'entry' ? step.position : step.position + 1;
    const known = captured?.at(position, step.place);
    if (known !== undefined && mayBeNull(known.row)) add(position, placeIndex(step.place));
  }
  if (mayBeNull(subject.row(placeIndex(place)))) add(subject.path.length - 1, placeIndex(place));
  return drafts;
}

// ---- packets ------------------------------------------------------------------------------------------------------

/** Where data_end stands in a context. */
const DATA_END: Readonly<Record<string, number>> = { xdp: 4 };
const SKB_DATA_END = 80;

function packetDrafts(material: Material, advice: Extract<Advice, { kind: 'packet' }>): Draft[] {
  const { subject } = material;
  const { insn, path, env } = subject;
  if (insn === undefined || env === undefined || placeFrame(advice.place) !== subject.frame) return [];
  const register = placeIndex(advice.place);
  const name = nameAt(material, path.length - 1, register) ?? 'pointer';
  const live = env.facts.liveBefore[insn]!;
  const free = [...Array(10).keys()].filter((one) => (live & (1 << one)) === 0);
  const fails = mayThrow(subject) ? throwing(subject.program) : RETURN_ZERO;
  const end = packetEnd(subject, free);
  const scratch = free.find((one) => end?.kind !== 'context' || one !== end.scratch);
  return [
    {
      insn,
      code: mayThrow(subject)
        ? `bpf_assert((void *)${name} + ${advice.bytes} <= data_end);`
        : `if ((void *)${name} + ${advice.bytes} > data_end) return 0;`,
      text: `Compare with the end of the packet ${before(subject, insn)}, for ${plural(advice.bytes, 'byte')} from ${name === 'pointer' ? `the pointer in r${register}` : name} on:`,
      rows:
        end === undefined || scratch === undefined || fails === undefined
          ? undefined
          : packetTest(fails, register, advice.bytes, end, scratch),
    },
  ];
}

/** A register with the packet's end, or with the context that it can be read from. */
function packetEnd(subject: Case, free: readonly number[]): PacketEnd | undefined {
  for (let register = 0; register < 10; register++)
    if (baseOf(subject.registers, register * ROW) === PTR_TO_PACKET_END) return { kind: 'register', register };
  const [scratch] = free;
  if (scratch === undefined) return undefined;
  for (let register = 0; register < 10; register++)
    if (baseOf(subject.registers, register * ROW) === PTR_TO_CTX)
      return { kind: 'context', register, offset: DATA_END[subject.program.type] ?? SKB_DATA_END, scratch };
  return undefined;
}
