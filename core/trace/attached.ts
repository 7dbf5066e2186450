/** Programs of a recording that were attached to functions of the ones that ran: kept by their names, and bound again to replay them. */
import { BailoutError } from '../errors.ts';
import type { AttachRequest } from '../machine/run.ts';
import { attachToProgram, bpfAttachKind } from '../object/bpf-target.ts';
import type { Btf } from '../object/btf/btf.ts';
import { loadObject } from '../object/object.ts';
import type { ObjectFile, Program } from '../object/program.ts';

/** An object besides the one that ran. Attachments that share it are loaded from it once. */
export interface AttachedObject {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface RecordedAttachment {
  /** Where the program is; absent: the object that ran. */
  readonly object?: AttachedObject;
  readonly program: string;
  /** The program whose function it is attached to, in the object that ran. */
  readonly target: string;
  readonly function: string;
}

/** The attachments as a machine takes them. What a recording names and its objects do not have is an error. */
export function attachmentsOf(
  attach: readonly RecordedAttachment[],
  object: ObjectFile,
  kernelBtf: Btf,
): readonly AttachRequest[] {
  const others = new Map<AttachedObject, ObjectFile>();
  const loaded = (other: AttachedObject | undefined): ObjectFile => {
    if (other === undefined) return object;
    const known = others.get(other) ?? loadObject(other.bytes, { name: other.name, kernelBtf });
    others.set(other, known);
    return known;
  };
  return attach.map((one) => {
    const from = loaded(one.object);
    const program = programNamed(from, one.program);
    const kind = bpfAttachKind(program);
    if (kind === undefined)
      throw new BailoutError('TRACE_NO_PROGRAM', `${from.name} has no program ${one.program} that can be attached.`);
    return { object: from, program: attachToProgram(program, kind, programNamed(object, one.target), one.function) };
  });
}

export function programNamed(object: ObjectFile, name: string): Program {
  const program = object.programs.find((candidate) => candidate.name === name);
  if (program === undefined) throw new BailoutError('TRACE_NO_PROGRAM', `${object.name} has no program ${name}.`);
  return program;
}
