/**
 * What a schema cannot say about a scenario: that names and numbers by which one part means another exist, and that each exists once.
 */
import { memberPath } from './json-text.ts';
import type { ScenarioProblem } from './scenario-file.ts';
import type { Scenario, ScenarioValue } from './scenario.ts';

const ROOT_CGROUP = 1;
const DEFAULT_CPUS = 2;

/** All references of a scenario that lead nowhere, and all definitions that stand there twice. */
export function referenceProblems(scenario: Scenario): ScenarioProblem[] {
  const problems: ScenarioProblem[] = [];
  const report = (path: string, message: string, hint?: string): void => {
    problems.push(hint === undefined ? { path, message } : { path, message, hint });
  };

  const tasks = unique(scenario.tasks, 'tasks', 'pid', (task) => task.pid, report);
  const cgroups = unique(scenario.cgroups, 'cgroups', 'id', (cgroup) => cgroup.id, report).add(ROOT_CGROUP);
  const devices = unique(scenario.devices, 'devices', 'ifindex', (device) => device.ifindex, report);
  const sockets = unique(scenario.sockets, 'sockets', 'name', (socket) => socket.name, report);
  const objects = new Set(Object.keys(scenario.objects ?? {}));

  const cpus = scenario.cpus ?? DEFAULT_CPUS;
  if ((scenario.cpu ?? 0) >= cpus) report('cpu', `is ${scenario.cpu}, but there are ${cpus} CPUs, numbered from 0`);
  // Without a list there is the default task, which the number then renames; with one it chooses from it.
  if (scenario.currentTask !== undefined && tasks.size > 0 && !tasks.has(scenario.currentTask))
    report('currentTask', `is ${scenario.currentTask}, which none of the tasks has as its pid`, known('pids', tasks));
  scenario.tasks?.forEach((task, i) => {
    // 0 and 1 are there in every world.
    if (task.parent !== undefined && task.parent > 1 && !tasks.has(task.parent))
      report(`tasks[${i}].parent`, `is ${task.parent}, which none of the tasks has as its pid`, known('pids', tasks));
    if (task.cgroup !== undefined && !cgroups.has(task.cgroup))
      report(`tasks[${i}].cgroup`, `is ${task.cgroup}, but there is no such cgroup`, known('ids', cgroups));
  });
  scenario.cgroups?.forEach((cgroup, i) => {
    if (cgroup.parent !== undefined && !cgroups.has(cgroup.parent))
      report(`cgroups[${i}].parent`, `is ${cgroup.parent}, but there is no such cgroup`, known('ids', cgroups));
  });
  cgroupCircle(scenario, report);

  const wantSocket = (name: string | undefined, path: string): void => {
    if (name !== undefined && !sockets.has(name))
      report(path, `is "${name}", but no socket has that name`, known('names', sockets));
  };
  wantSocket(scenario.context?.socket, 'context.socket');
  wantSocket(scenario.context?.packet?.socket, 'context.packet.socket');
  scenario.sockets?.forEach((socket, i) => {
    if ((socket.remote === undefined) !== (socket.remotePort === undefined))
      report(`sockets[${i}]`, 'has one of "remote" and "remotePort" without the other');
  });
  scenario.routes?.forEach((route, i) => {
    if (devices.size > 0 && !devices.has(route.ifindex))
      report(`routes[${i}].ifindex`, `is ${route.ifindex}, but there is no such device`, known('ifindexes', devices));
  });
  const packet = scenario.context?.packet;
  if (packet?.data !== undefined && packet.pcap !== undefined)
    report('context.packet', 'has both "data" and "pcap"', 'Leave one of them out.');

  const wantTarget = (ref: string, path: string): void => {
    const [, kind = '', name = ''] = /^(task|cgroup|socket|device|file):(.*)$/.exec(ref) ?? [];
    const isNumbered = kind === 'task' || kind === 'cgroup' || kind === 'device' || kind === 'file';
    if (isNumbered && !/^\d{1,15}$/.test(name)) report(path, `is "${ref}", but after "${kind}:" stands a number`);
    else if (kind === 'task' && tasks.size > 0 && Number(name) > 1 && !tasks.has(Number(name)))
      report(path, `is "${ref}", but there is no such task`, known('pids', tasks));
    else if (kind === 'cgroup' && !cgroups.has(Number(name)))
      report(path, `is "${ref}", but there is no such cgroup`, known('ids', cgroups));
    else if (kind === 'device' && devices.size > 0 && !devices.has(Number(name)))
      report(path, `is "${ref}", but there is no such device`, known('ifindexes', devices));
    else if (kind === 'socket') {
      if (!sockets.has(name)) report(path, `is "${ref}", but no socket has that name`, known('names', sockets));
    } else if (kind === '' && !objects.has(ref))
      report(
        path,
        `is "${ref}", but nothing has that name`,
        `A reference is task:PID, cgroup:ID, socket:NAME, device:IFINDEX, file:NUMBER, or a name under "objects".`,
      );
  };
  for (const [path, value] of valuesOf(scenario)) references(value, path, wantTarget);
  for (const [name, map] of Object.entries(scenario.maps ?? {}))
    map.entries?.forEach((entry, i) => {
      if (entry.owner !== undefined) wantTarget(entry.owner, `${memberPath('maps', name)}.entries[${i}].owner`);
    });
  return problems;
}

