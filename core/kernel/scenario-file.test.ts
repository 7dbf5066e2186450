import { readFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BailoutError } from '../errors.ts';
import { parseJson } from './json-text.ts';
import { ScenarioError, checkScenario, parseScenario, scenarioProblems, withCapturedPacket } from './scenario-file.ts';
import { SCENARIO_SCHEMA } from './scenario-schema.ts';
import type { Scenario } from './scenario.ts';
import { defaultPacket } from './scenario.ts';

const problem = (value: unknown) => scenarioProblems(value)[0];
const failure = (text: string): BailoutError => {
  try {
    parseScenario(text, 'world.json');
  } catch (caught) {
    if (caught instanceof BailoutError) return caught;
    throw caught;
  }
  throw new Error('it was accepted');
};

/** One of everything. */
const everything = {
  version: 1,
  seed: 7,
  cpus: 4,
  cpu: 3,
  time: '0x1000000000',
  bootTime: 1_700_000_000_000_000_000n,
  nsPerInsn: 2,
  context: {
    packet: {
      data: defaultPacket,
      meta: '00 01',
      ifindex: 2,
      mark: 0xffff_ffff,
      socket: 'web',
      fields: { protocol: 8 },
    },
    args: [
      1,
      '0xff',
      'text',
      null,
      true,
      { ref: 'task:1000' },
      { struct: 'file', fields: { f_mode: 1 } },
      { hex: '00ff' },
    ],
    ret: -1,
    regs: { di: '0xffff888000000000', si: 2 },
    cookie: 5,
    address: { family: 'inet6', address: '::1', port: 80 },
    sysctl: { name: 'net/ipv4/tcp_mem', write: true },
    sockopt: { level: -1, value: '00' },
  },
  tasks: [
    { pid: 1000, comm: 'bpf', cgroup: 7, fields: { 'cred.uid.val': 5 } },
    { pid: 1001, parent: 1000 },
  ],
  currentTask: 1001,
  cgroups: [
    { id: 7, name: 'a' },
    { id: 8, parent: 7 },
  ],
  devices: [{ ifindex: 2, name: 'eth0', mac: '02:00:00:00:00:01' }],
  sockets: [{ name: 'web', protocol: 'tcp', local: '10.0.0.1', localPort: 80, remote: 'fd00::7', remotePort: 5 }],
  routes: [{ to: '10.0.0.0/8', ifindex: 2, mac: '020000000001' }],
  connections: [{ protocol: 'udp', source: '10.0.0.1', sourcePort: 1, destination: '10.0.0.2', destinationPort: 2 }],
  keys: { '17': { data: 'abcd' } },
  maps: {
    counters: { entries: [{ key: 1, value: { fields: { hits: 5 } } }], maxEntries: 16 },
    storage: { entries: [{ value: 1, owner: 'task:1001' }] },
    jumps: { slots: { '0': 'target' } },
    samples: { samples: ['00', 'ff'] },
  },
  globals: { limit: 5, text: 'abc' },
  variables: { jiffies: 100 },
  objects: {
    thing: { struct: 'inode', fields: { i_ino: 5 } },
    other: { struct: 'file', fields: { f_inode: { ref: 'thing' } } },
  },
  answers: [{ call: 'bpf_ringbuf_reserve', occurrence: 2, result: 0 }],
  userMemory: [{ address: '0x7fff00000000', bytes: '6869' }],
} satisfies Scenario;

describe('a scenario', () => {
  test('may say nothing', () => {
    expect(parseScenario('{}')).toEqual({});
  });

  test('may say all that docs/scenario.md lists', () => {
    expect(scenarioProblems(everything)).toEqual([]);
    expect(checkScenario(everything)).toBe(everything);
  });

  test('keeps whole numbers exactly, whatever their size', () => {
    const scenario = parseScenario('{"globals": {"a": 18446744073709551615, "b": 9007199254740993, "c": 5}}');
    expect(scenario.globals).toEqual({ a: 18446744073709551615n, b: 9007199254740993n, c: 5 });
  });

  test('may name its schema, for editors', () => {
    expect(parseScenario('{"$schema": "docs/scenario.schema.json"}').seed).toBeUndefined();
  });
});

