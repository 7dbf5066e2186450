import { describe, expect, it } from 'vitest';
import { BtfBuilder } from '../object/btf/builder.ts';
import { Btf } from '../object/btf/btf.ts';
import { helperNamed, kfuncBehaviour, simulated } from './behaviours.ts';
import { describeEntry } from './ledger.ts';
import { releaseResource } from './release.ts';
import { MapType } from './maps/store.ts';
import { HELPERS } from './tables/helpers.ts';
import { call, faultOf, finish, negative, newKernel, newMap, newProgram, stack, start } from './testing/kernel.ts';
import { E2BIG, EBUSY, EDEADLK, EINVAL, ENOENT } from './errno.ts';
import { RingBufferMap } from './maps/ringbuf.ts';

/** struct node { struct bpf_list_node list; struct bpf_rb_node tree; struct bpf_refcount refs; int value; } */
function nodeBtf(): { btf: Btf; node: number; timerValue: number; kptrValue: number } {
  const types = new BtfBuilder();
  const u64 = types.int('unsigned long long', 8);
  const int = types.int('int', 4, { signed: true });
  const opaque = (words: number): number => types.array(u64, words, int);
  const list = types.struct('bpf_list_node', 24, [{ name: '__opaque', type: opaque(3), bitOffset: 0 }]);
  const tree = types.struct('bpf_rb_node', 32, [{ name: '__opaque', type: opaque(4), bitOffset: 0 }]);
  const refs = types.struct('bpf_refcount', 4, [{ name: '__opaque', type: int, bitOffset: 0 }]);
  const node = types.struct('node', 64, [
    { name: 'list', type: list, bitOffset: 0 },
    { name: 'tree', type: tree, bitOffset: 192 },
    { name: 'refs', type: refs, bitOffset: 448 },
    { name: 'value', type: int, bitOffset: 480 },
  ]);
  const timer = types.struct('bpf_timer', 16, [{ name: '__opaque', type: opaque(2), bitOffset: 0 }]);
  const timerValue = types.struct('timer_value', 24, [
    { name: 'count', type: u64, bitOffset: 0 },
    { name: 'timer', type: timer, bitOffset: 64 },
  ]);
  const task = types.struct('task_struct', 8, []);
  const kptrValue = types.struct('kptr_value', 8, [
    { name: 'task', type: types.pointer(types.typeTag('kptr', task)), bitOffset: 0 },
  ]);
  return { btf: Btf.open(types.bytes()), node, timerValue, kptrValue };
}

const { btf, node: NODE, timerValue: TIMER_VALUE, kptrValue: KPTR_VALUE } = nodeBtf();
const program = newProgram({ btf });
const TASKS = { tasks: [{ pid: 1000, comm: 'main' }, { pid: 42, comm: 'worker', tgid: 40, vpid: 3 }, { pid: 40 }] }; // prettier-ignore

describe('what is simulated', () => {
  it('covers every helper of the table', () => {
    const missing = HELPERS.filter((row) => row.id !== 0 && helperNamed(row.name) === undefined).map((row) => row.name);
    expect(missing).toEqual([]);
  });

  it('covers the kernel’s kfuncs, apart from algorithms that live in the kernel', () => {
    const kernel = newKernel();
    const missing: string[] = [];
    for (let id = 1; id < kernel.btf.typeCount; id++) {
      const name =
        kernel.btf.kindName(id) === 'decl_tag' && kernel.btf.name(id) === 'bpf_kfunc'
          ? kernel.btf.name(kernel.btf.typeId(id))
          : undefined;
      if (name !== undefined && kfuncBehaviour(name) === undefined) missing.push(name);
    }
    expect(missing.filter((name) => !/^(bbr|cubictcp)_/.test(name))).toEqual([
      'bpf_modify_return_test2',
      'bpf_modify_return_test_tp',
    ]);
  });

  it('names each behaviour once', () => {
    const { helpers, kfuncs } = simulated();
    expect(new Set([...helpers, ...kfuncs]).size).toBe(helpers.length + kfuncs.length);
  });
});

