import { describe, expect, it } from 'vitest';
import { EFAULT, EINVAL } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import type { Scenario } from '../scenario.ts';
import { MapType } from '../maps/store.ts';
import { call, negative, newKernel, newMap, newProgram, stack } from '../testing/kernel.ts';

const XDP = newProgram({ type: 'xdp', section: 'xdp' });
const TC = newProgram({ type: 'sched_cls' });
const FRAME = {
  context: { packet: { data: '020000000002 020000000001 0800 450102030405060708090a0b0c0d0e0f10111213' } },
};

function begin(
  program: typeof XDP,
  scenario: Scenario = FRAME,
): { kernel: Kernel; context: bigint; load(name: string, struct: string): bigint } {
  const kernel = newKernel(scenario);
  kernel.begin(program);
  const context = kernel.context(program);
  const load = (name: string, struct: string): bigint => {
    const field = kernel.layouts.struct(struct).field(name);
    return kernel.contextLoad(kernel.offset(context) + field.offset, field.size);
  };
  return { kernel, context, load };
}

describe('struct xdp_md', () => {
  it('gives the packet as pointers, though its fields have four bytes', () => {
    const { kernel, load } = begin(XDP);
    const data = load('data', 'xdp_md');
    expect(load('data_end', 'xdp_md') - data).toBe(34n);
    expect(load('data_meta', 'xdp_md')).toBe(data);
    expect(kernel.memory.check(data, 34, 'write')).toBeUndefined();
    expect(kernel.memory.check(data, 35, 'read')?.kind).toBe('unmapped');
    expect(load('ingress_ifindex', 'xdp_md')).toBe(1n);
  });

  it('moves with bpf_xdp_adjust_head, and the old room closes', () => {
    const { kernel, context, load } = begin(XDP);
    const data = load('data', 'xdp_md');
    expect(call(kernel, 'xdp_adjust_head', context, 14n)).toBe(0n);
    expect(load('data', 'xdp_md')).toBe(data + 14n);
    expect(kernel.memory.check(data, 4, 'read')?.kind).toBe('unmapped');
    expect(call(kernel, 'xdp_adjust_head', context, BigInt.asUintN(64, -34n))).toBe(0n);
    expect(load('data', 'xdp_md')).toBe(data - 20n);
    expect(negative(call(kernel, 'xdp_adjust_head', context, BigInt.asUintN(64, -500n)))).toBe(-EINVAL);
    expect(negative(call(kernel, 'xdp_adjust_head', context, 100n))).toBe(-EINVAL);
  });

  it('grows and shrinks at its end, and takes metadata', () => {
    const { kernel, context, load } = begin(XDP);
    const end = load('data_end', 'xdp_md');
    expect(call(kernel, 'xdp_adjust_tail', context, 16n)).toBe(0n);
    expect(load('data_end', 'xdp_md')).toBe(end + 16n);
    expect(negative(call(kernel, 'xdp_adjust_tail', context, 4000n))).toBe(-EINVAL);
    expect(call(kernel, 'xdp_adjust_meta', context, BigInt.asUintN(64, -8n))).toBe(0n);
    expect(load('data', 'xdp_md') - load('data_meta', 'xdp_md')).toBe(8n);
    expect(negative(call(kernel, 'xdp_adjust_meta', context, BigInt.asUintN(64, -3n)))).toBe(-EINVAL);
  });
});

describe('struct __sk_buff', () => {
  it('shows the packet and its fields, and stores reach the sk_buff', () => {
    const { kernel, context, load } = begin(TC, { context: { packet: { ...FRAME.context.packet, mark: 7 } } });
    expect(load('len', '__sk_buff')).toBe(34n);
    expect(load('protocol', '__sk_buff')).toBe(0x0008n);
    expect(load('mark', '__sk_buff')).toBe(7n);
    const at = kernel.offset(context) + kernel.layouts.struct('__sk_buff').offset('mark');
    kernel.contextStore(at, 4, 9n);
    expect(load('mark', '__sk_buff')).toBe(9n);
    const skb = kernel.offset(kernel.contexts.kernelContext(context));
    expect(kernel.world.get(skb, 'sk_buff', 'mark')).toBe(9n);
  });

  it('begins behind the Ethernet header for programs of the protocols above', () => {
    const { load } = begin(newProgram({ type: 'cgroup_skb' }));
    expect(load('len', '__sk_buff')).toBe(20n);
  });

  it('loads and stores bytes within the packet only', () => {
    const { kernel, context, load } = begin(TC);
    const buffer = stack(kernel);
    expect(call(kernel, 'skb_load_bytes', context, 12n, buffer, 2n)).toBe(0n);
    expect(kernel.memory.readU16(kernel.offset(buffer))).toBe(0x0008);
    expect(negative(call(kernel, 'skb_load_bytes', context, 33n, buffer, 2n))).toBe(-EFAULT);
    kernel.memory.writeU16(kernel.offset(buffer), 0xdd86);
    expect(call(kernel, 'skb_store_bytes', context, 12n, buffer, 2n, 0n)).toBe(0n);
    expect(kernel.memory.readU16(kernel.offset(load('data', '__sk_buff')) + 12)).toBe(0xdd86);
    expect(kernel.legacyLoad(context, 12, 2)).toBe(0x86ddn);
    expect(kernel.legacyLoad(context, 33, 2)).toBeUndefined();
  });

  it('keeps an IPv4 checksum right when a field changes', () => {
    const header = '45000032 00010000 40110000 c0000201 c0000202';
    const { kernel, context, load } = begin(TC, {
      context: { packet: { data: `020000000002 020000000001 0800 ${header}` } },
    });
    const data = kernel.offset(load('data', '__sk_buff'));
    const sum = (): number => {
      let total = 0;
      for (let i = 14; i < 34; i += 2) total += kernel.memory.readU16(data + i);
      while (total > 0xffff) total = (total & 0xffff) + (total >> 16);
      return total;
    };
    kernel.memory.writeU16(data + 24, ~sum() & 0xffff);
    expect(sum()).toBe(0xffff);
    const old = kernel.memory.readU32(data + 30);
    kernel.memory.writeU32(data + 30, 0x0100007f);
    expect(call(kernel, 'l3_csum_replace', context, 24n, BigInt(old), 0x0100007fn, 4n)).toBe(0n);
    expect(sum()).toBe(0xffff);
  });
});

