/**
 * Arguments of the program's own functions, as their BTF declares them: what a global function may assume when it is verified on its own, and what
 * its callers must therefore pass.
 */
import { isExtension } from '../../object/bpf-target.ts';
import { PROGRAM_TYPES } from '../../kernel/tables/program-types.ts';
import {
  ARG_ANYTHING,
  ARG_PTR_TO_ARENA,
  ARG_PTR_TO_BTF_ID,
  ARG_PTR_TO_CTX,
  ARG_PTR_TO_DYNPTR,
  ARG_PTR_TO_MEM,
} from '../../kernel/tables/type-flags.ts';
import type { Btf } from '../../object/btf/btf.ts';
import { BTF_KIND_FUNC, BTF_KIND_INT, BTF_KIND_STRUCT, BTF_KIND_TYPEDEF } from '../../object/btf/kinds.ts';
import type { Env } from '../context.ts';
import { KERNEL_BTF, PROGRAM_BTF, Rejection } from '../context.ts';
import { AUX0, AUX1, ID, ROW, TYPE, isNull, setPointer, setUnknownScalar } from '../state/state.ts';
import {
  BASE_TYPE_MASK,
  DYNPTR_LOCAL,
  MEM_RDONLY,
  PTR_MAYBE_NULL,
  PTR_TO_ARENA,
  PTR_TO_BTF_ID,
  PTR_TO_CTX,
  PTR_TO_MEM,
  PTR_TRUSTED,
  PTR_UNTRUSTED,
  SCALAR_VALUE,
} from '../state/types.ts';
import { isPointer, isScalarType, isStruct, isStructOrUnion, kindWord } from './btf-words.ts';
import { isContextPointer } from './contexts.ts';
import { markDynptrRow, processDynptrArgument } from './dynptrs.ts';
import { checkArgumentOffset, checkRegisterType } from './helper-arguments.ts';
import { checkMemoryRegister } from './kfunc-arguments.ts';

interface Argument {
  /** ARG_* with flags. */
  readonly type: number;
  readonly memorySize: number;
  /** Kernel type of a BTF pointer. */
  readonly typeId: number;
}

const PLAIN: Argument = { type: ARG_ANYTHING, memorySize: 0, typeId: 0 };

const TAGS = new Set(['ctx', 'trusted', 'nonnull', 'nullable', 'arena', 'untrusted']);

/** Why a prototype is not usable; `fatal` ends verification where others only make the function unreliable. */
class Unusable extends Error {}

interface Known {
  readonly prototypes: Map<number, readonly Argument[]>;
  readonly unreliable: Set<number>;
}

function known(env: Env): Known {
  let facts = env.callFacts.get('subprogram prototypes') as Known | undefined;
  if (facts === undefined) {
    facts = { prototypes: new Map(), unreliable: new Set() };
    env.callFacts.set('subprogram prototypes', facts);
  }
  return facts;
}

/** Says in the log why a prototype cannot be used. */
function refuse(env: Env, text: string): never {
  env.verbose(`${text}\n`);
  throw new Unusable(text);
}

/** The arguments of a subprogram by its BTF (btf_prepare_func_args). Throws Unusable. */
function prepare(env: Env, subprogram: number): readonly Argument[] {
  const { prototypes } = known(env);
  const cached = prototypes.get(subprogram);
  if (cached !== undefined) return cached;
  const facts = env.subprograms[subprogram]!;
  const isGlobal = facts.linkage === 'global';
  const btf = env.btfs[PROGRAM_BTF];
  if (btf === undefined || facts.funcTypeId === 0 || btf.kind(facts.funcTypeId) !== BTF_KIND_FUNC) {
    if (isGlobal && btf !== undefined) refuse(env, 'Global functions need valid BTF');
    throw new Unusable();
  }
  const name = btf.name(facts.funcTypeId);
  const prototype = btf.typeId(facts.funcTypeId);
  const count = btf.count(prototype);
  if (count > 5) {
    if (!isGlobal) throw new Unusable();
    refuse(env, `Global function ${name}() with ${count} > 5 args. Buggy compiler.`);
  }
  if (!isScalarType(btf, btf.resolve(btf.typeId(prototype)))) {
    if (!isGlobal) throw new Unusable();
    refuse(env, `Global function ${name}() doesn't return scalar. Only those are supported.`);
  }
  const args: Argument[] = [];
  for (let i = 0; i < count; i++) args.push(readArgument(env, btf, facts.funcTypeId, name, prototype, i, isGlobal));
  prototypes.set(subprogram, args);
  return args;
}

