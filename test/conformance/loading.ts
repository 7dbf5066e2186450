/** From a file of the corpus to the program that the reference measured: what its README says was done before loading. */
import type { Btf } from '../../core/object/btf/btf.ts';
import { BTF_KIND_FUNC, BTF_KIND_PTR } from '../../core/object/btf/kinds.ts';
import { loadObject } from '../../core/object/object.ts';
import type { AttachTypeName, MapDefinition, ObjectFile, Program, ProgramTypeName } from '../../core/object/program.ts';

/** Local storages have no entries to count (BPF_MAP_TYPE_CGROUP_STORAGE, SK_, INODE_, TASK_ and CGRP_STORAGE). */
const storages: ReadonlySet<number> = new Set([19, 24, 28, 29, 32]);

/** Program type by the name of a context's struct, for programs that replace a function of a program that is not here. */
const contexts: readonly (readonly [string, string | undefined, ProgramTypeName, AttachTypeName?])[] = [
  ['__sk_buff', 'sk_buff', 'sched_cls'],
  ['bpf_sock', 'sock', 'cgroup_sock', 'cgroup_inet4_post_bind'],
  ['bpf_sock_addr', 'bpf_sock_addr_kern', 'cgroup_sock_addr', 'cgroup_inet4_bind'],
  ['bpf_sock_ops', 'bpf_sock_ops_kern', 'sock_ops', 'cgroup_sock_ops'],
  ['sk_msg_md', 'sk_msg', 'sk_msg', 'sk_msg_verdict'],
  ['bpf_cgroup_dev_ctx', undefined, 'cgroup_device', 'cgroup_device'],
  ['bpf_sysctl', 'bpf_sysctl_kern', 'cgroup_sysctl', 'cgroup_sysctl'],
  ['bpf_sockopt', 'bpf_sockopt_kern', 'cgroup_sockopt', 'cgroup_setsockopt'],
  ['sk_reuseport_md', 'sk_reuseport_kern', 'sk_reuseport', 'sk_reuseport_select_or_migrate'],
  ['bpf_sk_lookup', 'bpf_sk_lookup_kern', 'sk_lookup', 'sk_lookup'],
  ['xdp_md', 'xdp_buff', 'xdp', 'xdp'],
  ['bpf_user_pt_regs_t', 'pt_regs', 'kprobe'],
  ['bpf_perf_event_data', 'bpf_perf_event_data_kern', 'perf_event'],
  ['bpf_raw_tracepoint_args', undefined, 'raw_tracepoint'],
];

/** Name of the struct or typedef that the only argument of a program points to. */
function contextName(program: Program): string | undefined {
  const btf = program.btf;
  if (btf === undefined) return undefined;
  const func = btf.findByName(program.name, BTF_KIND_FUNC);
  if (func <= 0) return undefined;
  const params = btf.params(btf.typeId(func));
  if (params.length !== 1) return undefined;
  const pointer = btf.skipModifiers(params[0]!.typeId);
  return btf.kind(pointer) === BTF_KIND_PTR ? btf.name(btf.skipModifiers(btf.typeId(pointer))) : undefined;
}

function withGuessedType(program: Program): Program {
  if (program.type !== 'ext') return program;
  const name = contextName(program);
  const guess = contexts.find(([uapi, kernel]) => name !== undefined && (uapi === name || kernel === name));
  if (guess === undefined) return program;
  const { attachType: _none, ...rest } = program;
  return { ...rest, type: guess[2], ...(guess[3] === undefined ? {} : { attachType: guess[3] }) };
}

const withEntries = (map: MapDefinition): MapDefinition =>
  map.maxEntries === 0 && !storages.has(map.type) ? { ...map, maxEntries: 1 } : map;

/** An object of the corpus. */
export function loadCorpusObject(name: string, bytes: Uint8Array, kernelBtf: Btf): ObjectFile {
  return loadObject(bytes, { name, kernelBtf });
}

/** The program as the reference loaded it; `undefined` when the object has none of that name. */
export function referenceProgram(object: ObjectFile, name: string): Program | undefined {
  const program = object.programs.find((candidate) => candidate.name === name);
  if (program === undefined) return undefined;
  return { ...withGuessedType(program), maps: program.maps.map(withEntries) };
}