describe('references', () => {
  it('are entered when they are handed out, and gone when they are released', () => {
    const kernel = newKernel(TASKS);
    const task = call(kernel, 'bpf_task_from_pid', 42n);
    expect(kernel.ledger.held().map(describeEntry)).toEqual([
      'struct task_struct #1 (acquired by bpf_task_from_pid at insn 0)',
    ]);
    expect(call(kernel, 'bpf_task_acquire', task)).toBe(task);
    call(kernel, 'bpf_task_release', task);
    call(kernel, 'bpf_task_release', task);
    expect(kernel.ledger.held()).toEqual([]);
    expect(faultOf(kernel, 'bpf_task_release', task)).toBe('LEDGER_NOT_HELD');
  });

  it('are null for what the scenario does not know', () => {
    const kernel = newKernel(TASKS);
    expect(call(kernel, 'bpf_task_from_pid', 7n)).toBe(0n);
    expect(call(kernel, 'bpf_task_from_vpid', 3n)).not.toBe(0n);
    expect(call(kernel, 'bpf_cgroup_from_id', 9n)).toBe(0n);
  });

  it('are released by an unwinding under the name of the function that does it', () => {
    const kernel = newKernel(TASKS);
    const slot = stack(kernel);
    call(kernel, 'bpf_task_from_pid', 42n);
    call(kernel, 'bpf_iter_num_new', slot, 0n, 3n);
    call(kernel, 'bpf_rcu_read_lock');
    call(kernel, 'bpf_cpumask_create');
    const names = [...kernel.ledger.held()].reverse().map((entry) => releaseResource(kernel, entry));
    expect(names).toEqual(['bpf_cpumask_release', 'bpf_rcu_read_unlock', 'bpf_iter_num_destroy', 'bpf_task_release']);
    expect(kernel.ledger.held()).toEqual([]);
  });

  it('answer as the scenario wants, to try rare failures out', () => {
    const kernel = newKernel({ ...TASKS, answers: [{ call: 'bpf_task_from_pid', occurrence: 2, result: 0 }] });
    expect(call(kernel, 'bpf_task_from_pid', 42n)).not.toBe(0n);
    expect(call(kernel, 'bpf_task_from_pid', 42n)).toBe(0n);
    expect(call(kernel, 'bpf_task_from_pid', 42n)).not.toBe(0n);
    expect(kernel.ledger.held()).toHaveLength(2);
  });
});

describe('objects of a program', () => {
  const make = (kernel: ReturnType<typeof newKernel>): bigint => {
    const object = start(kernel, 'bpf_obj_new_impl', [BigInt(NODE), 0n], { program });
    if (typeof object !== 'bigint') throw new Error(object.kind);
    return object;
  };

  it('go when the last reference goes, and later uses are caught', () => {
    const kernel = newKernel();
    kernel.running = newProgram({ sleepable: true });
    const object = make(kernel);
    expect(call(kernel, 'bpf_refcount_acquire_impl', object)).toBe(object);
    call(kernel, 'bpf_obj_drop_impl', object);
    expect(kernel.memory.check(object, 8, 'read')).toBeUndefined();
    call(kernel, 'bpf_obj_drop_impl', object);
    expect(kernel.memory.check(object, 8, 'read')?.kind).toBe('freed');
    expect(faultOf(kernel, 'bpf_obj_drop_impl', object)).toBe('LEDGER_NOT_HELD');
  });

  it('stay readable for RCU readers until the program ends', () => {
    const kernel = newKernel();
    kernel.begin(program);
    const object = make(kernel);
    call(kernel, 'bpf_obj_drop_impl', object);
    expect(kernel.memory.check(object, 8, 'read')).toBeUndefined();
    expect(kernel.end()).toEqual([]);
    expect(kernel.memory.check(object, 8, 'read')?.kind).toBe('freed');
  });

  it('move into lists and out again', () => {
    const kernel = newKernel();
    const head = stack(kernel);
    const [a, b] = [make(kernel), make(kernel)];
    expect(call(kernel, 'bpf_list_pop_front', head)).toBe(0n);
    call(kernel, 'bpf_list_push_back_impl', head, a);
    call(kernel, 'bpf_list_push_front_impl', head, b);
    expect(kernel.ledger.held()).toEqual([]);
    expect(kernel.ledger.stored().map((entry) => entry.where)).toEqual(['list', 'list']);
    expect(call(kernel, 'bpf_list_front', head)).toBe(b);
    expect(call(kernel, 'bpf_list_pop_back', head)).toBe(a);
    expect(kernel.ledger.held()).toHaveLength(1);
    expect(call(kernel, 'bpf_list_pop_back', head)).toBe(b);
    expect(call(kernel, 'bpf_list_pop_back', head)).toBe(0n);
  });

  it('are dropped when they are pushed a second time', () => {
    const kernel = newKernel();
    const head = stack(kernel);
    const object = make(kernel);
    call(kernel, 'bpf_refcount_acquire_impl', object);
    call(kernel, 'bpf_list_push_back_impl', head, object);
    expect(negative(call(kernel, 'bpf_list_push_back_impl', head, object))).toBe(-EINVAL);
    expect(kernel.ledger.held()).toEqual([]);
  });

  it('are sorted into trees by the program’s own comparison', () => {
    const kernel = newKernel();
    const root = stack(kernel);
    const less = new Map([[0x77n, 30]]);
    const nodeOf = (object: bigint): bigint => object + 24n;
    const valueOf = (node: bigint): number => kernel.memory.readU32(kernel.offset(node) - 24 + 60);
    const objects = [5, 1, 9, 3].map((value) => {
      const object = make(kernel);
      kernel.memory.writeU32(kernel.offset(object) + 60, value);
      const added = start(kernel, 'bpf_rbtree_add_impl', [root, nodeOf(object), 0x77n], { functions: less });
      const result = finish(kernel, added, ([a, b], insn) => {
        expect(insn).toBe(30);
        return valueOf(a!) < valueOf(b!) ? 1n : 0n;
      });
      expect(result).toBe(0n);
      return object;
    });
    const first = call(kernel, 'bpf_rbtree_first', root);
    expect(valueOf(first)).toBe(1);
    expect(call(kernel, 'bpf_rbtree_remove', root, first)).toBe(first);
    expect(kernel.resourceValue(first)).toBe(objects[1]);
    expect(valueOf(call(kernel, 'bpf_rbtree_first', root))).toBe(3);
    expect(call(kernel, 'bpf_rbtree_remove', root, first)).toBe(0n);
  });
});

