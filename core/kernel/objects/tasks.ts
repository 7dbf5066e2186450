/** Tasks, their credentials and files, and the cgroup tree. */
import { fillBytes, utf8, writeBytes } from '../bytes.ts';
import type { TaskScenario } from '../scenario.ts';
import type { World } from './world.ts';

/** The default task when a scenario has none. */
const DEFAULT_TASK: TaskScenario = { pid: 1000, comm: 'bpf' };
const INIT: TaskScenario = { pid: 1, comm: 'init' };
const COMM_SIZE = 16;
/** PF_KTHREAD is not set, so a task has memory of its own. */
const TASK_RUNNING = 0;
const ROOT_CGROUP = 1;

/** What a scenario says about a task; pid 1 and the running task always exist. */
export function taskScenario(world: World, pid: number): TaskScenario | undefined {
  const found = world.kernel.scenario.tasks?.find((task) => task.pid === pid);
  if (found !== undefined) return found;
  if (pid === INIT.pid) return INIT;
  return pid === world.currentPid ? { ...DEFAULT_TASK, pid } : undefined;
}

/** All pids, ascending. */
export function allPids(world: World): readonly number[] {
  const pids = new Set([INIT.pid, world.currentPid, ...(world.kernel.scenario.tasks ?? []).map((task) => task.pid)]);
  return [...pids].sort((a, b) => a - b);
}

/** Offset of the task_struct, or 0 when there is no such task. */
export function makeTask(world: World, pid: number): number {
  const scenario = taskScenario(world, pid);
  if (scenario === undefined) return 0;
  const { memory, layouts } = world.kernel;
  const task = world.make('task_struct', `task:${pid}`);
  const set = (path: string, value: bigint | number): void => world.set(task, 'task_struct', path, value);
  set('pid', pid);
  set('tgid', scenario.tgid ?? pid);
  set('flags', scenario.flags ?? 0);
  set('__state', TASK_RUNNING);
  set('rcu_users.refs.counter', 1);
  set('usage.refs.counter', 2);
  set('start_time', world.kernel.time / 2n);
  set('prio', 120);
  set('static_prio', 120);
  set('normal_prio', 120);
  set('recent_used_cpu', world.kernel.cpu);
  set('wake_cpu', world.kernel.cpu);
  const comm = layouts.struct('task_struct').offset('comm');
  writeBytes(memory, task + comm, utf8(scenario.comm ?? `task${pid}`).subarray(0, COMM_SIZE - 1));
  const point = (path: string, to: number): void => world.point(task, 'task_struct', path, to);
  const leader = scenario.tgid === undefined || scenario.tgid === pid ? task : world.find(`task:${scenario.tgid}`);
  point('group_leader', leader === 0 ? task : leader);
  const parent = pid === INIT.pid ? task : world.find(`task:${scenario.parent ?? INIT.pid}`);
  point('real_parent', parent);
  point('parent', parent);
  const cred = makeCred(world, scenario);
  point('cred', cred);
  point('real_cred', cred);
  const set_ = world.make('css_set', '');
  world.point(set_, 'css_set', 'dfl_cgrp', world.find(`cgroup:${scenario.cgroup ?? ROOT_CGROUP}`));
  point('cgroups', set_);
  const namespaces = world.make('nsproxy', '');
  world.point(namespaces, 'nsproxy', 'net_ns', world.find('net:'));
  point('nsproxy', namespaces);
  const mask = layouts.struct('task_struct').find('cpus_mask');
  if (mask !== undefined) {
    memory.writeU64(task + mask.offset, (1n << BigInt(world.kernel.cpus)) - 1n);
    point('cpus_ptr', task + mask.offset);
    set('nr_cpus_allowed', world.kernel.cpus);
  }
  makeMemoryMap(world, task, scenario);
  if (scenario.fields !== undefined) world.setFields(task, 'task_struct', scenario.fields);
  return task;
}

function makeCred(world: World, scenario: TaskScenario): number {
  const cred = world.make('cred', '');
  for (const kind of ['uid', 'euid', 'suid', 'fsuid']) world.set(cred, 'cred', `${kind}.val`, scenario.uid ?? 0);
  for (const kind of ['gid', 'egid', 'sgid', 'fsgid']) world.set(cred, 'cred', `${kind}.val`, scenario.gid ?? 0);
  world.set(cred, 'cred', 'usage.counter', 1);
  return cred;
}

function makeMemoryMap(world: World, task: number, scenario: TaskScenario): void {
  if (scenario.exe === undefined) return;
  const mm = world.make('mm_struct', '');
  world.point(mm, 'mm_struct', 'exe_file', world.find(`file:${scenario.exe}`));
  world.point(mm, 'mm_struct', 'owner', task);
  world.point(task, 'task_struct', 'mm', mm);
  world.point(task, 'task_struct', 'active_mm', mm);
}

