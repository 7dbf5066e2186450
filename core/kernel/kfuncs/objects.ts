/** kfuncs on objects that programs allocate: making and dropping them, lists, trees, counts. */
import type { Behaviour, Call, Continuation, Suspension } from '../behaviour.ts';
import { KernelFault, errno } from '../behaviour.ts';
import { EINVAL } from '../errno.ts';
import type { HeapObject } from '../heap.ts';
import { LIST_NODE_OWNER, RB_NODE_OWNER } from '../heap.ts';
import { arg, callback, u32 } from '../helpers/arguments.ts';
import type { Kernel } from '../kernel.ts';
import { releaseReference } from '../release.ts';
import { Tree } from './rbtree.ts';

/** What stands in a node's owner while it is being put somewhere (BPF_PTR_POISON). */
const BEING_ADDED = 0xeb9fn + 0xdead000000000000n;

// ---- allocation -------------------------------------------------------------------------------------------------------

const make =
  (perCpu: boolean): Behaviour =>
  (call) => {
    const { kernel, program } = call;
    const btf = program.btf;
    if (btf === undefined)
      throw new KernelFault('NO_BTF', `${call.name} at insn ${call.insn}: program ${program.name} has no BTF`);
    const object = kernel.heap.allocate(btf, u32(call, 0), perCpu);
    const pointer = kernel.memory.pointer(object.offset);
    const typeName = `struct ${object.typeName}${perCpu ? ' __percpu' : ''}`;
    kernel.acquire(call, 'object', typeName, pointer, perCpu ? 'bpf_percpu_obj_drop' : 'bpf_obj_drop');
    return pointer;
  };

const drop: Behaviour = (call) => {
  releaseReference(call.kernel, 'object', arg(call, 0), call.name);
  return 0n;
};

/** The object that an argument (a pointer to it or to one of its nodes) belongs to. */
function objectOf(call: Call, pointer: bigint): HeapObject {
  const object = call.kernel.heap.around(call.kernel.offset(pointer));
  if (object === undefined) {
    throw new KernelFault(
      'BAD_POINTER',
      `${call.name} at insn ${call.insn}: 0x${pointer.toString(16)} is no allocated object`,
    );
  }
  return object;
}

function enterObject(call: Call, object: HeapObject): void {
  call.kernel.acquire(
    call,
    'object',
    `struct ${object.typeName}`,
    call.kernel.memory.pointer(object.offset),
    'bpf_obj_drop',
  );
}

const refcountAcquire: Behaviour = (call) => {
  const object = objectOf(call, arg(call, 0));
  if (!call.kernel.heap.addReference(object)) return 0n;
  enterObject(call, object);
  return arg(call, 0);
};

// ---- lists ------------------------------------------------------------------------------------------------------------

/** A zeroed head is an empty list that nobody has touched yet. */
function readyHead(kernel: Kernel, head: number): void {
  const { memory } = kernel;
  if (memory.readU64(head) !== 0n) return;
  memory.writeU64(head, memory.pointer(head));
  memory.writeU64(head + 8, memory.pointer(head));
}

const listPush =
  (atBack: boolean): Behaviour =>
  (call) => {
    const { kernel } = call;
    const { memory } = kernel;
    const head = kernel.offset(arg(call, 0));
    const node = kernel.offset(arg(call, 1));
    const object = objectOf(call, arg(call, 1));
    const value = memory.pointer(object.offset);
    if (memory.readU64(node + LIST_NODE_OWNER) !== 0n) {
      // It is in a list already (a counted object can be tried twice): the reference that was given is dropped.
      releaseReference(kernel, 'object', value, call.name);
      return errno(EINVAL);
    }
    readyHead(kernel, head);
    const previous = atBack ? kernel.offset(memory.readU64(head + 8)) : head;
    const next = atBack ? head : kernel.offset(memory.readU64(head));
    memory.writeU64(node, memory.pointer(next));
    memory.writeU64(node + 8, memory.pointer(previous));
    memory.writeU64(previous, memory.pointer(node));
    memory.writeU64(next + 8, memory.pointer(node));
    memory.writeU64(node + LIST_NODE_OWNER, memory.pointer(head));
    kernel.ledger.store('object', value, 'list', call.name);
    kernel.mapChanged(0, 'push', head);
    return 0n;
  };

const listPop =
  (fromBack: boolean): Behaviour =>
  (call) => {
    const { kernel } = call;
    const { memory } = kernel;
    const head = kernel.offset(arg(call, 0));
    readyHead(kernel, head);
    const pointer = memory.readU64(fromBack ? head + 8 : head);
    if (pointer === memory.pointer(head)) return 0n;
    const node = kernel.offset(pointer);
    const next = kernel.offset(memory.readU64(node));
    const previous = kernel.offset(memory.readU64(node + 8));
    memory.writeU64(previous, memory.pointer(next));
    memory.writeU64(next + 8, memory.pointer(previous));
    memory.writeU64(node, pointer);
    memory.writeU64(node + 8, pointer);
    memory.writeU64(node + LIST_NODE_OWNER, 0n);
    takeOut(call, pointer);
    kernel.mapChanged(0, 'pop', head);
    return pointer;
  };