describe('kptrs', () => {
  it('take a reference from the program, and give it back or drop it with the map’s element', () => {
    const kernel = newKernel(TASKS);
    const map = newMap(kernel, { type: MapType.hash, valueSize: 8, valueTypeId: KPTR_VALUE }, btf);
    const key = stack(kernel);
    call(kernel, 'map_update_elem', map.address, key, stack(kernel), 0n);
    const value = call(kernel, 'map_lookup_elem', map.address, key);
    const task = call(kernel, 'bpf_task_from_pid', 42n);
    expect(call(kernel, 'kptr_xchg', value, task)).toBe(0n);
    expect(kernel.ledger.held()).toEqual([]);
    expect(call(kernel, 'kptr_xchg', value, 0n)).toBe(task);
    expect(kernel.ledger.held()).toHaveLength(1);
    call(kernel, 'kptr_xchg', value, task);
    const references = kernel.world.behind(task)?.references ?? 0;
    call(kernel, 'map_delete_elem', map.address, key);
    expect(kernel.world.behind(task)?.references).toBe(references - 1);
    expect(kernel.ledger.stored()).toEqual([]);
  });
});

describe('locks and regions', () => {
  it('are entries of the ledger', () => {
    const kernel = newKernel();
    const lock = stack(kernel);
    call(kernel, 'spin_lock', lock);
    expect(faultOf(kernel, 'spin_lock', lock)).toBe('DEADLOCK');
    call(kernel, 'spin_unlock', lock);
    expect(faultOf(kernel, 'spin_unlock', lock)).toBe('LEDGER_NOT_HELD');
    expect(negative(call(kernel, 'bpf_res_spin_lock', lock))).toBe(0);
    expect(negative(call(kernel, 'bpf_res_spin_lock', lock))).toBe(-EDEADLK);
    call(kernel, 'bpf_res_spin_unlock', lock);
    expect(kernel.ledger.held()).toEqual([]);
    expect(faultOf(kernel, 'bpf_rcu_read_unlock')).toBe('LEDGER_NOT_HELD');
  });

  it('nest interrupts', () => {
    const kernel = newKernel();
    const slots = stack(kernel);
    call(kernel, 'bpf_local_irq_save', slots);
    call(kernel, 'bpf_local_irq_save', slots + 8n);
    expect(kernel.memory.readU64(kernel.offset(slots))).toBe(0x202n);
    expect(kernel.memory.readU64(kernel.offset(slots) + 8)).toBe(0x2n);
    call(kernel, 'bpf_local_irq_restore', slots + 8n);
    call(kernel, 'bpf_local_irq_restore', slots);
    expect(kernel.ledger.held()).toEqual([]);
  });
});