type Report = (path: string, message: string, hint?: string) => void;

/** The keys of a list; the second of two that have the same is reported. */
function unique<Item, Key extends string | number>(
  items: readonly Item[] | undefined,
  path: string,
  field: string,
  key: (item: Item) => Key,
  report: Report,
): Set<Key> {
  const seen = new Set<Key>();
  items?.forEach((item, i) => {
    if (seen.has(key(item))) report(`${path}[${i}].${field}`, `is ${JSON.stringify(key(item))} a second time`);
    seen.add(key(item));
  });
  return seen;
}

function known(what: string, values: ReadonlySet<string | number>): string {
  const shown = [...values].slice(0, 20).join(', ');
  return values.size === 0 ? 'The scenario defines none.' : `The ${what} are ${shown}${values.size > 20 ? '…' : ''}.`;
}

/** Cgroups that are their own ancestors. */
function cgroupCircle(scenario: Scenario, report: Report): void {
  const parents = new Map(scenario.cgroups?.map((cgroup) => [cgroup.id, cgroup.parent ?? ROOT_CGROUP]));
  parents.delete(ROOT_CGROUP);
  const rooted = new Set<number>([ROOT_CGROUP]);
  scenario.cgroups?.forEach((cgroup, i) => {
    const path = new Set<number>();
    let at: number | undefined = cgroup.id;
    while (at !== undefined && !rooted.has(at) && !path.has(at)) {
      path.add(at);
      at = parents.get(at);
    }
    if (at !== undefined && path.has(at)) report(`cgroups[${i}].parent`, 'leads back to the cgroup itself');
    else for (const id of path) rooted.add(id);
  });
}

/** Every place of a scenario that holds a value in which references may stand. */
function* valuesOf(scenario: Scenario): Generator<readonly [path: string, value: ScenarioValue]> {
  const { context } = scenario;
  if (context?.args !== undefined)
    yield ['context.args', Array.isArray(context.args) ? context.args : { fields: context.args }] as readonly [
      string,
      ScenarioValue,
    ];
  if (context?.ret !== undefined) yield ['context.ret', context.ret];
  if (context?.packet?.fields !== undefined) yield ['context.packet', { fields: context.packet.fields }];
  for (const [i, task] of (scenario.tasks ?? []).entries())
    if (task.fields !== undefined) yield [`tasks[${i}]`, { fields: task.fields }];
  for (const [i, socket] of (scenario.sockets ?? []).entries())
    if (socket.fields !== undefined) yield [`sockets[${i}]`, { fields: socket.fields }];
  for (const part of ['globals', 'variables'] as const)
    for (const [name, value] of Object.entries(scenario[part] ?? {})) yield [memberPath(part, name), value];
  for (const [name, object] of Object.entries(scenario.objects ?? {}))
    if (object.fields !== undefined) yield [memberPath('objects', name), { fields: object.fields }];
  for (const [name, map] of Object.entries(scenario.maps ?? {}))
    for (const [i, entry] of (map.entries ?? []).entries()) {
      const path = `${memberPath('maps', name)}.entries[${i}]`;
      yield [`${path}.value`, entry.value];
      if (entry.key !== undefined) yield [`${path}.key`, entry.key];
    }
}

/** Calls back for each `{ ref }` inside a value. */
function references(value: ScenarioValue, path: string, found: (ref: string, path: string) => void): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) value.forEach((item: ScenarioValue, i) => references(item, `${path}[${i}]`, found));
  else if ('ref' in value) found(value.ref, `${path}.ref`);
  else if ('fields' in value)
    for (const [name, field] of Object.entries(value.fields ?? {}))
      references(field, memberPath(`${path}.fields`, name), found);
}
