/**
 * What is checked before any path is walked: that instructions are well formed, that the maps and kernel variables they name
 * exist and suit the program type, and that a program may be attached where it says.
 */
import { checkBpfTarget } from './bpf-target.ts';
import { SLEEPABLE_MEMBERS, UNSUPPORTED_MEMBERS } from '../../kernel/tables/btf-arguments.ts';
import { SLEEPABLE_LSM_HOOKS } from '../../kernel/tables/btf-lists.ts';
import { SLEEPABLE_MAPS, mapTypeName } from '../../kernel/tables/map-types.ts';
import { canBeSleepable } from '../../kernel/tables/program-types.ts';
import { encodingsOf } from '../../isa/encodings.ts';
import {
  BPF_CLASS,
  BPF_LDX,
  BPF_MEM,
  BPF_MEMSX,
  BPF_MODE,
  BPF_PSEUDO_BTF_ID,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_VALUE,
} from '../../isa/opcodes.ts';
import { BTF_KIND_FUNC, BTF_KIND_FUNC_PROTO, BTF_KIND_INT, BTF_KIND_VAR } from '../../object/btf/kinds.ts';
import type { MapDefinition, ProgramTypeName } from '../../object/program.ts';
import { attachPrototype } from './attach-prototype.ts';
import { isGplCompatible } from '../memory/btf-access.ts';
import type { FieldKind } from '../calls/records.ts';
import { mapRecord } from '../calls/records.ts';
import type { Env } from '../context.ts';
import { BPF_MAX_VAR_OFF } from '../state/types.ts';

/** Programs that run in any context, also while a lock that they would take is held. */
const TRACING: ReadonlySet<ProgramTypeName> = new Set([
  'kprobe',
  'tracepoint',
  'perf_event',
  'raw_tracepoint',
  'raw_tracepoint_writable',
]);

/** Map types whose one value can be addressed directly. */
const DIRECT_VALUE: ReadonlySet<string> = new Set(['array', 'arena']);

/**
 * The reference kernel is built without CONFIG_KALLSYMS_ALL: functions have addresses that can be looked up, variables do
 * not, so that no program that names one can be loaded.
 */
const VARIABLES_HAVE_ADDRESSES = false;

/** Checks each instruction's form and what 64-bit immediate loads refer to. */
export function admitInstructions(env: Env): void {
  const { insns } = env;
  for (let i = 0; i < insns.length; i++) {
    const code = insns.code[i]!;
    if (BPF_CLASS(code) === BPF_LDX) {
      const mode = BPF_MODE(code);
      if ((mode !== BPF_MEM && mode !== BPF_MEMSX) || insns.imm[i] !== 0) env.fail('BPF_LDX uses reserved fields');
    }
    if (insns.isLdImm64(i)) {
      admitImmediate(env, i);
      i++;
    } else if (encodingsOf(code).length === 0) {
      env.fail(`unknown opcode ${code.toString(16).padStart(2, '0')}`);
    }
  }
}

function admitImmediate(env: Env, i: number): void {
  const { insns } = env;
  const second = i + 1;
  if (
    second >= insns.length ||
    insns.code[second] !== 0 ||
    insns.dst[second] !== 0 ||
    insns.src[second] !== 0 ||
    insns.off[second] !== 0
  ) {
    env.fail('invalid bpf_ld_imm64 insn');
  }
  switch (insns.src[i]) {
    case 0:
    case BPF_PSEUDO_FUNC:
      return;
    case BPF_PSEUDO_BTF_ID:
      admitVariable(env, insns.imm[i]!);
      return;
    case BPF_PSEUDO_MAP_VALUE:
      admitMap(env, insns.imm[i]!, insns.imm[second]! >>> 0);
      return;
    case BPF_PSEUDO_MAP_FD:
      if (insns.imm[second] !== 0) break;
      admitMap(env, insns.imm[i]!, undefined);
      return;
  }
  env.fail('unrecognized bpf_ld_imm64 insn');
}

