import { describe, expect, it } from 'vitest';
import { attachTypeNames, programTypeNames, type AttachTypeName, type ProgramTypeName } from '../../object/program.ts';
import { BTF_KIND_FUNC, BTF_KIND_STRUCT, BTF_KIND_UNION } from '../../object/btf/kinds.ts';
import { bundledKernelBtf } from '../../object/testing/kernel-btf.ts';
import { SAFE_RCU, SAFE_RCU_OR_NULL, SAFE_TRUSTED, SAFE_TRUSTED_OR_NULL, TRACEPOINT_NULL_ARGS } from './btf-lists.ts';
import { helperFor } from './helper-availability.ts';
import { HELPERS, HELPER_MAX_ID, helperById, helperByKey } from './helpers.ts';
import { KF_ITER_NEXT, KF_RET_NULL, KFUNCS, kfuncAllowed, kfuncByName } from './kfuncs.ts';
import { HELPERS_OF_MAP, MAPS_OF_HELPER, mapTypeName, mapTypeNames } from './map-types.ts';
import { canBeSleepable, contextAccess, PROGRAM_TYPES, returnRange, socketAccess } from './program-types.ts';

const kernelBtf = bundledKernelBtf();

function structId(name: string): number {
  return kernelBtf.findByName(name, BTF_KIND_STRUCT) || kernelBtf.findByName(name, BTF_KIND_UNION);
}

/** Name and number of `enum bpf_func_id`, which BTF has. */
function helperNumbers(): Map<string, number> {
  const numbers = new Map<string, number>();
  const id = kernelBtf.findByName('bpf_func_id');
  for (const { name, value } of kernelBtf.enumerators(id)) numbers.set(name.replace(/^BPF_FUNC_/, ''), Number(value));
  return numbers;
}