describe('errors name the place, what is wrong, and what is allowed', () => {
  test('line, column and path in a file', () => {
    const error = failure('{\n  "tasks": [\n    { "pid": "many" }\n  ]\n}');
    expect(error.code).toBe('SCENARIO_INVALID');
    expect(error.message).toBe(
      'world.json:3:14: tasks[0].pid must be a whole number from 1 to 2147483647, but is "many".',
    );
    expect(error.offset).toBe(28);
  });

  test('a field that there is not, with the one that was meant', () => {
    const error = failure('{"tasks": [{"pid": 5, "com": "x"}]}');
    expect(error.message).toContain('tasks[0].com is no field that a scenario has here');
    expect(error.hint).toMatch(/^Did you mean "comm"\? Its fields are pid \(needed\), tgid/);
  });

  test('all problems are told, not only the first', () => {
    const error = failure('{"seed": -1, "cpus": 100}');
    expect(error).toBeInstanceOf(ScenarioError);
    expect(error.message).toContain('(and 1 more)');
    expect(error instanceof ScenarioError && error.problems.map((each) => each.path)).toEqual(['seed', 'cpus']);
  });

  test.each([
    [[], '', 'must be a scenario, but is a list'],
    [{ version: 2 }, 'version', 'must be 1, but is 2'],
    [{ tasks: {} }, 'tasks', 'must be a list, but is an object'],
    [{ tasks: [{}] }, 'tasks[0]', 'lacks the field "pid"'],
    [{ seed: 1.5 }, 'seed', 'must be a whole number from 0'],
    [{ time: 'soon' }, 'time', 'must be a whole number, or one in a string ("0xffff800000000000"), but is "soon"'],
    [{ time: '18446744073709551616' }, 'time', 'does not fit 64 bits'],
    [{ time: true }, 'time', 'but is true'],
    [{ context: { packet: { data: '0' } } }, 'context.packet.data', 'there are 1 digits, an odd number'],
    [{ context: { packet: { data: '0g' } } }, 'context.packet.data', '"g" is no hexadecimal digit'],
    [{ context: { packet: { data: '00', pcap: { file: 'x' } } } }, 'context.packet', 'has both "data" and "pcap"'],
    [{ context: { args: 5 } }, 'context.args', 'must be a list of values, or values by name, but is 5'],
    [{ context: { args: [{}] } }, 'context.args[0]', 'must be a number, a text'],
    [{ context: { args: [{ hex: 5 }] } }, 'context.args[0].hex', 'must be bytes as hexadecimal digits'],
    [{ context: { args: [{ ref: 'task:5', x: 1 }] } }, 'context.args[0].x', 'is no field'],
    [{ devices: [{ ifindex: 1, mac: '0:1' }] }, 'devices[0].mac', 'six bytes'],
    [{ devices: [{ ifindex: 1, name: 'a-name-that-is-long' }] }, 'devices[0].name', 'at most 15 characters'],
    [{ routes: [{ to: '10.0.0.0/33', ifindex: 1 }] }, 'routes[0].to', 'an IPv4 or IPv6 address, a slash'],
    [
      { sockets: [{ name: 'a', protocol: 'sctp', local: '::', localPort: 1 }] },
      'sockets[0].protocol',
      'one of "tcp", "udp"',
    ],
    [
      { sockets: [{ name: 'a', protocol: 'udp', local: '1.2.3', localPort: 1 }] },
      'sockets[0].local',
      'an IPv4 or IPv6 address',
    ],
    [{ maps: { 'a b': { entries: [{}] } } }, 'maps["a b"].entries[0]', 'lacks the field "value"'],
  ])('%j', (value, path, message) => {
    expect(problem(value)).toMatchObject({ path });
    expect(problem(value)?.message).toContain(message);
  });

  test.each([
    [{ cpu: 2 }, 'cpu', 'is 2, but there are 2 CPUs'],
    [{ tasks: [{ pid: 5 }], currentTask: 6 }, 'currentTask', 'which none of the tasks has'],
    [{ tasks: [{ pid: 5 }, { pid: 5 }] }, 'tasks[1].pid', 'is 5 a second time'],
    [{ tasks: [{ pid: 5, parent: 6 }] }, 'tasks[0].parent', 'is 6'],
    [{ tasks: [{ pid: 5, cgroup: 6 }] }, 'tasks[0].cgroup', 'no such cgroup'],
    [
      {
        cgroups: [
          { id: 2, parent: 3 },
          { id: 3, parent: 2 },
        ],
      },
      'cgroups[0].parent',
      'leads back',
    ],
    [{ context: { packet: { socket: 'web' } } }, 'context.packet.socket', 'no socket has that name'],
    [{ devices: [{ ifindex: 1 }], routes: [{ to: '::/0', ifindex: 2 }] }, 'routes[0].ifindex', 'no such device'],
    [{ globals: { a: { ref: 'nothing' } } }, 'globals.a.ref', 'nothing has that name'],
    [{ globals: { a: [{ fields: { b: { ref: 'task:x' } } }] } }, 'globals.a[0].fields.b.ref', 'stands a number'],
    [{ maps: { m: { entries: [{ value: 1, owner: 'cgroup:9' }] } } }, 'maps.m.entries[0].owner', 'no such cgroup'],
    [
      { sockets: [{ name: 'a', protocol: 'udp', local: '::', localPort: 1, remotePort: 1 }] },
      'sockets[0]',
      'without the other',
    ],
  ])('a name that leads nowhere: %j', (value, path, message) => {
    expect(problem(value)).toMatchObject({ path });
    expect(problem(value)?.message).toContain(message);
  });
});