function readTags(env: Env, btf: Btf, funcTypeId: number, index: number, isGlobal: boolean): Set<string> {
  const tags = new Set<string>();
  for (const tag of btf.declTags(funcTypeId)) {
    if (tag.component !== index || !tag.text.startsWith('arg:')) continue;
    if (!isGlobal) refuse(env, `arg#${index} type tag is not supported in static functions`);
    const name = tag.text.slice('arg:'.length);
    if (!TAGS.has(name)) refuse(env, `arg#${index} has unsupported set of tags`);
    tags.add(name);
  }
  return tags;
}

function readArgument(
  env: Env,
  btf: Btf,
  funcTypeId: number,
  name: string,
  prototype: number,
  index: number,
  isGlobal: boolean,
): Argument {
  const tags = readTags(env, btf, funcTypeId, index, isGlobal);
  const type = btf.resolve(btf.paramTypeId(prototype, index));
  const only = (tag: string): void => {
    if (tags.size > (tags.has(tag) ? 1 : 0)) refuse(env, `arg#${index} has invalid combination of tags`);
  };
  if (isPointer(btf, type)) {
    if (tags.has('ctx') || isContextPointer(btf, type, env.program.type)) {
      only('ctx');
      if (tags.has('ctx')) validateContext(env, btf, type, index);
      return { type: ARG_PTR_TO_CTX, memorySize: 0, typeId: 0 };
    }
    const pointee = btf.resolve(btf.typeId(type));
    if (isStruct(btf, pointee) && btf.name(pointee) === 'bpf_dynptr') {
      only('');
      return { type: ARG_PTR_TO_DYNPTR | MEM_RDONLY, memorySize: 0, typeId: 0 };
    }
    if (tags.has('trusted')) {
      if (tags.has('nonnull')) refuse(env, `arg#${index} has invalid combination of tags`);
      const flags = PTR_TRUSTED | (tags.has('nullable') ? PTR_MAYBE_NULL : 0);
      return { type: ARG_PTR_TO_BTF_ID | flags, memorySize: 0, typeId: kernelType(env, btf, pointee, index) };
    }
    if (tags.has('untrusted')) {
      if (tags.size > 1) refuse(env, `arg#${index} untrusted cannot be combined with any other tags`);
      if (pointee === 0 || isScalarType(btf, pointee)) {
        return { type: ARG_PTR_TO_MEM | MEM_RDONLY | PTR_UNTRUSTED, memorySize: 0, typeId: 0 };
      }
      return { type: ARG_PTR_TO_BTF_ID | PTR_UNTRUSTED, memorySize: 0, typeId: kernelType(env, btf, pointee, index) };
    }
    if (tags.has('arena')) {
      if (tags.size > 1) refuse(env, `arg#${index} arena cannot be combined with any other tags`);
      return { type: ARG_PTR_TO_ARENA, memorySize: 0, typeId: 0 };
    }
    if (isGlobal) {
      if (tags.has('nullable')) refuse(env, `arg#${index} has invalid combination of tags`);
      const size = btf.resolveSize(pointee);
      if (size === undefined) {
        refuse(
          env,
          `arg#${index} reference type('${kindWord(btf, pointee)} ${btf.name(pointee)}') size cannot be determined: -22`,
        );
      }
      const flags = tags.has('nonnull') ? 0 : PTR_MAYBE_NULL;
      return { type: ARG_PTR_TO_MEM | flags, memorySize: size, typeId: 0 };
    }
  }
  if (tags.size > 0) refuse(env, `arg#${index} has pointer tag, but is not a pointer type`);
  if (isScalarType(btf, type)) return PLAIN;
  if (!isGlobal) throw new Unusable();
  return refuse(env, `Arg#${index} type ${kindWord(btf, type)} in ${name}() is not supported yet.`);
}

