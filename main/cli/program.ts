/** What several commands ask of a program: its parts by instruction, and the names of what its instructions number. */
import { BailoutError } from '../../core/errors.ts';
import type { CallbackForm } from '../../core/exceptions/profile.ts';
import { callTarget, isKfuncCall, isSubprogramPointer } from '../../core/isa/control-flow.ts';
import type { ObjectFile, Program } from '../../core/object/program.ts';
import { nearest } from '../../core/nearest.ts';

/** The program that a user named, or the only one there is. */
export function chooseProgram(object: ObjectFile, name: string | undefined): Program {
  const names = object.programs.map((program) => program.name);
  if (name === undefined) {
    const [only, second] = object.programs;
    if (only === undefined) throw new BailoutError('NO_PROGRAM', `${object.name} has no program.`);
    if (second === undefined) return only;
    throw new BailoutError('USAGE', `${object.name} has ${names.length} programs: which one?`, {
      hint: `--program ${list(names)}`,
    });
  }
  const program = object.programs.find((candidate) => candidate.name === name);
  if (program !== undefined) return program;
  const meant = nearest(name, names);
  const guess = meant === undefined ? '' : ` Did you mean \`${meant}\`?`;
  throw new BailoutError('USAGE', `${object.name} has no program \`${name}\`.${guess}`, {
    hint: names.length === 0 ? undefined : `Programs: ${list(names)}.`,
  });
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, 12).join(', ');
  return names.length > 12 ? `${shown}, … (${names.length - 12} more: \`bailout inspect\`)` : shown;
}

export { baseName, helperName, lineAt, namesOf, subprogramAt, subprogramName } from '../../core/debugger/source.ts';

/** Where the functions begin whose address the program takes, to pass them as callbacks. */
export function callbackStarts(program: Program): ReadonlySet<number> {
  const insns = program.instructions;
  const starts = new Set<number>();
  for (let i = 0; i < insns.length; i++) {
    if (isSubprogramPointer(insns, i)) starts.add(callTarget(insns, i));
  }
  return starts;
}

export interface Callback {
  readonly name: string;
  readonly how: CallbackForm;
}

const TAG = 'exception_callback:';

/** The exception callback that a program names, in either form, as written: whether it is a legal one the verifier says. */
export function exceptionCallbackOf(program: Program): Callback | undefined {
  const main = program.subprograms[0];
  if (main !== undefined && main.funcTypeId !== 0 && program.btf !== undefined) {
    for (const tag of program.btf.declTags(main.funcTypeId)) {
      if (tag.component === -1 && tag.text.startsWith(TAG)) return { name: tag.text.slice(TAG.length), how: 'tag' };
    }
  }
  const insns = program.instructions;
  for (let i = 0; i < insns.length; i++) {
    if (isKfuncCall(insns, i) && kfuncName(program, i) === 'bpf_set_exception_callback') {
      return { name: callbackArgument(program, i) ?? '?', how: 'call' };
    }
  }
  return undefined;
}

function kfuncName(program: Program, i: number): string | undefined {
  const id = program.instructions.imm[i] ?? 0;
  return id > 0 ? program.kernelBtf.name(id) : undefined;
}

/** The function whose address was loaded into R1 last before a call. */
function callbackArgument(program: Program, call: number): string | undefined {
  const insns = program.instructions;
  for (let i = call - 1; i >= 0; i--) {
    if (insns.dst[i] === 1 && isSubprogramPointer(insns, i)) {
      const target = callTarget(insns, i);
      return program.subprograms.find(({ start }) => start === target)?.name;
    }
  }
  return undefined;
}
