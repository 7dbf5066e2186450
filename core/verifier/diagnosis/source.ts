/**
 * Which part of a source line an instruction came from, and what its value is called there.
 *
 * BTF gives a line and a column, not an expression, and no local variables. So both are read from the text of the line, as a
 * person would: the expression around the column, the name that an assignment gives. Where that is not clear, the whole line
 * it is, and no name.
 */
import { callTarget, isSubprogramCall } from '../../isa/control-flow.ts';
import { BTF_KIND_FUNC } from '../../object/btf/kinds.ts';
import { lineAt } from '../../object/places.ts';
import type { LineInfo, Program, Subprogram } from '../../object/program.ts';
import type { DiagnosisSource, TextRange } from './diagnosis.ts';

/** What to look for on the line. */
export type SourceAim =
  | { readonly kind: 'access' }
  | { readonly kind: 'call'; readonly name: string }
  | { readonly kind: 'condition' }
  | { readonly kind: 'return' }
  | { readonly kind: 'any' };

interface Line {
  readonly text: string;
  /** Position of the column in `text`; -1 when there is none. */
  readonly at: number;
}

function lineOf(info: LineInfo): Line {
  const indent = /^\s*/.exec(info.text)?.[0].length ?? 0;
  const text = info.text.trim().replaceAll('\t', ' ');
  return { text, at: info.column > 0 ? Math.min(Math.max(info.column - 1 - indent, 0), text.length) : -1 };
}

/** The source of an instruction, with the part of the line that fits an aim. */
export function sourceAt(program: Program, insn: number, aim: SourceAim): DiagnosisSource | undefined {
  const info = lineAt(program, insn);
  if (info === undefined) return undefined;
  const line = lineOf(info);
  const found = line.text === '' ? undefined : rangeFor(line, aim);
  return {
    file: info.file,
    line: info.line,
    column: info.column,
    text: line.text,
    range: found ?? { start: 0, end: line.text.length },
    exact: found !== undefined,
  };
}

function rangeFor(line: Line, aim: SourceAim): TextRange | undefined {
  const { text } = line;
  const expressions = expressionsIn(text);
  switch (aim.kind) {
    case 'call':
      return expressions.find(({ start, end }) => text.slice(start, end).startsWith(`${aim.name}(`));
    case 'condition':
      return conditionIn(text);
    case 'return': {
      const start = text.search(/\breturn\b/);
      return start < 0 ? undefined : { start, end: trimmedEnd(text, start) };
    }
    case 'access':
      return nearestTo(
        line,
        expressions.filter(({ start, end }) => /(?:->|\[|^\*|\.).*[^)]$/.test(text.slice(start, end))),
      );
    case 'any':
      return nearestTo(line, expressions);
  }
}

/** The shortest expression around the column; without a column, the only one there is. */
function nearestTo(line: Line, candidates: readonly TextRange[]): TextRange | undefined {
  if (line.at < 0) return candidates.length === 1 ? candidates[0] : undefined;
  const around = candidates.filter(({ start, end }) => start <= line.at && line.at <= end + 1);
  const shortest = around.toSorted((a, b) => a.end - a.start - (b.end - b.start))[0];
  if (shortest !== undefined) return shortest;
  // The column of an assignment is that of its left side or of its operator.
  return candidates.length === 1 ? candidates[0] : undefined;
}

function trimmedEnd(text: string, start: number): number {
  const semicolon = text.indexOf(';', start);
  return semicolon < 0 ? text.length : semicolon;
}

const CLOSING: ReadonlyMap<string, string> = new Map([
  ['(', ')'],
  ['[', ']'],
]);

/** The position behind the bracket that closes the one at `open`; the text's length when none does. */
function behindBracket(text: string, open: number): number {
  const stack: string[] = [];
  for (let i = open; i < text.length; i++) {
    const letter = text[i]!;
    const closing = CLOSING.get(letter);
    if (closing !== undefined) stack.push(closing);
    else if (letter === ')' || letter === ']') {
      if (stack.pop() !== letter) return text.length;
      if (stack.length === 0) return i + 1;
    } else if (letter === '"') i = behindString(text, i) - 1;
  }
  return text.length;
}

function behindString(text: string, open: number): number {
  for (let i = open + 1; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '"') return i + 1;
  }
  return text.length;
}