describe('tracing', () => {
  it('makes arguments up from the types of the traced function', () => {
    const kernel = newKernel({ tasks: [{ pid: 5, comm: 'sh' }], context: { args: { clone_flags: 7 } } });
    const id = kernel.btf.findByName('btf_trace_task_newtask');
    const program = newProgram({
      type: 'tracing',
      attachType: 'trace_raw_tp',
      attachTarget: 'task_newtask',
      attachBtfId: id,
    });
    kernel.begin(program);
    const at = kernel.offset(kernel.context(program));
    const task = kernel.world.behind(kernel.memory.readU64(at));
    expect(task?.name).toBe('task:5');
    expect(kernel.memory.readU64(at + 8)).toBe(7n);
    expect(kernel.contexts.functionArgumentCount()).toBe(2);
    expect(kernel.world.get(task!.offset, 'task_struct', 'pid')).toBe(5n);
  });

  it('leaves no field null that programs may rely on', () => {
    const kernel = newKernel({});
    const id = kernel.btf.findByName('bpf_lsm_bprm_committed_creds');
    const program = newProgram({ type: 'lsm', attachType: 'lsm_mac', attachBtfId: id });
    kernel.begin(program);
    const binprm = kernel.offset(kernel.memory.readU64(kernel.offset(kernel.context(program))));
    expect(kernel.world.behind(kernel.world.get(binprm, 'linux_binprm', 'file'))?.struct).toBe('file');
    const unknown = newProgram({ type: 'raw_tracepoint_writable', attachTarget: 'of_a_module' });
    kernel.begin(unknown);
    const buffer = kernel.memory.readU64(kernel.offset(kernel.context(unknown)));
    expect(kernel.memory.check(buffer, 64, 'write')).toBeUndefined();
  });

  it('fills the registers of a kprobe', () => {
    const kernel = newKernel({ context: { args: [11, 22], ret: -5 } });
    const program = newProgram({ type: 'kprobe', attachTarget: 'do_unlinkat' });
    kernel.begin(program);
    const regs = kernel.offset(kernel.context(program));
    expect(kernel.world.get(regs, 'pt_regs', 'di')).toBe(11n);
    expect(kernel.world.get(regs, 'pt_regs', 'si')).toBe(22n);
    expect(kernel.world.get(regs, 'pt_regs', 'ax')).toBe(BigInt.asUintN(64, -5n));
  });

  it('hands an iterator the map that the scenario names', () => {
    const kernel = newKernel({ context: { args: { map: { ref: 'map:m' } } } });
    const map = newMap(kernel, { type: MapType.hash });
    const program = newProgram({ type: 'tracing', attachType: 'trace_iter', attachTarget: 'bpf_map' });
    kernel.begin(program);
    const context = kernel.offset(kernel.context(program));
    expect(kernel.world.get(context, 'bpf_iter__bpf_map', 'map')).toBe(map.address);
    expect(kernel.world.get(context, 'bpf_iter__bpf_map', 'meta')).not.toBe(0n);
  });

  it('describes objects by their fields', () => {
    const kernel = newKernel({ context: { args: [{ struct: 'task_struct', fields: { pid: 77, comm: 'made up' } }] } });
    const id = kernel.btf.findByName('btf_trace_task_newtask');
    const program = newProgram({ type: 'tracing', attachType: 'trace_raw_tp', attachBtfId: id });
    kernel.begin(program);
    const task = kernel.offset(kernel.memory.readU64(kernel.offset(kernel.context(program))));
    expect(kernel.world.get(task, 'task_struct', 'pid')).toBe(77n);
  });
});

describe('sockets', () => {
  const scenario: Scenario = {
    sockets: [
      { name: 'web', protocol: 'tcp', local: '192.0.2.2', localPort: 80 },
      {
        name: 'client',
        protocol: 'tcp',
        local: '192.0.2.2',
        localPort: 80,
        remote: '192.0.2.1',
        remotePort: 1234,
        mark: 3,
      },
    ],
  };

  it('are found by address, an established one before a listener, and released', () => {
    const { kernel, context } = begin(TC, scenario);
    const tuple = stack(kernel);
    kernel.memory.bytes.set([192, 0, 2, 1, 192, 0, 2, 2, 0x04, 0xd2, 0, 80], kernel.offset(tuple));
    const socket = call(kernel, 'sk_lookup_tcp', context, tuple, 12n, 0n, 0n);
    expect(kernel.world.behind(socket)?.name).toBe('socket:client');
    const view = kernel.offset(socket);
    expect(kernel.world.get(view, 'bpf_sock', 'mark')).toBe(3n);
    expect(kernel.world.get(view, 'bpf_sock', 'src_port')).toBe(80n);
    expect(kernel.ledger.outstanding()).toHaveLength(1);
    call(kernel, 'sk_release', socket);
    kernel.memory.writeU8(kernel.offset(tuple) + 3, 9);
    expect(kernel.world.behind(call(kernel, 'sk_lookup_tcp', context, tuple, 12n, 0n, 0n))?.name).toBe('socket:web');
  });
});