describe('iterators', () => {
  const walk = (kernel: ReturnType<typeof newKernel>, kind: string, ...args: bigint[]): bigint[] => {
    const slot = stack(kernel);
    const error = call(kernel, `bpf_iter_${kind}_new`, slot, ...args);
    const seen: bigint[] = [];
    for (
      let item = call(kernel, `bpf_iter_${kind}_next`, slot);
      item !== 0n;
      item = call(kernel, `bpf_iter_${kind}_next`, slot)
    )
      seen.push(item);
    expect(kernel.ledger.held().map((entry) => entry.value)).toEqual([slot]);
    call(kernel, `bpf_iter_${kind}_destroy`, slot);
    expect(kernel.ledger.held()).toEqual([]);
    return error === 0n ? seen : [error];
  };

  it('count', () => {
    const kernel = newKernel();
    expect(walk(kernel, 'num', 0n, 3n)).toHaveLength(3);
    expect(walk(kernel, 'num', 0xfffffffen, 1n)).toHaveLength(3);
    expect(walk(kernel, 'num', 3n, 3n)).toEqual([]);
    expect(walk(kernel, 'num', 3n, 0n).map(negative)).toEqual([-EINVAL]);
    expect(walk(kernel, 'num', 0n, 1n << 24n).map(negative)).toEqual([-E2BIG]);
  });

  it('walk bits, tasks and cgroups', () => {
    const kernel = newKernel({ ...TASKS, cgroups: [{ id: 5 }, { id: 6, parent: 5 }, { id: 7 }] });
    const bits = stack(kernel);
    kernel.memory.writeU64(kernel.offset(bits), 0x8000000000000005n);
    expect(walk(kernel, 'bits', bits, 1n)).toHaveLength(3);
    expect(walk(kernel, 'bits', 0n, 1n).map(negative)).toEqual([-EINVAL]);
    expect(walk(kernel, 'task', 0n, 0n)).toHaveLength(3);
    expect(walk(kernel, 'task', 0n, 1n)).toHaveLength(4);
    const root = call(kernel, 'bpf_cgroup_from_id', 1n);
    call(kernel, 'bpf_cgroup_release', root);
    const id = (css: bigint): bigint =>
      kernel.world.get(kernel.offset(kernel.world.get(kernel.offset(css), 'cgroup', 'kn')), 'kernfs_node', 'id');
    expect(walk(kernel, 'css', root, 2n).map(id)).toEqual([1n, 5n, 6n, 7n]);
    expect(walk(kernel, 'css', root, 3n).map(id)).toEqual([6n, 5n, 7n, 1n]);
  });
});