/** The kernel's type of the same name. */
function kernelType(env: Env, btf: Btf, type: number, index: number): number {
  const name = btf.name(type).replace(/___.*$/, '');
  const id = env.btfs[KERNEL_BTF].findByName(name, btf.kind(type));
  if (id > 0) return id;
  return refuse(env, `arg#${index} reference type('${kindWord(btf, type)} ${btf.name(type)}') has no matches`);
}

/** Checks that an argument tagged as the context has a type that may stand for it (btf_validate_prog_ctx_type). */
function validateContext(env: Env, btf: Btf, pointer: number, index: number): void {
  const { type, attachType } = env.program;
  const pointee = btf.typeId(pointer);
  if (type === 'kprobe' || type === 'perf_event') {
    const named = btf.skipModifiers(pointee);
    if (btf.kind(named) === BTF_KIND_TYPEDEF && btf.name(named) === 'bpf_user_pt_regs_t') return;
  }
  const target = btf.resolve(pointee);
  if (target === 0) return;
  const name = btf.name(target);
  if (name === '') refuse(env, `arg#${index} type doesn't have a name`);
  const struct = isStructOrUnion(btf, target);
  const words = btf.kind(target) === BTF_KIND_INT && btf.size(target) === 8;
  switch (type) {
    case 'kprobe':
    case 'perf_event':
      if (struct && name === 'pt_regs') return;
      break;
    case 'raw_tracepoint':
    case 'raw_tracepoint_writable':
    case 'lsm':
    case 'struct_ops':
      if (words) return;
      break;
    case 'tracing':
      if (attachType === 'trace_raw_tp' && struct && name === 'bpf_raw_tracepoint_args') return;
      if (attachType === 'trace_iter') {
        if (struct && name.startsWith('bpf_iter__')) return;
      } else if (words) return;
      break;
    case 'tracepoint':
    case 'syscall':
    case 'ext':
      return;
    default:
      break;
  }
  const wanted = PROGRAM_TYPES[type].contextStruct;
  if (env.btfs[KERNEL_BTF].findByName(wanted, BTF_KIND_STRUCT) <= 0) {
    refuse(env, `arg#${index} should be void pointer`);
  }
  if (!struct || name !== wanted) refuse(env, `arg#${index} should be \`struct ${wanted} *\``);
}

/** Sets the registers that a function verified on its own starts with. */
export function prepareEntryArguments(env: Env, subprogram: number): void {
  const { w } = env.frame;
  if (subprogram === 0 && !isExtension(env.program)) {
    // A main program whose BTF says something else than "one context" is verified all the same; only its BTF is not relied upon.
    try {
      const args = env.subprograms[0]!.funcTypeId === 0 ? undefined : prepare(env, 0);
      if (args?.length !== 1 || args[0]!.type !== ARG_PTR_TO_CTX) known(env).unreliable.add(0);
    } catch (error) {
      if (!(error instanceof Unusable)) throw error;
      known(env).unreliable.add(0);
    }
    setPointer(w, ROW, PTR_TO_CTX);
    return;
  }
  let args: readonly Argument[];
  try {
    args = prepare(env, subprogram);
  } catch (error) {
    if (!(error instanceof Unusable)) throw error;
    return env.reject();
  }
  if (env.subprograms[subprogram]!.isExceptionCallback && (args.length !== 1 || args[0]!.type !== ARG_ANYTHING)) {
    env.fail('exception cb only supports single integer argument');
  }
  args.forEach((argument, i) => setEntryRegister(env, w, (i + 1) * ROW, argument));
}