describe('text that is no JSON', () => {
  test.each([
    ['', 1, 'the text ends where a value should stand'],
    ['{"a" 1}', 6, '":" should follow the name of the field "a"'],
    ['{"a": 1,}', 9, 'a field begins with its name in double quotes'],
    ['{"a": 1 "b"}', 9, '"," or "}" should follow a field'],
    ['{"a": 1, "a": 2}', 10, 'the field "a" stands there twice'],
    ['{"a": [1 2]}', 10, '"," or "]" should follow'],
    ['{"a": "b', 9, 'a string does not end'],
    ['{"a": "\\x"}', 9, '"\\x" is no escape'],
    ['{"a": 01}', 8, '"," or "}" should follow a field'],
    ['{} {}', 4, 'nothing should follow the value'],
    ["{'a': 1}", 2, 'double quotes'],
    ['['.repeat(100), 66, 'more than 64 deep'],
  ])('%s', (text, column, message) => {
    const error = failure(text);
    expect(error.code).toBe('SCENARIO_SYNTAX');
    expect(error.message).toContain(`world.json:1:${column}: not valid JSON: `);
    expect(error.message).toContain(message);
    expect(error.offset).toBe(column - 1);
  });

  test('JSON is read as JSON.parse reads it', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        // Only large whole numbers differ: here they are exact.
        const rounded = JSON.stringify(parseJson(text, 'x', 'X').value, (_, each: unknown) =>
          typeof each === 'bigint' ? Number(each) : each,
        );
        expect(rounded).toEqual(JSON.stringify(JSON.parse(text)));
      }),
    );
  });

  test('no field can reach the prototype of objects', () => {
    const { value } = parseJson('{"__proto__": {"polluted": 1}}', 'x', 'X');
    expect(Object.keys(value as object)).toEqual(['__proto__']);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(problem(value)?.path).toBe('__proto__');
  });

  test('a scenario of any shape is accepted or refused, never anything else', () => {
    const keys = fc.constantFrom(...Object.keys(SCENARIO_SCHEMA.properties ?? {}), 'x');
    const value = fc.anything({
      withBigInt: true,
      key: fc.oneof(keys, fc.constantFrom('pid', 'fields', 'ref', 'hex', 'entries', 'value')),
    });
    fc.assert(
      fc.property(fc.dictionary(keys, value), (scenario) => {
        expect(Array.isArray(scenarioProblems(scenario))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

describe('a packet from a capture', () => {
  const capture = Uint8Array.from(
    Buffer.from(
      'd4c3b2a1020004000000000000000000ffff000001000000' + '00'.repeat(8) + '0200000002000000' + 'abcd',
      'hex',
    ),
  );

  test('takes the place of its file name', () => {
    const scenario = parseScenario('{"context": {"packet": {"pcap": {"file": "a.pcap"}, "mark": 5}}}');
    const read: string[] = [];
    const result = withCapturedPacket(scenario, (path) => {
      read.push(path);
      return capture;
    });
    expect(read).toEqual(['a.pcap']);
    expect(result.context?.packet).toEqual({ data: 'abcd', mark: 5 });
  });

  test('that is not there is an error', () => {
    const scenario = checkScenario({ context: { packet: { pcap: { file: 'a.pcap', packet: 2 } } } });
    expect(() => withCapturedPacket(scenario, () => capture)).toThrow('a.pcap has no packet 2: it holds 1.');
  });
});

test('docs/scenario.schema.json is the schema', () => {
  const file = new URL('../../docs/scenario.schema.json', import.meta.url);
  // Written anew by: UPDATE_SCHEMA=1 npx vitest run core/kernel/scenario-file && npx prettier --write docs
  if (process.env['UPDATE_SCHEMA'] !== undefined) writeFileSync(file, JSON.stringify(SCENARIO_SCHEMA));
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(SCENARIO_SCHEMA);
});