/** A variable or function of the kernel, by the id of its BTF type. */
function admitVariable(env: Env, id: number): void {
  const btf = env.program.kernelBtf;
  if (id <= 0 || id >= btf.typeCount) env.fail(`ldimm64 insn specifies invalid btf_id ${id}.`);
  const kind = btf.kind(id);
  if (kind !== BTF_KIND_VAR && kind !== BTF_KIND_FUNC) {
    env.fail(`pseudo btf_id ${id} in ldimm64 isn't KIND_VAR or KIND_FUNC`);
  }
  if (kind === BTF_KIND_VAR && !VARIABLES_HAVE_ADDRESSES) {
    env.fail(`ldimm64 failed to find the address for kernel symbol '${btf.name(id)}'.`);
  }
}

function admitMap(env: Env, index: number, valueOffset: number | undefined): void {
  const map = env.maps[index];
  if (map === undefined) return env.fail(`fd ${index < 0 ? -1 - index : index} is not pointing to valid bpf_map`);
  checkMapSuitsProgram(env, map);
  if (valueOffset !== undefined) {
    if (valueOffset >= BPF_MAX_VAR_OFF) env.fail(`direct value offset of ${valueOffset} is not allowed`);
    const type = mapTypeName(map.type);
    if (!DIRECT_VALUE.has(type) || (type === 'array' && map.maxEntries !== 1)) {
      env.fail(
        DIRECT_VALUE.has(type)
          ? `invalid access to map value pointer, value_size=${map.valueSize} off=${valueOffset}`
          : 'no direct value access support for this map type',
      );
    }
    if (type === 'array' && valueOffset >= map.valueSize) {
      env.fail(`invalid access to map value pointer, value_size=${map.valueSize} off=${valueOffset}`);
    }
  }
  if (mapTypeName(map.type) === 'arena') {
    if (env.arena >= 0 && env.arena !== index) env.fail('Only one arena per program');
    env.arena = index;
  }
}

/** What may not be in a map that some kinds of programs use, in the order of the checks. */
const UNSUITABLE: readonly (readonly [fields: readonly FieldKind[], what: string])[] = [
  [['bpf_list_head', 'bpf_rb_root'], 'bpf_{list_head,rb_root}'],
  [['bpf_spin_lock', 'bpf_res_spin_lock'], 'bpf_spin_lock'],
  [['bpf_timer'], 'bpf_timer'],
  [['bpf_wq'], 'bpf_wq'],
];

function checkMapSuitsProgram(env: Env, map: MapDefinition): void {
  const { program } = env;
  const record = mapRecord(env, map);
  if (record !== undefined) {
    const isTracing = TRACING.has(program.type);
    for (const [fields, what] of UNSUITABLE) {
      if (!fields.some((field) => record.kinds.has(field))) continue;
      if (program.type === 'socket_filter' && what === 'bpf_spin_lock') {
        env.fail('socket filter progs cannot use bpf_spin_lock yet');
      }
      if (isTracing && !(what === 'bpf_spin_lock' && !record.kinds.has('bpf_spin_lock'))) {
        env.fail(`tracing progs cannot use ${what} yet`);
      }
    }
  }
  const type = mapTypeName(map.type);
  if (type === 'struct_ops') env.fail('bpf_struct_ops map cannot be used in prog');
  if (program.sleepable && !SLEEPABLE_MAPS.has(type)) {
    env.fail('Sleepable programs can only use array, hash, ringbuf and local storage maps');
  }
}

/**
 * Tail calls and packet loads may end a subprogram early, with a number as its result: so it must return one.
 * (A program without BTF says nothing about its subprograms, so that they may do neither.)
 */
export function checkSubprogramResults(env: Env): void {
  const btf = env.program.btf;
  for (const subprogram of env.subprograms.slice(1)) {
    if (!subprogram.hasLdAbs && !subprogram.hasTailCall) continue;
    const { funcTypeId } = subprogram;
    if (btf === undefined || funcTypeId === 0) {
      env.fail(`${subprogram.hasLdAbs ? 'LD_ABS' : 'tail_call'} is not allowed in subprogs without BTF`);
    }
    const result = btf.resolve(btf.typeId(btf.typeId(funcTypeId)));
    if (btf.isEnum(result) || (btf.kind(result) === BTF_KIND_INT && btf.size(result) <= 8)) continue;
    env.fail(`${subprogram.hasLdAbs ? 'LD_ABS' : 'tail_call'} is only allowed in functions that return 'int'.`);
  }
}

