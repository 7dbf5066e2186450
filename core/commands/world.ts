/** Commands about maps and about the world that programs run in. */
import { BailoutError } from '../errors.ts';
import { mapEntries } from '../debugger/inspect.ts';
import { nearest } from '../nearest.ts';
import { evaluate } from '../debugger/expressions/evaluate.ts';
import { formatValue } from '../debugger/expressions/format.ts';
import { bytesOf, numberOf } from '../debugger/expressions/values.ts';
import type { Session } from '../debugger/session.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { hexBytes } from '../kernel/scenario.ts';
import { parseScenario, withCapturedPacket } from '../kernel/scenario-file.ts';
import { pathsAfter, valuesOf, withField } from '../kernel/scenario-paths.ts';
import type { BpfMap } from '../kernel/maps/map.ts';
import { mapTypeNames } from '../kernel/tables/map-types.ts';
import type { Patience } from '../trace/timeline.ts';
import type { Command, Context, Output } from './command.ts';
import { table, usageError, words } from './command.ts';
import { forgetPacket, packet } from './packets.ts';

function kernelOf(session: Session): Kernel {
  return session.isRunning ? session.machine.kernel : session.liveTimeline().machine.kernel;
}

export function mapNamed(session: Session, name: string): BpfMap {
  const map = kernelOf(session).maps.byName(name);
  if (map !== undefined) return map;
  const near = nearest(
    name,
    session.object.maps.map((definition) => definition.name),
  );
  throw new BailoutError('NO_MAP', `There is no map \`${name}\`.`, {
    hint: near === undefined ? 'map list' : `Did you mean \`${near}\`?`,
  });
}

const scenario: Command = {
  name: 'scenario',
  aliases: [],
  group: 'Maps and the world',
  usage: 'scenario show | load FILE | set PATH VALUE',
  summary: 'shows, loads or changes the world that programs run in',
  details:
    'scenario set time 5, scenario set tasks[0].comm nginx, scenario set context.packet {"data": "0011", "mark": 7}. Loading and changing a\nscenario forgets all runs. The fields: docs/scenario.md.',
  run(args, context) {
    const { session, host } = context;
    const [what = 'show', file] = words(args);
    if (what === 'set') return setField(context, args.trim().slice('set'.length).trim());
    if (what === 'show') {
      const text = JSON.stringify(
        session.scenario,
        (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value),
        2,
      );
      return { text, data: JSON.parse(text) as unknown };
    }
    if (what !== 'load' || file === undefined) throw usageError(scenario, 'Show what, or load which file?');
    const parsed = parseScenario(new TextDecoder().decode(host.readFile(file)), file.slice(file.lastIndexOf('/') + 1));
    const folder = file.slice(0, file.lastIndexOf('/') + 1);
    session.scenario = withCapturedPacket(parsed, (path) => host.readFile(path.startsWith('/') ? path : folder + path));
    session.reset();
    return { text: `Runs begin in the world of ${file}.`, data: { file } };
  },
  complete(args, context) {
    const [what, path = ''] = args;
    if (args.length <= 1) return ['show', 'load', 'set'];
    if (what !== 'set') return [];
    return args.length === 2 ? pathsAfter(context.session.scenario, path) : valuesOf(path);
  },
};

function setField(context: Context, text: string): Output {
  const [, path, value] = /^(\S+)\s+(\S.*)$/s.exec(text) ?? [];
  if (path === undefined || value === undefined) throw usageError(scenario, 'Set which field, and to what?');
  const { session, host } = context;
  const changed = withField(session.scenario, path, value);
  session.scenario = withCapturedPacket(changed, (file) => host.readFile(file));
  // What was chosen for the next run would hide it.
  if (/^context(?:\.packet(?:\.(?:data|pcap)\b.*)?)?$/.test(path)) forgetPacket(context);
  session.reset();
  return { text: `${path} is ${value}. Runs begin in this world.`, data: { path, value } };
}