function setEntryRegister(env: Env, w: Int32Array, base: number, argument: Argument): void {
  const { type } = argument;
  switch (type & BASE_TYPE_MASK) {
    case ARG_PTR_TO_CTX:
      setPointer(w, base, PTR_TO_CTX);
      return;
    case ARG_PTR_TO_DYNPTR:
      markDynptrRow(w, base, DYNPTR_LOCAL, true, env.newId());
      return;
    case ARG_PTR_TO_MEM:
      setPointer(w, base, PTR_TO_MEM | (type & (PTR_MAYBE_NULL | PTR_UNTRUSTED | MEM_RDONLY)));
      w[base + AUX0] = argument.memorySize;
      if ((type & PTR_MAYBE_NULL) !== 0) w[base + ID] = env.newId();
      return;
    case ARG_PTR_TO_BTF_ID:
      setPointer(w, base, PTR_TO_BTF_ID | (type & (PTR_MAYBE_NULL | PTR_UNTRUSTED | PTR_TRUSTED)));
      w[base + AUX0] = argument.typeId;
      w[base + AUX1] = KERNEL_BTF;
      w[base + ID] = env.newId();
      return;
    default:
      setUnknownScalar(w, base);
  }
}

/** Whether the current R1 to R5 are what a subprogram's BTF asks for; what is wrong is in the log. */
export function checkSubprogramArguments(env: Env, subprogram: number): boolean {
  const { unreliable } = known(env);
  if (env.subprograms[subprogram]!.funcTypeId === 0 || unreliable.has(subprogram)) return false;
  try {
    prepare(env, subprogram).forEach((argument, i) => checkArgument(env, argument, i));
    return true;
  } catch (error) {
    if (!(error instanceof Unusable) && !(error instanceof Rejection)) throw error;
    unreliable.add(subprogram);
    return false;
  }
}

function checkArgument(env: Env, argument: Argument, index: number): void {
  const regno = index + 1;
  const base = regno * ROW;
  const { w } = env.frame;
  const actual = w[base + TYPE]!;
  const { type } = argument;
  switch (type & BASE_TYPE_MASK) {
    case ARG_ANYTHING:
      if (actual !== SCALAR_VALUE) refuse(env, `R${regno} is not a scalar`);
      return;
    case ARG_PTR_TO_CTX:
      checkArgumentOffset(env, regno, 0);
      if (actual !== PTR_TO_CTX) refuse(env, `arg#${index} expects pointer to ctx`);
      return;
    case ARG_PTR_TO_MEM:
      if ((type & PTR_UNTRUSTED) !== 0) return;
      checkArgumentOffset(env, regno, 0);
      checkMemoryRegister(env, regno, argument.memorySize);
      if ((type & PTR_MAYBE_NULL) === 0 && (actual & PTR_MAYBE_NULL) !== 0) {
        refuse(env, `arg#${index} is expected to be non-NULL`);
      }
      return;
    case ARG_PTR_TO_ARENA:
      if (actual !== PTR_TO_ARENA && actual !== SCALAR_VALUE) {
        refuse(env, `R${regno} is not a pointer to arena or scalar.`);
      }
      return;
    case ARG_PTR_TO_DYNPTR:
      checkArgumentOffset(env, regno, ARG_PTR_TO_DYNPTR);
      processDynptrArgument(env, regno, -1, type, 0);
      return;
    case ARG_PTR_TO_BTF_ID:
      if (isNull(w, base) && (type & PTR_MAYBE_NULL) !== 0) return;
      if ((type & PTR_UNTRUSTED) !== 0) return;
      checkRegisterType(env, regno, { argType: type, typeId: argument.typeId, helper: '', kptr: undefined });
      checkArgumentOffset(env, regno, type);
      return;
    default:
      refuse(env, `verifier bug: unrecognized arg#${index} type ${type}`);
  }
}
