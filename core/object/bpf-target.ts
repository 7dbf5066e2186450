/**
 * Programs that are attached to functions of other BPF programs: freplace takes the place of one, fentry and fexit are run
 * before and after one. A loader names the target by program and function; here that makes the program one that can be
 * verified and run.
 */
import type { AttachTypeName, Program } from './program.ts';

export type BpfAttachKind = 'freplace' | 'fentry' | 'fexit' | 'fmod_ret';

/** The function that a program is attached to. */
export interface BpfTarget {
  readonly kind: BpfAttachKind;
  readonly program: Program;
  /** As the user wrote it: whether there is such a function the verifier says. */
  readonly name: string;
}

const KINDS: ReadonlyMap<AttachTypeName, BpfAttachKind> = new Map([
  ['trace_fentry', 'fentry'],
  ['trace_fexit', 'fexit'],
  ['modify_return', 'fmod_ret'],
]);

/** How a program can be attached to another one; undefined when it cannot. */
export function bpfAttachKind(program: Program): BpfAttachKind | undefined {
  if (program.type === 'ext') return 'freplace';
  if (program.type !== 'tracing' || program.attachType === undefined) return undefined;
  return KINDS.get(program.attachType);
}

/**
 * The program as it is when it is attached to a function of another one. A replacement may do what the program may whose
 * part it becomes, so it gets that one's type.
 */
export function attachToProgram(program: Program, kind: BpfAttachKind, target: Program, name: string): Program {
  const { loadError: _refused, attachBtfId: _kernel, attachType, ...rest } = program;
  const bpfTarget: BpfTarget = { kind, program: target, name };
  if (kind !== 'freplace') return { ...rest, ...(attachType === undefined ? {} : { attachType }), bpfTarget };
  return {
    ...rest,
    type: target.type,
    ...(target.attachType === undefined ? {} : { attachType: target.attachType }),
    ...(target.attachBtfId === undefined ? {} : { attachBtfId: target.attachBtfId }),
    bpfTarget,
  };
}

/** Whether a program replaces a function: its arguments and result are that function's, not a context and a verdict. */
export function isExtension(program: Program): boolean {
  return program.type === 'ext' || program.bpfTarget?.kind === 'freplace';
}