/** Whether the program may be attached where it says, and may sleep there. */
export function checkAttachment(env: Env): void {
  const { program } = env;
  if (program.bpfTarget !== undefined) {
    checkBpfTarget(env, program.bpfTarget);
    return;
  }
  if (program.type === 'syscall') {
    if (!program.sleepable) env.fail('Syscall programs can only be sleepable');
    return;
  }
  if (program.sleepable && !canBeSleepable(program)) {
    env.fail('Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable');
  }
  if (program.type === 'struct_ops') checkStructOpsMember(env);
  else if (program.type === 'tracing' || program.type === 'lsm') checkAttachTarget(env);
}

function checkStructOpsMember(env: Env): void {
  const { program } = env;
  const ops = program.structOps;
  if (!isGplCompatible(program.license)) env.fail('struct ops programs must have a GPL compatible license');
  if (ops === undefined || program.attachBtfId === undefined)
    return env.fail('attach_btf_id 0 is not a supported struct');
  const { structName, member } = ops;
  if (attachPrototype(program) === undefined) {
    env.fail(`attach to invalid member ${member}(@idx ${ops.memberIndex}) of struct ${structName}`);
  }
  const sleepable = SLEEPABLE_MEMBERS.get(structName);
  const mustNotSleep = program.sleepable && sleepable !== undefined && !sleepable.has(member);
  if (mustNotSleep || UNSUPPORTED_MEMBERS.get(structName)?.has(member) === true) {
    env.fail(`attach to unsupported member ${member} of struct ${structName}`);
  }
}

function checkAttachTarget(env: Env): void {
  const { program } = env;
  const btf = program.kernelBtf;
  const id = program.attachBtfId;
  if (id === undefined || id === 0) return env.fail('Tracing programs must provide btf_id');
  if (id >= btf.typeCount) env.fail(`attach_btf_id ${id} is invalid`);
  const name = btf.name(id);
  if (program.attachType === 'trace_raw_tp') {
    if (btf.kindName(id) !== 'typedef') env.fail(`attach_btf_id ${id} is not a typedef`);
    if (!name.startsWith('btf_trace_')) env.fail(`attach_btf_id ${id} points to wrong type name ${name}`);
    return;
  }
  if (btf.kind(id) !== BTF_KIND_FUNC || btf.kind(btf.typeId(id)) !== BTF_KIND_FUNC_PROTO) {
    env.fail(`attach_btf_id ${id} is not a function`);
  }
  checkPrototypeFits(env, name, btf.typeId(id));
  if (program.type === 'lsm') {
    if (!isGplCompatible(program.license)) env.fail('LSM programs must have a GPL compatible license');
    if (program.sleepable && !SLEEPABLE_LSM_HOOKS.has(name.replace(/^bpf_lsm_/, ''))) {
      env.fail(`${name} is not sleepable`);
    }
  }
}

/** Arguments of a kernel function that a trampoline can pass on. */
const MAX_ARGUMENTS = 12;
const MAX_STRUCT_ARGUMENT = 16;

function checkPrototypeFits(env: Env, name: string, proto: number): void {
  const btf = env.program.kernelBtf;
  const count = btf.count(proto);
  if (count > MAX_ARGUMENTS) env.fail(`The function ${name} has ${count} arguments. Too many.`);
  const result = btf.resolve(btf.typeId(proto));
  if (btf.isComposite(result)) {
    env.fail(`The function ${name} return type ${btf.kindName(result).toUpperCase()} is unsupported.`);
  }
  for (let i = 0; i < count; i++) {
    const type = btf.resolve(btf.paramTypeId(proto, i));
    if (type === 0) {
      env.fail(
        i === count - 1
          ? `The function ${name} with variable args is unsupported.`
          : `The function ${name} has malformed void argument.`,
      );
    }
    if (btf.kindName(type) !== 'ptr' && btf.size(type) > MAX_STRUCT_ARGUMENT) {
      env.fail(`The function ${name} arg${i} type ${btf.kindName(type).toUpperCase()} is unsupported.`);
    }
  }
}