const KEYWORDS: ReadonlySet<string> = new Set(
  'if else for while do return switch case break continue goto sizeof struct union enum const volatile static void int long short char unsigned signed __u8 __u16 __u32 __u64 __s8 __s16 __s32 __s64 u8 u16 u32 u64'.split(
    ' ',
  ),
);

/** The longest line that is looked into: what is longer was written by a program. */
const MAX_LINE = 400;

/** Names with all that follows them (`a->b[i].c`, `f(x)`), those inside brackets too; a `*` in front belongs to them. */
function expressionsIn(line: string): TextRange[] {
  const text = line.slice(0, MAX_LINE);
  const ranges: TextRange[] = [];
  const word = /[A-Za-z_]\w*/y;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '"') {
      i = behindString(text, i) - 1;
      continue;
    }
    if (text.startsWith('//', i) || text.startsWith('/*', i)) break;
    word.lastIndex = i;
    const name = word.exec(text)?.[0];
    if (name === undefined || /[\w]/.test(text[i - 1] ?? ' ')) continue;
    const isMember = text[i - 1] === '.' || text.slice(i - 2, i) === '->';
    if (KEYWORDS.has(name) || isMember) {
      i += name.length - 1;
      continue;
    }
    let end = i + name.length;
    ranges.push({ start: withStar(text, i), end });
    for (;;) {
      const next = text[end];
      const member = /^(?:->|\.)\s*[A-Za-z_]\w*/.exec(text.slice(end))?.[0];
      if (member !== undefined) end += member.length;
      else if (next === '[' || next === '(') end = behindBracket(text, end);
      else break;
      ranges.push({ start: withStar(text, i), end });
    }
    i += name.length - 1;
  }
  return ranges;
}

/** A star before a name reads memory, unless it multiplies or declares. */
function withStar(text: string, start: number): number {
  if (text[start - 1] !== '*') return start;
  const before = text.slice(0, start - 1).trimEnd();
  return before === '' || /[=(,;{!&|+<>?:-]$|\breturn$/.test(before) ? start - 1 : start;
}

function conditionIn(text: string): TextRange | undefined {
  const match = /\b(?:if|while|for|switch)\s*\(/.exec(text);
  if (match !== null) {
    const open = match.index + match[0].length - 1;
    return { start: match.index, end: behindBracket(text, open) };
  }
  const assertion = /\b(?:bpf_assert\w*|bpf_cmp_\w+|barrier_var)\s*\(/.exec(text);
  if (assertion === null) return undefined;
  return { start: assertion.index, end: behindBracket(text, assertion.index + assertion[0].length - 1) };
}

/** The text that a range means. */
export function sliceOf(source: DiagnosisSource): string {
  return source.text.slice(source.range.start, source.range.end);
}

/** The variable that a line gives a value to: `__u32 len = fl->len;`, `len += 4;`. */
export function assignedOn(text: string): string | undefined {
  const match = /^(?:for\s*\()?(?:[A-Za-z_][\w\s]*?[\s*]+)?\**([A-Za-z_]\w*)\s*(?:[-+*/|&^]|<<|>>)?=(?!=)/.exec(text);
  const name = match?.[1];
  return name === undefined || KEYWORDS.has(name) ? undefined : name;
}

/** The variable that is an index on a line, when there is only one: `table[len]`. */
export function indexOn(text: string): string | undefined {
  const names = new Set([...text.matchAll(/\[\s*([A-Za-z_]\w*)\s*\]/g)].map((match) => match[1]!));
  return names.size === 1 ? [...names][0] : undefined;
}

/** The name of a function's parameter, by the register that passes it. */
export function parameterName(program: Program, subprogram: Subprogram, register: number): string | undefined {
  const { btf } = program;
  if (btf === undefined || subprogram.funcTypeId === 0 || btf.kind(subprogram.funcTypeId) !== BTF_KIND_FUNC)
    return undefined;
  const params = btf.params(btf.typeId(subprogram.funcTypeId));
  return params[register - 1]?.name || undefined;
}

/** The function that a call instruction enters. */
export function calledSubprogram(program: Program, insn: number): Subprogram | undefined {
  if (!isSubprogramCall(program.instructions, insn)) return undefined;
  const target = callTarget(program.instructions, insn);
  return program.subprograms.find(({ start }) => start === target);
}
