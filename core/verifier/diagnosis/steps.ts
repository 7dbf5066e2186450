/** What was found on the path, in words: one line per step. */
import { disassembleInsn } from '../../isa/disassemble.ts';
import type { DisassemblyNames } from '../../isa/disassemble.ts';
import { namesOf } from '../../kernel/tables/disassembly-names.ts';
import type { Program } from '../../object/program.ts';
import { subprogramAt } from '../../object/places.ts';
import type { Captured, Known } from './capture.ts';
import type { CausalKind, CausalStep, DiagnosisPlace, DiagnosisSource, TextRange } from './diagnosis.ts';
import type { PathRecorder, PlaceCode } from './record.ts';
import { isSlotPlace, placeFrame, placeIndex, placeName, registerPlace } from './record.ts';
import type { SourceAim } from './source.ts';
import { calledSubprogram, parameterName, sliceOf, sourceAt } from './source.ts';
import type { Found } from './trace-values.ts';
import { isScalar, rangeOf } from './words.ts';
import { getU64, isConst, MASK, TYPE, VALUE } from '../state/state.ts';
import { regTypeName } from '../state/types.ts';

/** Writes instructions with the program's own names. */
export class Writer {
  readonly program: Program;
  readonly #names: DisassemblyNames;

  constructor(program: Program) {
    this.program = program;
    this.#names = namesOf(program);
  }

  insn(insn: number): string {
    return insn < this.program.instructions.length ? disassembleInsn(this.program.instructions, insn, this.#names) : '';
  }

  function(insn: number): string {
    return subprogramAt(this.program, insn)?.name || this.program.name;
  }
}

/** What to look for in the source line of an instruction. */
export function aimOf(program: Program, insn: number, callee: string | undefined): SourceAim {
  const code = program.instructions.code[insn]!;
  const cls = code & 7;
  if (callee !== undefined) return { kind: 'call', name: callee };
  if (cls === 1 || cls === 2 || cls === 3) return { kind: 'access' };
  if ((cls === 5 || cls === 6) && (code & 0xf0) === 0x90) return { kind: 'return' };
  if (cls === 5 || cls === 6) return { kind: 'condition' };
  return { kind: 'any' };
}

/** A place in the program, with the operand that a register is. */
export function placeAt(
  writer: Writer,
  insn: number,
  register: number | undefined,
  callee: string | undefined,
): DiagnosisPlace {
  const { program } = writer;
  const text = writer.insn(insn);
  const source = sourceAt(program, insn, aimOf(program, insn, callee));
  const operand = register === undefined ? undefined : operandIn(text, register);
  return {
    insn,
    function: writer.function(insn),
    text,
    ...(operand === undefined ? {} : { operand }),
    ...(source === undefined ? {} : { source }),
  };
}

/** Where a register stands in an instruction's text: with its parentheses when it is an address. */
function operandIn(text: string, register: number): TextRange | undefined {
  const address = new RegExp(`\\(r${register} [^)]*\\)`).exec(text);
  if (address !== null) return { start: address.index + 1, end: address.index + address[0].length - 1 };
  const matches = [...text.matchAll(new RegExp(`\\b[rw]${register}\\b`, 'g'))];
  const match = matches.at(-1);
  return match === undefined ? undefined : { start: match.index, end: match.index + match[0].length };
}

/** What a step shows depends on what is known of its place before the instruction and after it. */
export interface StepInput {
  readonly found: Found;
  readonly before: Known | undefined;
  readonly after: Known | undefined;
  /** What the source register or slot held: for copies and arithmetic. */
  readonly callee: string | undefined;
}

export function stepOf(writer: Writer, path: PathRecorder, input: StepInput): CausalStep {
  const { found, callee } = input;
  const { program } = writer;
  const insn = path.insns[found.position]!;
  const source = sourceAt(program, insn, aimOf(program, insn, callee));
  const frame = path.frames[found.position]!;
  return {
    kind: found.kind,
    insn,
    frame,
    function: writer.function(insn),
    ...(source === undefined ? {} : { source }),
    text: writer.insn(insn),
    what: whatWords(writer, insn, source, input),
    place: found.place === undefined ? '' : placeName(found.place),
    change: changeWords(input),
    turns: found.turns,
    ...(found.taken === undefined ? {} : { taken: found.taken }),
    position: found.position,
  };
}

/** The source's own words where they are known to be those of the instruction; the instruction's otherwise. */
function whatWords(writer: Writer, insn: number, source: DiagnosisSource | undefined, input: StepInput): string {
  const { found, callee } = input;
  const code = source === undefined ? '' : source.exact ? sliceOf(source) : source.text;
  const text = writer.insn(insn);
  const place = found.place === undefined ? '' : placeName(found.place);
  switch (found.kind) {
    case 'entry': {
      const index = found.place === undefined ? 0 : placeIndex(found.place);
      if (index < 1 || index > 5) return `nothing is in ${place} when the function begins`;
      const subprogram = subprogramAt(writer.program, insn);
      const name =
        subprogram === undefined || found.place === undefined
          ? undefined
          : parameterName(writer.program, subprogram, placeIndex(found.place));
      return `parameter ${name ?? place} of ${writer.function(insn)}()`;
    }
    case 'argument': {
      const subprogram = calledSubprogram(writer.program, insn);
      const name =
        subprogram === undefined || found.place === undefined
          ? undefined
          : parameterName(writer.program, subprogram, placeIndex(found.place));
      const into = subprogram?.name ?? callee;
      return subprogram === undefined
        ? `given to the callback of ${into ?? 'a function'}()`
        : `passed to ${into ?? 'a function'}() as ${name ?? place}`;
    }
    case 'result':
      return callee === undefined ? text : `result of ${callee}()`;
    case 'return':
      return code !== '' && code.startsWith('return') ? code : 'returned';
    case 'overwritten':
      return callee === undefined ? `${place} is overwritten: ${text}` : `${place} is lost in the call of ${callee}()`;
    case 'call':
      return callee === undefined ? text : `written by ${callee}()`;
    case 'branch':
      return code === '' ? text : code;
    case 'arithmetic':
    case 'copy':
    case 'constant':
      return text;
    case 'spill':
      return `saved on the stack: ${text}`;
    case 'fill':
      return `read back from the stack: ${text}`;
    case 'acquired':
    case 'released':
    case 'entered':
      return callee === undefined ? (code === '' ? text : code) : `${callee}()`;
    case 'load':
    case 'store':
    case 'error':
      return code !== '' && source?.exact === true ? code : text;
  }
}

/** `umin 0 → 20`, `r6 = scalar(umax=255)`. */
function changeWords({ found, before, after }: StepInput): string {
  if (found.place === undefined) return '';
  const name = placeName(found.place);
  if (after === undefined) return '';
  switch (found.kind) {
    case 'branch':
    case 'arithmetic':
      return before === undefined ? `${name} = ${shorter(after.text)}` : difference(name, before, after, found.kind);
    case 'overwritten':
      return `${name} = ${after.text === '?()' ? 'nothing' : shorter(after.text)}`;
    default:
      return `${name} = ${shorter(after.text)}`;
  }
}

const LONGEST = 72;

/** What the log says of a value, without what repeats itself. */
export function shorter(text: string): string {
  const match = /^(\w+)\((.*)\)$/.exec(text);
  if (match === null) return text;
  const [, kind = '', inside = ''] = match;
  let parts = splitParts(inside);
  const has32 = (part: string): boolean => /32/.test(part.split('=')[0]!) && !/^(?:smin|smax|umin|umax)=/.test(part);
  if (parts.some((part) => /^(?:smin|smax|umin|umax)=/.test(part))) parts = parts.filter((part) => !has32(part));
  parts = parts
    .map((part) => part.replace(/(?:[su](?:min|max)32=)/g, ''))
    .filter((part) => !part.startsWith('var_off=') && !/^id=/.test(part));
  const joined = `${kind}(${parts.join(',')})`;
  return joined.length <= LONGEST ? joined : `${joined.slice(0, LONGEST - 1)}…`;
}

/** Splits at commas that are not inside parentheses. */
function splitParts(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '(') depth++;
    else if (text[i] === ')') depth--;
    else if (text[i] === ',' && depth === 0) {
      parts.push(text.slice(from, i));
      from = i + 1;
    }
  }
  if (from < text.length) parts.push(text.slice(from));
  return parts;
}