const listEnd =
  (back: boolean): Behaviour =>
  (call) => {
    const head = call.kernel.offset(arg(call, 0));
    readyHead(call.kernel, head);
    const pointer = call.kernel.memory.readU64(back ? head + 8 : head);
    return pointer === call.kernel.memory.pointer(head) ? 0n : pointer;
  };

/** A node left its collection: the collection's reference is the program's now. */
function takeOut(call: Call, node: bigint): void {
  const object = objectOf(call, node);
  call.kernel.ledger.takeStored(call.kernel.memory.pointer(object.offset));
  enterObject(call, object);
}

// ---- trees ------------------------------------------------------------------------------------------------------------

interface AddState {
  readonly [key: string]: number | bigint | boolean | string;
  readonly root: number;
  readonly node: number;
  readonly parent: number;
  readonly leftmost: boolean;
  readonly less: number;
  readonly by: string;
}

const treeAdd: Behaviour = (call) => {
  const { kernel } = call;
  const root = kernel.offset(arg(call, 0));
  const node = kernel.offset(arg(call, 1));
  const less = callback(call, 2);
  const value = kernel.memory.pointer(objectOf(call, arg(call, 1)).offset);
  if (kernel.memory.readU64(node + RB_NODE_OWNER) !== 0n) {
    releaseReference(kernel, 'object', value, call.name);
    return errno(EINVAL);
  }
  kernel.memory.writeU64(node + RB_NODE_OWNER, BEING_ADDED);
  kernel.ledger.store('object', value, 'rbtree', call.name);
  const top = new Tree(kernel.memory, root).top;
  const state: AddState = { root, node, parent: top, leftmost: true, less, by: call.name };
  return top === 0 ? treeLink(kernel, state, true) : compare(kernel, state);
};

function compare(kernel: Kernel, state: AddState): Suspension {
  const args = [kernel.memory.pointer(state.node), kernel.memory.pointer(state.parent)];
  return { kind: 'callback', subprogramInsn: state.less, args, continuation: { name: 'rbtree_add', state } };
}

const treeAddNext: Continuation = (kernel, plain, r0) => {
  const state = plain as unknown as AddState;
  const tree = new Tree(kernel.memory, state.root);
  // `less` returns a bool: its lowest byte counts.
  const isLess = (r0 & 0xffn) !== 0n;
  const next = isLess ? tree.left(state.parent) : tree.right(state.parent);
  const leftmost = state.leftmost && isLess;
  if (next === 0) return treeLink(kernel, { ...state, leftmost }, isLess);
  return compare(kernel, { ...state, parent: next, leftmost });
};

function treeLink(kernel: Kernel, state: AddState, asLeft: boolean): bigint {
  const tree = new Tree(kernel.memory, state.root);
  tree.insert(state.node, state.parent, asLeft, state.leftmost);
  kernel.memory.writeU64(state.node + RB_NODE_OWNER, kernel.memory.pointer(state.root));
  kernel.mapChanged(0, 'push', state.root);
  return 0n;
}

const treeRemove: Behaviour = (call) => {
  const { kernel } = call;
  const root = kernel.offset(arg(call, 0));
  const node = kernel.offset(arg(call, 1));
  if (kernel.memory.readU64(node + RB_NODE_OWNER) !== arg(call, 0)) return 0n;
  new Tree(kernel.memory, root).erase(node);
  kernel.memory.writeU64(node + RB_NODE_OWNER, 0n);
  takeOut(call, arg(call, 1));
  kernel.mapChanged(0, 'pop', root);
  return arg(call, 1);
};

function nodePointer(call: Call, node: number): bigint {
  return node === 0 ? 0n : call.kernel.memory.pointer(node);
}

function tree(call: Call): Tree {
  return new Tree(call.kernel.memory, call.kernel.offset(arg(call, 0)));
}

const treeChild =
  (side: 'left' | 'right'): Behaviour =>
  (call) => {
    const node = call.kernel.offset(arg(call, 1));
    if (call.kernel.memory.readU64(node + RB_NODE_OWNER) !== arg(call, 0)) return 0n;
    return nodePointer(call, side === 'left' ? tree(call).left(node) : tree(call).right(node));
  };

export const objectKfuncs: Readonly<Record<string, Behaviour>> = {
  bpf_obj_new_impl: make(false),
  bpf_percpu_obj_new_impl: make(true),
  bpf_obj_drop_impl: drop,
  bpf_percpu_obj_drop_impl: drop,
  bpf_refcount_acquire_impl: refcountAcquire,
  bpf_list_push_front_impl: listPush(false),
  bpf_list_push_back_impl: listPush(true),
  bpf_list_pop_front: listPop(false),
  bpf_list_pop_back: listPop(true),
  bpf_list_front: listEnd(false),
  bpf_list_back: listEnd(true),
  bpf_rbtree_add_impl: treeAdd,
  bpf_rbtree_remove: treeRemove,
  bpf_rbtree_first: (call) => nodePointer(call, tree(call).leftmost),
  bpf_rbtree_root: (call) => nodePointer(call, tree(call).top),
  bpf_rbtree_left: treeChild('left'),
  bpf_rbtree_right: treeChild('right'),
};

export const objectContinuations: Readonly<Record<string, Continuation>> = { rbtree_add: treeAddNext };
