/**
 * Breakpoints: where a program is to stop. A location is written as in docs/debugger.md (LINE, FILE:LINE, FUNCTION, *INSN, kfunc:NAME,
 * helper:NAME, throw, phase, map:NAME), and means a set of instructions in each of the object's programs.
 */
import { BailoutError } from '../errors.ts';
import { isHelperCall, isKfuncCall } from '../isa/control-flow.ts';
import type { Machine } from '../machine/machine.ts';
import type { ObjectFile, Program } from '../object/program.ts';
import { BPF_PSEUDO_MAP_FD, BPF_PSEUDO_MAP_VALUE } from '../isa/opcodes.ts';
import { hasNoValue } from './expressions/evaluate.ts';
import type { CompiledExpression, Scope } from './expressions/evaluate.ts';
import { nearest } from '../nearest.ts';
import { helperName, insnsOfLine, isFile } from './source.ts';

export type Location =
  | { readonly kind: 'line'; readonly line: number; readonly file?: string }
  | { readonly kind: 'function'; readonly name: string }
  | { readonly kind: 'instruction'; readonly insn: number }
  | { readonly kind: 'call'; readonly of: 'helper' | 'kfunc' | 'any'; readonly name: string }
  | { readonly kind: 'throw' }
  | { readonly kind: 'phase' }
  | { readonly kind: 'map'; readonly name: string };

export interface Breakpoint {
  readonly id: number;
  readonly location: Location;
  /** As it was written. */
  readonly text: string;
  readonly condition?: CompiledExpression;
  /** Deleted when it is hit. */
  readonly temporary: boolean;
  enabled: boolean;
  /** How often a program stopped here. */
  hits: number;
  /** So many hits more are passed by. */
  ignore: number;
  /** Per program: 1 at each instruction that it means. */
  readonly insns: ReadonlyMap<Program, Uint8Array>;
}

/** Helpers and kfuncs that change a map that is their first argument. */
const MAP_WRITERS: ReadonlySet<string> = new Set([
  'bpf_map_update_elem',
  'bpf_map_delete_elem',
  'bpf_map_push_elem',
  'bpf_map_pop_elem',
  'bpf_ringbuf_output',
  'bpf_ringbuf_reserve',
  'bpf_perf_event_output',
]);

/** Reads a location. `current` is the instruction at which a bare `break` means to stop. */
export function parseLocation(text: string): Location {
  const word = text.trim();
  if (word === 'throw') return { kind: 'throw' };
  if (word === 'phase') return { kind: 'phase' };
  const insn = /^\*\s*(\d+)$/.exec(word);
  if (insn !== null) return { kind: 'instruction', insn: Number(insn[1]) };
  if (/^\d+$/.test(word)) return { kind: 'line', line: Number(word) };
  const call = /^(helper|kfunc|call):(\S+)$/.exec(word);
  if (call !== null)
    return { kind: 'call', of: call[1] === 'call' ? 'any' : (call[1] as 'helper' | 'kfunc'), name: call[2]! };
  const map = /^map:(\S+)$/.exec(word);
  if (map !== null) return { kind: 'map', name: map[1]! };
  const line = /^(.+):(\d+)$/.exec(word);
  if (line !== null) return { kind: 'line', file: line[1]!, line: Number(line[2]) };
  if (/^[A-Za-z_.$][\w.$]*$/.test(word)) return { kind: 'function', name: word };
  throw new BailoutError('BREAK_LOCATION', `\`${word}\` is no place to stop at.`, {
    hint: 'LINE, FILE:LINE, FUNCTION, *INSN, kfunc:NAME, helper:NAME, throw, phase or map:NAME, and then `if EXPRESSION`.',
  });
}

/** The instructions that a location means. An error that guesses what was meant when there are none. */
export function resolveLocation(location: Location, object: ObjectFile, selected: Program): Map<Program, Uint8Array> {
  const found = new Map<Program, Uint8Array>();
  for (const program of object.programs) {
    const insns = insnsOf(location, program, selected);
    if (insns.length === 0) continue;
    const marks = new Uint8Array(program.instructions.length);
    for (const insn of insns) marks[insn] = 1;
    found.set(program, marks);
  }
  if (found.size === 0 && location.kind !== 'phase') throw nowhere(location, object, selected);
  return found;
}

function insnsOf(location: Location, program: Program, selected: Program): number[] {
  switch (location.kind) {
    case 'line':
      return insnsOfLine(program, location.line, location.file);
    case 'function':
      return program.subprograms.filter(({ name }) => name === location.name).map(({ start }) => start);
    case 'instruction':
      return program === selected && isInstruction(program, location.insn) ? [location.insn] : [];
    case 'call':
      return calls(program)
        .filter(({ name, of }) => (location.of === 'any' || of === location.of) && isName(name, location.name))
        .map(({ insn }) => insn);
    case 'throw':
      return calls(program)
        .filter(({ name }) => name === 'bpf_throw')
        .map(({ insn }) => insn);
    case 'phase':
      return [];
    case 'map':
      return mapWriters(program, location.name);
  }
}