const number = (value: bigint): string =>
  value >= -65535n && value <= 65535n
    ? String(value)
    : value < 0n
      ? `-0x${(-value).toString(16)}`
      : `0x${value.toString(16)}`;

/** What an instruction taught or did: the bounds that changed, or the kind. */
function difference(name: string, before: Known, after: Known, kind: CausalKind): string {
  const a = before.row;
  const b = after.row;
  if (a[TYPE] !== b[TYPE]) {
    if (isScalar(b) && isConst(b, 0)) return `${name} = ${shorter(after.text)}`;
    return `${name}: ${regTypeName(a[TYPE]!).replace(/_$/, '')} → ${regTypeName(b[TYPE]!).replace(/_$/, '')}`;
  }
  if (isConst(b, 0) && !isConst(a, 0) && isScalar(b)) return `${name} = ${shorter(after.text)}`;
  const from = rangeOf(a);
  const to = rangeOf(b);
  const changes: string[] = [];
  const compare = (word: keyof typeof from): void => {
    if (from[word] !== to[word]) changes.push(`${word} ${number(from[word])} → ${number(to[word])}`);
  };
  const signed = to.smin < 0n;
  if (signed) {
    compare('smin');
    compare('smax');
  }
  if (!signed || changes.length === 0) {
    compare('umin');
    compare('umax');
  }
  if (changes.length === 0) {
    const range = /\br=(\d+)/.exec(after.text)?.[1];
    const old = /\br=(\d+)/.exec(before.text)?.[1];
    if (range !== undefined && range !== old) return `${name}: ${old ?? 0} → ${range} bytes of the packet`;
    if (getU64(a, MASK) !== getU64(b, MASK) || getU64(a, VALUE) !== getU64(b, VALUE))
      return `${name}: bits ${shorter(after.text)}`;
    return kind === 'branch' ? '' : `${name} = ${shorter(after.text)}`;
  }
  return `${name}: ${changes.join(', ')}`;
}

/** Which places to look at before and after a step. */
export function placesOf(found: Found): readonly PlaceCode[] {
  return found.place === undefined ? [] : [found.place];
}

/** What a place is called after a step that moves it to another frame. */
export function placeBefore(path: PathRecorder, found: Found): PlaceCode | undefined {
  if (found.place === undefined) return undefined;
  return found.kind === 'argument' && !isSlotPlace(found.place)
    ? registerPlace(path.frames[found.position]!, placeIndex(found.place))
    : found.place;
}

/** What was known just before, in a frame that a call is about to enter, is what is passed. */
export function knownAround(
  captured: Captured,
  path: PathRecorder,
  found: Found,
): { before: Known | undefined; after: Known | undefined } {
  if (found.place === undefined) return { before: undefined, after: undefined };
  if (found.kind === 'entry' && placeFrame(found.place) === path.frames[found.position])
    return { before: undefined, after: captured.at(found.position, found.place) };
  return {
    before: captured.at(found.oldest, placeBefore(path, found)!),
    after: captured.at(found.position + 1, found.place),
  };
}
