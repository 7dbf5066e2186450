/** Whether a program may be attached to the function of another BPF program that it names, and what it then gets to see. */
import type { Btf } from '../../object/btf/btf.ts';
import type { BpfTarget } from '../../object/bpf-target.ts';
import { BTF_KIND_PTR, BTF_KIND_STRUCT } from '../../object/btf/kinds.ts';
import type { Subprogram } from '../../object/program.ts';
import { PROGRAM_TYPES } from '../../kernel/tables/program-types.ts';
import { taggedCallback } from './callback-tag.ts';
import type { Env } from '../context.ts';
import { PTR_TO_BTF_ID, PTR_TRUSTED, SCALAR_VALUE } from '../state/types.ts';

export function targetFunction({ program, name }: BpfTarget): Subprogram | undefined {
  return program.subprograms.find((subprogram) => subprogram.name === name);
}

/** The checks of the kernel for a target that is a BPF program, in its order and words. */
export function checkBpfTarget(env: Env, target: BpfTarget): void {
  const { kind, program, name } = target;
  const found = targetFunction(target);
  if (found === undefined) return env.fail(`Subprog ${name} doesn't exist`);
  const callback = taggedCallback(program);
  if (callback.kind === 'found' && callback.start === found.start) {
    env.fail(`${kind === 'freplace' ? 'Extension' : 'FENTRY/FEXIT'} programs cannot attach to exception callback`);
  }
  if (program.bpfTarget !== undefined || program.type === 'ext') {
    if (kind === 'freplace' && program.bpfTarget?.kind === 'freplace') env.fail('Cannot recursively attach');
    if (kind === 'freplace' && program.type === 'tracing') env.fail('Cannot extend fentry/fexit');
  }
  if (kind === 'fmod_ret') env.fail("can't modify return codes of BPF programs");
  if (kind === 'freplace' && found.linkage !== 'global') env.fail(`${name}() is not a global function`);
}

export interface TracedArgument {
  /** Register type with its flags. */
  readonly type: number;
  /** In the kernel's BTF. */
  readonly btfId: number;
}

/** What a tracing program finds at a place of its context: an argument of the function, or behind them its result. */
export function tracedArgument(env: Env, target: BpfTarget, offset: number): TracedArgument | undefined {
  const { program, kind } = target;
  const { btf } = program;
  const func = targetFunction(target);
  if (btf === undefined || func === undefined || func.funcTypeId === 0 || offset % 8 !== 0) return undefined;
  const proto = btf.typeId(func.funcTypeId);
  const index = offset / 8;
  const count = btf.count(proto);
  if (index > count || (index === count && kind !== 'fexit')) {
    env.verbose(`func '${target.name}' doesn't have ${index + 1}-th argument\n`);
    return undefined;
  }
  const type = btf.resolve(index === count ? btf.typeId(proto) : btf.paramTypeId(proto, index));
  if (btf.kind(type) !== BTF_KIND_PTR) return { type: SCALAR_VALUE, btfId: 0 };
  const context = kernelContext(env, target, btf, type);
  if (context === 0) {
    env.verbose(
      `func '${target.name}' arg${index} type ${btf.kindName(btf.resolve(btf.typeId(type))).toUpperCase()} is not a struct\n`,
    );
    return undefined;
  }
  return { type: PTR_TO_BTF_ID | PTR_TRUSTED, btfId: context };
}

/** The kernel's own struct behind the context that a pointer leads to; 0 for other pointers. */
function kernelContext(env: Env, { program }: BpfTarget, btf: Btf, pointer: number): number {
  const row = PROGRAM_TYPES[program.type];
  const struct = btf.resolve(btf.typeId(pointer));
  if (btf.name(struct) !== row.contextStruct) return 0;
  return Math.max(env.program.kernelBtf.findByName(row.kernelStruct, BTF_KIND_STRUCT), 0);
}