function isName(name: string, wanted: string): boolean {
  return name === wanted || name === `bpf_${wanted}`;
}

function isInstruction(program: Program, insn: number): boolean {
  return insn < program.instructions.length && !(insn > 0 && program.instructions.isLdImm64(insn - 1));
}

interface CallPlace {
  readonly insn: number;
  readonly of: 'helper' | 'kfunc';
  readonly name: string;
}

/** All calls of helpers and kfuncs, by the names that people use. */
export function calls(program: Program): CallPlace[] {
  const insns = program.instructions;
  const places: CallPlace[] = [];
  for (let insn = 0; insn < insns.length; insn++) {
    const imm = insns.imm[insn] ?? 0;
    if (isHelperCall(insns, insn)) places.push({ insn, of: 'helper', name: helperName(imm) ?? `helper#${imm}` });
    else if (isKfuncCall(insns, insn) && imm > 0) places.push({ insn, of: 'kfunc', name: program.kernelBtf.name(imm) });
  }
  return places;
}

/** Calls that change maps, where the program loads that map at all: which of them it is, is known when it runs. */
function mapWriters(program: Program, name: string): number[] {
  const insns = program.instructions;
  const map = program.maps.findIndex((definition) => definition.name === name);
  const uses = Array.from({ length: insns.length }, (_, i) => i).some(
    (i) =>
      insns.isLdImm64(i) &&
      insns.imm[i] === map &&
      (insns.src[i] === BPF_PSEUDO_MAP_FD || insns.src[i] === BPF_PSEUDO_MAP_VALUE),
  );
  return map >= 0 && uses
    ? calls(program)
        .filter((call) => MAP_WRITERS.has(call.name))
        .map(({ insn }) => insn)
    : [];
}

function nowhere(location: Location, object: ObjectFile, selected: Program): BailoutError {
  const error = (message: string, hint?: string): BailoutError => new BailoutError('BREAK_LOCATION', message, { hint });
  const guess = (word: string, words: readonly string[]): string | undefined => {
    const near = nearest(word, [...new Set(words)]);
    return near === undefined ? undefined : `Did you mean \`${near}\`?`;
  };
  switch (location.kind) {
    case 'line': {
      const { file } = location;
      const lines = object.programs.flatMap(({ lineInfo }) =>
        lineInfo.filter((entry) => file === undefined || isFile(entry.file, file)),
      );
      if (lines.length === 0)
        return error(
          file === undefined ? 'The object has no source lines.' : `No code comes from ${file}.`,
          'Was it compiled with -g?',
        );
      const next = Math.min(...lines.map(({ line }) => line).filter((line) => line > location.line));
      return error(
        `No code begins at line ${location.line}.`,
        Number.isFinite(next) ? `The next line with code is ${next}.` : undefined,
      );
    }
    case 'function':
      return error(
        `There is no function \`${location.name}\`.`,
        guess(
          location.name,
          object.programs.flatMap(({ subprograms }) => subprograms.map(({ name }) => name)),
        ),
      );
    case 'instruction':
      return error(
        `${selected.name} has no instruction ${location.insn}.`,
        `It has ${selected.instructions.length}, counted from 0.`,
      );
    case 'call': {
      const names = object.programs.flatMap((program) => calls(program).map(({ name }) => name));
      return error(`Nothing calls ${location.name}.`, guess(location.name, names));
    }
    case 'throw':
      return error('Nothing throws: no program calls bpf_throw.');
    case 'map':
      return error(
        `No program changes a map \`${location.name}\` by a call.`,
        guess(
          location.name,
          object.maps.map(({ name }) => name),
        ) ?? `Stores are found by a watchpoint: watch ${location.name}[KEY]`,
      );
    case 'phase':
      return error('There is no unwinding.');
  }
}

/** Whether a breakpoint means the moment at which the machine stands. */
export function isHit(breakpoint: Breakpoint, machine: Machine, scope: Scope): boolean {
  if (!breakpoint.enabled || !isThere(breakpoint, machine)) return false;
  if (breakpoint.condition === undefined) return true;
  try {
    return breakpoint.condition.isTrue(scope);
  } catch (error) {
    // A condition that has no value here does not hold here.
    if (hasNoValue(error)) return false;
    throw error;
  }
}

function isThere({ location, insns }: Breakpoint, machine: Machine): boolean {
  if (location.kind === 'phase') return machine.unwinding !== undefined && machine.phase > 0;
  // While frames are being unwound the machine stands at calls without executing them.
  const pending = machine.unwinding !== undefined && machine.phase < machine.unwinding.steps.length;
  const at = machine.location;
  if (pending || at === undefined || machine.end !== undefined || insns.get(at.program)?.[at.insn] !== 1) return false;
  if (location.kind !== 'map') return true;
  return machine.kernel.maps.byAddress(machine.registers[1] ?? 0n)?.name === location.name;
}