const map: Command = {
  name: 'map',
  aliases: ['maps'],
  group: 'Maps and the world',
  usage: 'map list | dump NAME | lookup NAME KEY | update NAME KEY VALUE | delete NAME KEY',
  summary: 'shows the maps and what they hold; changes them between runs',
  details:
    'Keys and values are expressions (7, "text", *(u32 *)0xffff…) or bytes: hex:01020304. Changes are made after the last run, as user space would.',
  run(args, { session, limits }) {
    const [what = 'list', name, key, value] = words(args);
    if (what === 'list') return listMaps(session);
    if (name === undefined) throw usageError(map, 'Which map?');
    const found = mapNamed(session, name);
    switch (what) {
      case 'dump': {
        const { machine } = session.isRunning ? session : session.liveTimeline();
        const entries = mapEntries(session, machine, found, 1000);
        const text =
          entries.length === 0
            ? `${name} is empty.`
            : entries.map((entry) => `[${entry.key}] = ${entry.value}`).join('\n');
        return { text, data: { map: name, entries } };
      }
      case 'lookup': {
        if (key === undefined) throw usageError(map, 'Which key?');
        if (!session.isRunning) session.liveTimeline();
        const { scope } = session;
        const element = scope.element(name, evaluate(key, scope));
        const text = formatValue(element, (address, size) => scope.read(address, size));
        return { text, data: { map: name, key, found: element.kind !== 'nothing', value: text } };
      }
      case 'update':
      case 'delete': {
        if (key === undefined || (what === 'update' && value === undefined))
          throw usageError(map, what === 'update' ? 'Which key, and what value?' : 'Which key?');
        return changeMap(session, found, key, what === 'update' ? value : undefined, limits);
      }
      default:
        throw usageError(map, `\`${what}\` is nothing that can be done with maps.`);
    }
  },
  complete(args, { session }) {
    return args.length <= 1
      ? ['list', 'dump', 'lookup', 'update', 'delete']
      : session.object.maps.map(({ name }) => name);
  },
};

function listMaps(session: Session): { text: string; data: unknown } {
  const { maps } = kernelOf(session);
  const data = session.object.maps.map((definition) => {
    const live = maps.byName(definition.name);
    return {
      name: definition.name,
      type: mapTypeNames[definition.type] ?? String(definition.type),
      keySize: definition.keySize,
      valueSize: definition.valueSize,
      maxEntries: live?.maxEntries ?? definition.maxEntries,
      count: live?.count ?? 0,
    };
  });
  const rows = data.map((row) => [
    row.name,
    row.type,
    `key ${row.keySize}`,
    `value ${row.valueSize}`,
    `${row.count} of ${row.maxEntries}`,
  ]);
  return { text: rows.length === 0 ? 'The object has no maps.' : table(rows), data };
}

/** Between runs, as user space would. Keys and values are expressions or bytes. */
export function changeMap(
  session: Session,
  found: BpfMap,
  key: string,
  value: string | undefined,
  limits: Patience = {},
): { text: string; data: unknown } {
  const live = session.liveTimeline();
  const { scope } = session;
  const bytes = (text: string, size: number): Uint8Array => {
    const into = new Uint8Array(size);
    if (text.startsWith('hex:')) {
      const given = hexBytes(text.slice(4));
      if (given.length > size)
        throw new BailoutError(
          'MAP_SIZE',
          `\`${text}\` has ${given.length} bytes, and ${found.name} takes ${size} there.`,
        );
      into.set(given);
    } else {
      const result = evaluate(text, scope);
      const read = (address: bigint, length: number): Uint8Array => scope.read(address, length);
      if (result.kind === 'scalar') {
        const { bits } = numberOf(result, read);
        for (let i = 0; i < size; i++) into[i] = Number(BigInt.asUintN(8, bits >> BigInt(8 * i)));
      } else into.set(bytesOf(result, read).subarray(0, size));
    }
    return into;
  };
  const keyBytes = bytes(key, found.keySize);
  const valueBytes = value === undefined ? undefined : bytes(value, found.valueSize);
  const result = live.change((kernel) => {
    const at = kernel.scratch(found.keySize + found.valueSize + 8);
    const valueAt = at + ((found.keySize + 7) & ~7);
    kernel.memory.bytes.set(keyBytes, at);
    if (valueBytes !== undefined) kernel.memory.bytes.set(valueBytes, valueAt);
    kernel.memory.touch(at, found.keySize + found.valueSize + 8);
    return valueBytes === undefined ? found.delete(at) : found.update(at, valueAt, 0n);
  }, limits);
  session.isChanged = true;
  if (result < 0) throw new BailoutError('MAP_REFUSED', `${found.name} refuses: errno ${-result}.`);
  return { text: value === undefined ? 'Deleted.' : 'Updated: the next run sees it.', data: { map: found.name } };
}

export const WORLD: readonly Command[] = [map, packet, scenario];