describe('callbacks', () => {
  it('bpf_loop ends when it is told to', () => {
    const kernel = newKernel();
    const functions = new Map([[0x77n, 12]]);
    const rounds: bigint[] = [];
    const count = finish(kernel, start(kernel, 'loop', [10n, 0x77n, 5n, 0n], { functions }), ([i, context]) => {
      rounds.push(i!);
      expect(context).toBe(5n);
      return i === 3n ? 1n : 0n;
    });
    expect(count).toBe(4n);
    expect(rounds).toEqual([0n, 1n, 2n, 3n]);
    expect(negative(call(kernel, 'loop', (1n << 23n) + 1n, 0x77n, 0n, 0n))).toBe(-E2BIG);
  });

  it('for_each visits all elements, also when the callback deletes them', () => {
    const kernel = newKernel();
    const map = newMap(kernel, { type: MapType.hash, maxEntries: 8 });
    const key = stack(kernel);
    for (const n of [3, 1, 2]) {
      kernel.memory.writeU32(kernel.offset(key), n);
      call(kernel, 'map_update_elem', map.address, key, stack(kernel), 0n);
    }
    const functions = new Map([[0x77n, 12]]);
    const keys: number[] = [];
    const visited = finish(
      kernel,
      start(kernel, 'for_each_map_elem', [map.address, 0x77n, 0n, 0n], { functions }),
      (args) => {
        keys.push(kernel.memory.readU32(kernel.offset(args[1]!)));
        call(kernel, 'map_delete_elem', map.address, args[1]!);
        return 0n;
      },
    );
    expect(visited).toBe(3n);
    expect(keys).toEqual([3, 1, 2]);
    expect(map.count).toBe(0);
  });

  it('timers run on the virtual clock, in the order of their times', () => {
    const kernel = newKernel();
    const map = newMap(kernel, { type: MapType.array, valueSize: 24, maxEntries: 3, valueTypeId: TIMER_VALUE }, btf);
    const functions = new Map([[0x77n, 12]]);
    [300n, 100n, 200n].forEach((delay, index) => {
      const key = stack(kernel);
      kernel.memory.writeU32(kernel.offset(key), index);
      const timer = call(kernel, 'map_lookup_elem', map.address, key) + 8n;
      expect(call(kernel, 'timer_init', timer, map.address, 1n)).toBe(0n);
      expect(negative(call(kernel, 'timer_init', timer, map.address, 1n))).toBe(-EBUSY);
      expect(negative(call(kernel, 'timer_start', timer, delay, 0n))).toBe(-EINVAL);
      expect(start(kernel, 'timer_set_callback', [timer, 0x77n], { functions, program })).toBe(0n);
      expect(call(kernel, 'timer_start', timer, delay, 0n)).toBe(0n);
    });
    const begin = kernel.time;
    const ran: [bigint, number][] = [];
    for (let due = kernel.asyncDue(); due !== undefined; due = kernel.asyncDue()) {
      ran.push([kernel.time - begin, kernel.memory.readU32(kernel.offset(due.args[1]!))]);
      kernel.async.done();
    }
    expect(ran).toEqual([[100n, 1], [200n, 2], [300n, 0]]); // prettier-ignore
  });

  it('a tail call replaces the program, thirty-three times at most', () => {
    const kernel = newKernel({ maps: { m: { slots: { 1: 'target' } } } });
    const target = newProgram({ name: 'target' });
    kernel.addProgram(target);
    const definition = newMap(kernel, { type: MapType.progArray, maxEntries: 2 }).definition;
    kernel.loadObject({
      name: 'o',
      license: 'GPL',
      programs: [target],
      maps: [definition, { ...definition, index: 1, name: 'other' }],
      externs: [],
      kernelBtf: kernel.btf,
      notes: [],
    });
    const map = kernel.maps.of(definition);
    expect(negative(call(kernel, 'tail_call', 0n, map.address, 0n))).toBe(-ENOENT);
    expect(negative(call(kernel, 'tail_call', 0n, map.address, 2n))).toBe(-EINVAL);
    for (let i = 0; i < 33; i++)
      expect(start(kernel, 'tail_call', [0n, map.address, 1n])).toMatchObject({ kind: 'tail-call', program: target });
    expect(negative(call(kernel, 'tail_call', 0n, map.address, 1n))).toBe(-EINVAL);
  });
});

describe('determinism', () => {
  it('the same seed gives the same numbers, another one others', () => {
    const numbers = (seed: number): bigint[] => {
      const kernel = newKernel({ seed });
      return Array.from({ length: 5 }, () => call(kernel, 'get_prandom_u32'));
    };
    expect(numbers(1)).toEqual(numbers(1));
    expect(numbers(1)).not.toEqual(numbers(2));
  });

  it('a restored checkpoint goes on exactly as the first time', () => {
    const kernel = newKernel(TASKS);
    const ring = newMap(kernel, { type: MapType.ringBuffer, keySize: 0, valueSize: 0, maxEntries: 4096 });
    kernel.begin(program);
    kernel.context(program);
    const checkpoint = kernel.checkpoint();
    const run = (): unknown => {
      const results = [
        call(kernel, 'bpf_task_from_pid', 42n),
        call(kernel, 'get_prandom_u32'),
        call(kernel, 'ringbuf_reserve', ring.address, 8n, 0n),
      ];
      const object = start(kernel, 'bpf_obj_new_impl', [BigInt(NODE), 0n], { program });
      call(kernel, 'ringbuf_submit', results[2]!, 0n);
      kernel.tick(100);
      return [
        ...results,
        object,
        kernel.time,
        kernel.ledger.held(),
        kernel.output.total,
        call(kernel, 'ringbuf_query', ring.address, 3n),
      ];
    };
    const first = run();
    kernel.restore(checkpoint);
    expect(kernel.ledger.held()).toEqual([]);
    expect(kernel.output.newest().lines).toEqual([]);
    expect(run()).toEqual(first);
    expect(ring).toBeInstanceOf(RingBufferMap);
  });
});