/** A regular file, known by its path. */
export function makeFile(world: World, path: string): number {
  if (path === '') return 0;
  const { layouts, memory } = world.kernel;
  const file = world.make('file', `file:${path}`);
  const dentry = world.make('dentry', '');
  const inode = world.make('inode', '');
  const name = utf8(path.slice(path.lastIndexOf('/') + 1));
  const text = memory.allocate(name.length + 1, { access: 'ro', label: `name of ${path}` });
  writeBytes(memory, text, name);
  world.set(dentry, 'dentry', 'd_name.len', name.length);
  world.set(dentry, 'dentry', 'd_name.name', memory.pointer(text));
  const short = layouts.struct('dentry').find('d_shortname.string') ?? layouts.struct('dentry').find('d_iname');
  if (short !== undefined) writeBytes(memory, dentry + short.offset, name.subarray(0, short.size - 1));
  world.point(dentry, 'dentry', 'd_inode', inode);
  world.point(dentry, 'dentry', 'd_parent', dentry);
  world.set(inode, 'inode', 'i_ino', 1000 + (inode % 100000));
  world.set(inode, 'inode', 'i_mode', 0o100755);
  world.set(inode, 'inode', '__i_nlink', 1);
  world.point(file, 'file', 'f_inode', inode);
  world.point(file, 'file', 'f_path.dentry', dentry);
  world.setText(file, path);
  world.setText(dentry, path);
  world.setText(file + layouts.struct('file').offset('f_path'), path);
  return file;
}

/** Offset of the cgroup, or 0. The root has id 1 and always exists. */
export function makeCgroup(world: World, id: number): number {
  const scenario = world.kernel.scenario.cgroups?.find((cgroup) => cgroup.id === id);
  if (scenario === undefined && id !== ROOT_CGROUP) return 0;
  const { memory, layouts } = world.kernel;
  const parent = id === ROOT_CGROUP ? 0 : world.find(`cgroup:${scenario?.parent ?? ROOT_CGROUP}`);
  const level = parent === 0 ? 0 : Number(world.get(parent, 'cgroup', 'level')) + 1;
  const cgroup = world.make('cgroup', `cgroup:${id}`, { extra: 8 * (level + 1) });
  const node = world.make('kernfs_node', '');
  world.set(node, 'kernfs_node', 'id', id);
  const name = utf8(scenario?.name ?? (id === ROOT_CGROUP ? '' : `cgroup${id}`));
  const text = memory.allocate(name.length + 1, { access: 'ro', label: `name of cgroup ${id}` });
  writeBytes(memory, text, name);
  world.set(node, 'kernfs_node', 'name', memory.pointer(text));
  world.point(cgroup, 'cgroup', 'kn', node);
  world.set(cgroup, 'cgroup', 'level', level);
  world.set(cgroup, 'cgroup', 'self.id', level + 1);
  world.set(cgroup, 'cgroup', 'self.serial_nr', id);
  world.point(cgroup, 'cgroup', 'self.cgroup', cgroup);
  if (parent !== 0) world.point(cgroup, 'cgroup', 'self.parent', parent);
  const ancestors = layouts.struct('cgroup').find('ancestors');
  if (ancestors !== undefined) {
    for (let i = 0, from = cgroup; i <= level; i++) {
      memory.writeU64(cgroup + ancestors.offset + 8 * (level - i), memory.pointer(from));
      from = memory.offset(world.get(from, 'cgroup', 'self.parent')) ?? 0;
    }
  }
  return cgroup;
}

export function cgroupId(world: World, cgroup: number): bigint {
  const node = world.kernel.memory.offset(world.get(cgroup, 'cgroup', 'kn'));
  return node === undefined ? 0n : world.get(node, 'kernfs_node', 'id');
}

/** The ancestor of a cgroup at a level, or 0. */
export function cgroupAncestor(world: World, cgroup: number, level: number): number {
  const own = Number(world.get(cgroup, 'cgroup', 'level'));
  if (level < 0 || level > own) return 0;
  const ancestors = world.kernel.layouts.struct('cgroup').offset('ancestors');
  return world.kernel.memory.offset(world.kernel.memory.readU64(cgroup + ancestors + 8 * level)) ?? 0;
}

/** The cgroup that a task is in. */
export function cgroupOfTask(world: World, task: number): number {
  const set = world.kernel.memory.offset(world.get(task, 'task_struct', 'cgroups')) ?? 0;
  return world.kernel.memory.offset(world.get(set, 'css_set', 'dfl_cgrp')) ?? 0;
}

/** Every cgroup id, the root first, ascending. */
export function allCgroupIds(world: World): readonly number[] {
  const ids = new Set([ROOT_CGROUP, ...(world.kernel.scenario.cgroups ?? []).map((cgroup) => cgroup.id)]);
  return [...ids].sort((a, b) => a - b);
}

/** Copies a task's name into a buffer, the rest of which is cleared. */
export function copyComm(world: World, task: number, to: number, size: number): void {
  const { memory, layouts } = world.kernel;
  const comm = layouts.struct('task_struct').offset('comm');
  fillBytes(memory, to, size, 0);
  const text = memory.bytes.slice(task + comm, task + comm + COMM_SIZE);
  const end = text.indexOf(0);
  writeBytes(memory, to, text.subarray(0, Math.min(end < 0 ? COMM_SIZE : end, size - 1)));
}
