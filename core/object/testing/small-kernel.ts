/** A kernel of a few types, for tests that must know all of them. */
import { BtfBuilder } from '../btf/builder.ts';
import type { Btf } from '../btf/btf.ts';
import { openKernelBtf } from '../kernel-btf.ts';

function make(): Btf {
  const types = new BtfBuilder();
  const int = types.int('int', 4, { signed: true });
  const u64 = types.int('unsigned long long', 8);
  const task = types.struct('task_struct', 64, [{ name: 'pid', type: int, bitOffset: 256 }]);
  types.func('do_exit', types.funcProto(0, [{ name: 'code', type: int }]));
  types.func('bpf_throw', types.funcProto(0, [{ name: 'cookie', type: u64 }]));
  types.variable('runqueues', task);
  types.func('bpf_lsm_file_open', types.funcProto(int, []));
  types.func('bpf_iter_task', types.funcProto(int, []));
  types.typedef(
    'btf_trace_sched_switch',
    types.pointer(types.funcProto(0, [{ name: 'data', type: types.pointer(0) }])),
  );
  const operation = types.pointer(types.funcProto(int, []));
  const ops = types.struct('my_ops', 32, [
    { name: 'reserved', type: u64, bitOffset: 0 },
    { name: 'stop', type: operation, bitOffset: 64 },
    { name: 'start', type: operation, bitOffset: 128 },
    { name: 'flags', type: int, bitOffset: 192 },
  ]);
  types.struct('bpf_struct_ops_my_ops', 96, [
    { name: 'common', type: u64, bitOffset: 0 },
    { name: 'data', type: ops, bitOffset: 512 },
  ]);
  return openKernelBtf(types.bytes());
}

export const smallKernel: Btf = make();