describe('helpers', () => {
  const numbers = helperNumbers();

  it('has a row for each number of enum bpf_func_id, under its name', () => {
    for (let id = 1; id <= HELPER_MAX_ID; id++) expect(numbers.get(helperById(id)!.name)).toBe(id);
    expect(numbers.get('__BPF_FUNC_MAX_ID')).toBe(HELPER_MAX_ID + 1);
    expect(helperById(0)).toBeUndefined();
    expect(helperById(HELPER_MAX_ID + 1)).toBeUndefined();
  });

  it('gives variants the number of the helper that they are of', () => {
    for (const row of HELPERS) expect(helperById(row.id)!.name).toBe(row.name);
    const keys = HELPERS.map(({ name, variant }) => `${name}/${variant}`);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('names structs that the kernel has', () => {
    for (const row of HELPERS) {
      const structs = [row.retStruct, ...row.args.map(({ struct }) => struct)].filter((name) => name !== '');
      for (const name of structs) expect(structId(name), `${row.name}: ${name}`).toBeGreaterThan(0);
    }
  });

  it('states a size for fixed memory only', () => {
    for (const row of HELPERS) {
      expect(row.args).toHaveLength(5);
      for (const { size } of row.args) expect(size % 4).toBe(0);
    }
  });
});

/** Each type, with each attach type. */
function users(): { type: ProgramTypeName; attachType?: AttachTypeName; sleepable: boolean }[] {
  return programTypeNames.flatMap((type) => [
    { type, sleepable: true },
    ...attachTypeNames.map((attachType) => ({ type, attachType, sleepable: true })),
  ]);
}

describe('which program may call which helper', () => {
  it('knows a user for every helper', () => {
    const used = new Set<unknown>();
    for (const user of users()) {
      for (let id = 1; id <= HELPER_MAX_ID; id++) {
        const found = helperFor(user, id);
        if (found === undefined) continue;
        expect(found.id).toBe(id);
        used.add(found.name);
      }
    }
    const unused = HELPERS.filter(({ name }) => !used.has(name)).map(({ name }) => name);
    expect(new Set(unused)).toMatchInlineSnapshot(`
      Set {
        "probe_write_user",
        "override_return",
        "tcp_send_ack",
      }
    `);
  });

  it.each([
    ['xdp', 'xdp_adjust_head', true],
    ['sched_cls', 'xdp_adjust_head', false],
    ['xdp', 'skb_load_bytes', false],
    ['kprobe', 'probe_read_kernel', true],
    ['xdp', 'ringbuf_reserve', true],
    ['syscall', 'sys_bpf', true],
    ['xdp', 'sys_bpf', false],
  ] as const)('%s and %s: %s', (type, name, allowed) => {
    expect(helperFor({ type, sleepable: false }, helperByKey(name)!.id) !== undefined).toBe(allowed);
  });

  it('has sleeping helpers in sleepable programs only', () => {
    const id = helperByKey('copy_from_user')!.id;
    expect(helperFor({ type: 'kprobe', sleepable: true }, id)).toBeDefined();
    expect(helperFor({ type: 'unspec', sleepable: true }, id)).toBeUndefined();
  });
});

/** Sections that the reference kernel is built without, so that its BTF does not have them. */
const NOT_CONFIGURED =
  /^(bpf_verify_pkcs7_signature|crash_kexec|bpf_skb_[gs]et_xfrm_info|bpf_skb_[gs]et_fou_encap|bpf_xdp_flow_lookup|bpf_xdp_[gs]et_xfrm_state.*|dctcp_.*)$/;

describe('kfuncs', () => {
  it('are in the kernel types', () => {
    const missing = KFUNCS.map(({ name }) => name)
      .filter((name) => kernelBtf.findByName(name, BTF_KIND_FUNC) === 0)
      .filter((name) => !NOT_CONFIGURED.test(name));
    expect(missing).toEqual([]);
  });

  it('are all that the kernel tags as such', () => {
    const tagged: string[] = [];
    for (let id = 1; id < kernelBtf.typeCount; id++) {
      if (kernelBtf.kind(id) !== BTF_KIND_FUNC) continue;
      if (kernelBtf.declTags(id).some(({ text }) => text === 'bpf_kfunc')) tagged.push(kernelBtf.name(id));
    }
    expect(tagged.length).toBeGreaterThan(150);
    expect(tagged.filter((name) => kfuncByName(name) === undefined)).toEqual([]);
  });

  it('may return null when they give the next element', () => {
    for (const { flags } of KFUNCS) if (flags & KF_ITER_NEXT) expect(flags & KF_RET_NULL).not.toBe(0);
  });

  it.each([
    ['bpf_throw', 'xdp', true],
    ['bpf_xdp_pull_data', 'xdp', true],
    ['bpf_xdp_pull_data', 'sched_cls', false],
    ['bpf_task_acquire', 'tracing', true],
    ['bpf_task_acquire', 'xdp', true],
    ['bpf_dynptr_from_skb', 'sched_cls', true],
    ['bpf_dynptr_from_skb', 'kprobe', false],
  ] as const)('%s in %s: %s', (name, type, allowed) => {
    expect(kfuncAllowed({ type }, kfuncByName(name)!)).toBe(allowed);
  });
});

describe('context accesses', () => {
  it.each([
    ['xdp', undefined, 0, 4, 'read', 'packet'],
    ['xdp', undefined, 0, 8, 'read', undefined],
    ['xdp', undefined, 0, 4, 'write', undefined],
    ['xdp', undefined, 4, 4, 'read', 'packet_end'],
    ['xdp', undefined, 16, 4, 'read', 'scalar'],
    ['sched_cls', 'sched_cls', 0, 4, 'read', 'scalar'],
    ['socket_filter', undefined, 76, 4, 'read', undefined],
    ['kprobe', undefined, 0, 8, 'read', 'scalar'],
    ['kprobe', undefined, 1 << 20, 8, 'read', undefined],
    ['tracepoint', undefined, -8, 8, 'read', 'scalar'],
    ['xdp', undefined, -4, 4, 'read', undefined],
    ['xdp', undefined, 2, 4, 'read', undefined],
  ] as const)('%s %s at %i, %i bytes, %s: %s', (type, attachType, off, size, access, value) => {
    expect(contextAccess(type, attachType as AttachTypeName | undefined, off, size, access)?.value).toBe(value);
  });

  it('lets narrow loads see parts of a field, and tells its size', () => {
    const mark = contextAccess('sched_cls', undefined, 9, 1, 'read');
    expect(mark).toMatchObject({ value: 'scalar', fieldSize: 4 });
    expect(contextAccess('sched_cls', undefined, 9, 1, 'write')).toBeUndefined();
  });

  it('never lets a socket be written', () => {
    expect(socketAccess('sock', 0, 4)?.value).toBe('scalar');
    expect(socketAccess('sock', 1 << 12, 4)).toBeUndefined();
  });

  it('knows a field of which a load is a part to be no smaller than the load', () => {
    for (const type of programTypeNames) {
      expect(PROGRAM_TYPES[type]).toBeDefined();
      for (let off = 0; off < 256; off++)
        for (const size of [1, 2, 4, 8]) {
          const found = contextAccess(type, undefined, off, size, 'read');
          if (found?.fieldSize) expect(found.fieldSize).toBeGreaterThanOrEqual(size);
        }
    }
  });
});

describe('what a program may return', () => {
  it.each([
    ['cgroup_skb', 'cgroup_inet_egress', { min: 0, max: 3 }],
    ['cgroup_skb', 'cgroup_inet_ingress', { min: 0, max: 1 }],
    ['cgroup_sock_addr', 'cgroup_udp4_recvmsg', { min: 1, max: 1 }],
    ['tracing', 'trace_fentry', { min: 0, max: 0 }],
    ['tracing', 'modify_return', 'any'],
    ['xdp', 'xdp', 'any'],
  ] as const)('%s at %s: %j', (type, attachType, range) => {
    expect(returnRange({ type, attachType })).toEqual(range);
  });

  it('lets few types sleep', () => {
    expect(canBeSleepable({ type: 'syscall' })).toBe(true);
    expect(canBeSleepable({ type: 'xdp' })).toBe(false);
  });
});

describe('maps', () => {
  it('are numbered as the kernel numbers them', () => {
    const id = kernelBtf.findByName('bpf_map_type');
    const numbers = new Map(kernelBtf.enumerators(id).map(({ name, value }) => [name, Number(value)]));
    for (const name of mapTypeNames) {
      const number = numbers.get(`BPF_MAP_TYPE_${name.toUpperCase()}`) ?? numbers.get(`BPF_MAP_TYPE_${name}`);
      if (number !== undefined) expect(mapTypeName(number)).toBe(name);
    }
    expect(mapTypeName(27)).toBe('ringbuf');
  });

  it('are compatible with helpers that exist', () => {
    for (const helpers of Object.values(HELPERS_OF_MAP))
      for (const name of helpers) expect(helperByKey(name), name).toBeDefined();
    for (const [helper, maps] of Object.entries(MAPS_OF_HELPER)) {
      expect(helperByKey(helper), helper).toBeDefined();
      for (const map of maps) expect(mapTypeNames as readonly string[]).toContain(map);
    }
  });
});

describe('lists of kernel types', () => {
  it('name structs and members that exist', () => {
    for (const rows of [SAFE_RCU, SAFE_RCU_OR_NULL, SAFE_TRUSTED, SAFE_TRUSTED_OR_NULL]) {
      for (const [struct, fields] of rows) {
        const id = structId(struct);
        expect(id, struct).toBeGreaterThan(0);
        const members = new Set(kernelBtf.members(id).map(({ name }) => name));
        for (const field of fields) expect(members.has(field) || members.has(''), `${struct}.${field}`).toBe(true);
      }
    }
  });

  it('tell null (1) from error pointers (2), argument by argument', () => {
    expect(TRACEPOINT_NULL_ARGS.get('kfree_skb')).toBe(0x1000n);
    for (const [name, mask] of TRACEPOINT_NULL_ARGS) expect(mask.toString(16), name).toMatch(/^[012]+$/);
  });
});
