/** What can be said of a helper or kernel function call from its instruction alone, before any path is explored. */
import { BPF_PSEUDO_CALL, BPF_PSEUDO_KFUNC_CALL } from '../../isa/opcodes.ts';
import { helperFor } from '../../kernel/tables/helper-availability.ts';
import { KF_FASTCALL, KF_ITER_NEXT, KF_SLEEPABLE, kfuncAllowed, kfuncByName } from '../../kernel/tables/kfuncs.ts';
import { BTF_KIND_FUNC } from '../../object/btf/kinds.ts';
import type { Env } from '../context.ts';
import { KERNEL_BTF } from '../context.ts';
import { helperChangesPacket, kfuncChangesPacket } from './packet.ts';

export interface CallShape {
  readonly argumentCount: number;
  readonly returnsVoid: boolean;
  /** The call keeps all registers but its arguments and R0. */
  readonly fastcall: boolean;
  /** Calls back before it returns, some unknown number of times. */
  readonly syncCallback: boolean;
  /** Registers a function to be called later. */
  readonly asyncCallback: boolean;
  /** That function may sleep. */
  readonly asyncCallbackSleeps: boolean;
  readonly iterNext: boolean;
  readonly mightSleep: boolean;
  readonly changesPacketData: boolean;
  readonly throws: boolean;
}

const SYNC_HELPERS: ReadonlySet<string> = new Set(['for_each_map_elem', 'find_vma', 'loop', 'user_ringbuf_drain']);

const shapes = new WeakMap<Env, Map<string, CallShape | undefined>>();

/** The shape of the call at an instruction; undefined for a call of a subprogram and for what is not known. */
export function callShape(env: Env, insn: number): CallShape | undefined {
  const { insns } = env;
  const src = insns.src[insn]!;
  if (src === BPF_PSEUDO_CALL) return undefined;
  const imm = insns.imm[insn]!;
  const key = `${src === BPF_PSEUDO_KFUNC_CALL ? 'k' : 'h'}${imm}`;
  let known = shapes.get(env);
  if (known === undefined) {
    known = new Map();
    shapes.set(env, known);
  }
  if (!known.has(key)) {
    known.set(key, src === BPF_PSEUDO_KFUNC_CALL ? kfuncShape(env, imm) : helperShape(env, imm));
  }
  return known.get(key);
}

function helperShape(env: Env, id: number): CallShape | undefined {
  const helper = helperFor(env.program, id);
  if (helper === undefined) return undefined;
  let argumentCount = 0;
  while (argumentCount < 5 && helper.args[argumentCount]!.type !== 0) argumentCount++;
  return {
    argumentCount,
    returnsVoid: helper.ret === 1,
    fastcall: helper.allowFastcall,
    syncCallback: SYNC_HELPERS.has(helper.name),
    asyncCallback: helper.name === 'timer_set_callback',
    asyncCallbackSleeps: false,
    iterNext: false,
    mightSleep: helper.mightSleep,
    changesPacketData: helperChangesPacket(helper.name),
    throws: false,
  };
}

const TASK_WORK: ReadonlySet<string> = new Set([
  'bpf_task_work_schedule_signal_impl',
  'bpf_task_work_schedule_resume_impl',
]);

function kfuncShape(env: Env, id: number): CallShape | undefined {
  const btf = env.btfs[KERNEL_BTF];
  if (id <= 0 || btf.kind(id) !== BTF_KIND_FUNC) return undefined;
  const name = btf.name(id);
  const kfunc = kfuncByName(name);
  if (kfunc === undefined || !kfuncAllowed(env.program, kfunc)) return undefined;
  const { flags } = kfunc;
  const prototype = btf.typeId(id);
  const work = name === 'bpf_wq_set_callback_impl' || TASK_WORK.has(name);
  return {
    argumentCount: Math.min(btf.count(prototype), 5),
    returnsVoid: btf.typeId(prototype) === 0,
    fastcall: (flags & KF_FASTCALL) !== 0,
    syncCallback: name === 'bpf_rbtree_add_impl',
    asyncCallback: work,
    asyncCallbackSleeps: work,
    iterNext: (flags & KF_ITER_NEXT) !== 0,
    mightSleep: (flags & KF_SLEEPABLE) !== 0,
    changesPacketData: kfuncChangesPacket(name),
    throws: name === 'bpf_throw',
  };
}
