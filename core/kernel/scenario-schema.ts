/**
 * What a scenario file may say: a JSON Schema (draft 2020-12), as data.
 *
 * It is the one description of the file: checking reads it, docs/scenario.schema.json is it (for editors that complete and check
 * while one types), and docs/scenario.md explains it. Of JSON Schema only the keywords of `Schema` are used. The formats are
 * ours and are checked by scenario-file.ts; other readers take them as remarks.
 */

export type SchemaType = 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean' | 'null';

export type SchemaFormat =
  /** A 64-bit number, signed or unsigned: decimal or with 0x in a string. */
  | 'integer64'
  /** Bytes as hexadecimal digits; white space and colons between them are ignored. */
  | 'hex'
  /** Six bytes, with or without colons. */
  | 'mac'
  | 'ip-address'
  /** An address, a slash and a number of bits. */
  | 'ip-prefix';

export interface Schema {
  readonly $ref?: string;
  /** What is expected, as error messages say it: "a whole number". */
  readonly title?: string;
  readonly description?: string;
  readonly type?: SchemaType | readonly SchemaType[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: false | Schema;
  readonly items?: Schema;
  readonly maxItems?: number;
  readonly enum?: readonly (string | number)[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly format?: SchemaFormat;
  readonly anyOf?: readonly Schema[];
}

export interface RootSchema extends Schema {
  readonly $schema: string;
  readonly $id: string;
  readonly $defs: Readonly<Record<string, Schema>>;
}

const U8: Schema = { type: 'integer', minimum: 0, maximum: 0xff };
const U16: Schema = { type: 'integer', minimum: 0, maximum: 0xffff };
const U32: Schema = { type: 'integer', minimum: 0, maximum: 0xffff_ffff };
const I32: Schema = { type: 'integer', minimum: -0x8000_0000, maximum: 0xffff_ffff };
const TEXT: Schema = { type: 'string' };
const ID: Schema = { type: 'integer', minimum: 1, maximum: 0x7fff_ffff };
const INTEGER: Schema = { $ref: '#/$defs/integer' };
const HEX: Schema = { $ref: '#/$defs/hex' };
const VALUE: Schema = { $ref: '#/$defs/value' };
const FIELDS: Schema = { $ref: '#/$defs/fields' };

/** The same schema with a description of what it is for. */
function as(schema: Schema, description: string): Schema {
  return { ...schema, description };
}

function object(properties: Readonly<Record<string, Schema>>, required: readonly string[] = []): Schema {
  return { type: 'object', properties, additionalProperties: false, ...(required.length === 0 ? {} : { required }) };
}

function listOf(items: Schema, description: string): Schema {
  return { type: 'array', items, description };
}

function byName(values: Schema, description: string): Schema {
  return { type: 'object', additionalProperties: values, description };
}

const VALUES: Readonly<Record<string, Schema>> = {
  integer: {
    title: 'a whole number, or one in a string ("0xffff800000000000")',
    description: 'A 64-bit number, signed or unsigned. In a string it may be hexadecimal.',
    type: ['integer', 'string'],
    format: 'integer64',
  },
  hex: {
    title: 'bytes as hexadecimal digits, two for each',
    description: 'White space and colons between the digits are ignored.',
    type: 'string',
    format: 'hex',
  },
  mac: {
    title: 'six bytes as hexadecimal digits, with or without colons',
    type: 'string',
    format: 'mac',
  },
  fields: {
    description: 'Fields by name; a path such as "cred.uid.val" or "children[0]" reaches inside.',
    type: 'object',
    additionalProperties: VALUE,
  },
  value: {
    title: 'a number, a text, true, false, null, a list, or an object with "hex", "ref", "struct" or "fields"',
    description:
      'What a field, an argument or an element of a map holds. A string that is no number is a text, for arrays of characters.',
    anyOf: [
      { type: ['integer', 'string', 'boolean', 'null'] },
      { type: 'array', items: VALUE },
      object({ hex: as(HEX, 'The bytes themselves.') }, ['hex']),
      object(
        {
          ref: as(
            TEXT,
            'A pointer to an object of the scenario: task:1000, cgroup:7, socket:web, device:2, file:/bin/sh, or a name under "objects".',
          ),
        },
        ['ref'],
      ),
      object(
        { struct: as(TEXT, 'A pointer to a new object: the name of a struct in the kernel’s BTF.'), fields: FIELDS },
        ['struct'],
      ),
      object({ fields: FIELDS }, ['fields']),
    ],
  },
};

const CONTEXT: Readonly<Record<string, Schema>> = {
  packet: object({
    data: as(HEX, 'The frame, from its Ethernet header. The default is 64 bytes of UDP over IPv4.'),
    pcap: {
      ...object(
        {
          file: as(TEXT, 'A pcap or pcapng file; a path that begins with no slash counts from the scenario file.'),
          packet: { type: 'integer', minimum: 1, description: 'Which packet of it; the first, 1, when left out.' },
        },
        ['file'],
      ),
      description: 'The frame out of a capture, instead of "data".',
    },
    meta: as(HEX, 'XDP metadata before the packet.'),
    ifindex: as(U32, 'Device that it came in at.'),
    ingressIfindex: as(U32, 'skb->ingress_ifindex.'),
    rxQueue: as(U32, 'xdp_md.rx_queue_index.'),
    mark: as(U32, 'skb->mark.'),
    priority: as(U32, 'skb->priority.'),
    hash: as(U32, 'skb->hash.'),
    queueMapping: as(U32, 'skb->queue_mapping.'),
    pktType: as(U32, 'skb->pkt_type.'),
    vlanTci: as(U16, 'skb->vlan_tci; 0 means no tag.'),
    tcIndex: as(U32, 'skb->tc_index.'),
    socket: as(TEXT, 'Name of the socket that it belongs to.'),
    fields: as(FIELDS, 'Further fields of struct sk_buff.'),
  }),
  address: object({
    family: { enum: ['inet', 'inet6', 'unix'], description: 'inet when left out.' },
    address: { type: 'string', format: 'ip-address', title: 'an IPv4 or IPv6 address' },
    port: U16,
    path: as(TEXT, 'Of a unix socket.'),
    source: { type: 'string', format: 'ip-address', title: 'an IPv4 or IPv6 address', description: 'For sendmsg.' },
  }),
  sysctl: object({
    name: as(TEXT, 'As in net/ipv4/tcp_mem.'),
    value: as(TEXT, 'Before the write.'),
    newValue: as(TEXT, 'What is being written.'),
    write: as({ type: 'boolean' }, 'Whether it is a write.'),
    position: as(U32, 'Position in the file.'),
  }),
  sockopt: object({
    level: I32,
    name: I32,
    value: HEX,
    ret: as(I32, 'What the kernel’s own getsockopt returned.'),
  }),
  context: object({
    packet: as({ $ref: '#/$defs/packet' }, 'For networking programs.'),
    args: {
      title: 'a list of values, or values by name',
      anyOf: [{ type: 'array', items: VALUE }, FIELDS],
      description: 'Arguments of a traced function, tracepoint, LSM hook or struct_ops member, in order or by name.',
    },
    ret: as(VALUE, 'What the traced function returned (fexit, kretprobe).'),
    regs: byName(INTEGER, 'Registers of a kprobe, uprobe or perf event, by their x86 names: di, si, ip, sp.'),
    bytes: as(HEX, 'The context of a syscall program, or the record of a tracepoint.'),
    fields: byName(INTEGER, 'Fields of the context by the names that programs use, where nothing above says it.'),
    socket: as(TEXT, 'Name of the socket that the program runs on.'),
    address: as({ $ref: '#/$defs/address' }, 'For bind, connect, sendmsg and their like.'),
    sysctl: as({ $ref: '#/$defs/sysctl' }, 'For cgroup/sysctl.'),
    sockopt: as({ $ref: '#/$defs/sockopt' }, 'For cgroup/getsockopt and setsockopt.'),
    cookie: as(INTEGER, 'What bpf_get_attach_cookie returns.'),
  }),
};

const WORLD: Readonly<Record<string, Schema>> = {
  task: object(
    {
      pid: ID,
      tgid: as(ID, 'Thread group; the pid when left out.'),
      comm: { type: 'string', maxLength: 15 },
      uid: U32,
      gid: U32,
      parent: as(U32, 'pid of the parent; 1 when left out.'),
      cgroup: as(U32, 'Id of its cgroup; the root, 1, when left out.'),
      vpid: as(ID, 'Number in its own pid namespace.'),
      exe: as(TEXT, 'Path of the executable.'),
      flags: as(U32, 'PF_* flags.'),
      fields: as(FIELDS, 'Further fields of struct task_struct.'),
    },
    ['pid'],
  ),
  cgroup: object(
    {
      id: { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER },
      parent: {
        type: 'integer',
        minimum: 1,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'The root, 1, when left out.',
      },
      name: TEXT,
    },
    ['id'],
  ),
  device: object(
    { ifindex: ID, name: { type: 'string', minLength: 1, maxLength: 15 }, mtu: U32, mac: { $ref: '#/$defs/mac' } },
    ['ifindex'],
  ),
  socket: object(
    {
      name: as(TEXT, 'What the rest of the scenario calls it.'),
      protocol: { enum: ['tcp', 'udp'] },
      family: { enum: ['inet', 'inet6'], description: 'As the local address when left out.' },
      local: { type: 'string', format: 'ip-address', title: 'an IPv4 or IPv6 address' },
      localPort: U16,
      remote: {
        type: 'string',
        format: 'ip-address',
        title: 'an IPv4 or IPv6 address',
        description: 'Left out: a listener.',
      },
      remotePort: U16,
      state: as(U8, 'BPF_TCP_* number.'),
      mark: U32,
      fields: as(FIELDS, 'Further fields of struct sock.'),
    },
    ['name', 'protocol', 'local', 'localPort'],
  ),
  route: object(
    {
      to: { type: 'string', format: 'ip-prefix', title: 'an IPv4 or IPv6 address, a slash and a number of bits' },
      ifindex: ID,
      via: { type: 'string', format: 'ip-address', title: 'an IPv4 or IPv6 address', description: 'The next hop.' },
      mac: as({ $ref: '#/$defs/mac' }, 'Of the next hop; without it there is no neighbour entry.'),
      result: as(U8, 'BPF_FIB_LKUP_RET_* other than success.'),
      mtu: U32,
    },
    ['to', 'ifindex'],
  ),
  connection: object(
    {
      protocol: { enum: ['tcp', 'udp'] },
      source: { type: 'string', format: 'ip-address', title: 'an IPv4 or IPv6 address' },
      sourcePort: U16,
      destination: { type: 'string', format: 'ip-address', title: 'an IPv4 or IPv6 address' },
      destinationPort: U16,
      status: as(U32, 'IPS_* flags.'),
      timeout: as(U32, 'Of the entry, in seconds.'),
    },
    ['protocol', 'source', 'sourcePort', 'destination', 'destinationPort'],
  ),
  mapEntry: object(
    {
      key: as(VALUE, 'Left out for queues, stacks and bloom filters.'),
      value: as(VALUE, 'For per-CPU maps a list with one value for each CPU, or one for all.'),
      owner: as(TEXT, 'For local storage: what the value belongs to, as in a "ref": task:1000.'),
    },
    ['value'],
  ),
  map: object({
    entries: listOf({ $ref: '#/$defs/mapEntry' }, 'What it holds at the start.'),
    maxEntries: as(U32, 'Where the object leaves it to the loader, or asks for more than is wanted here.'),
    samples: listOf(HEX, 'For a user ring buffer: the samples that wait in it.'),
    slots: byName(TEXT, 'For a program array or a map of maps: name of a program or map by slot.'),
  }),
  answer: object(
    {
      call: as(TEXT, 'Name of the helper or kfunc: bpf_ringbuf_reserve, bpf_obj_new_impl.'),
      occurrence: {
        type: 'integer',
        minimum: 1,
        description: 'Which call of that name in the run; each one when left out.',
      },
      result: as(INTEGER, 'What it returns instead of doing anything.'),
    },
    ['call', 'result'],
  ),
};

export const SCENARIO_SCHEMA: RootSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'bailout/scenario.schema.json',
  title: 'a scenario',
  description: 'The world that Bailout runs a BPF program in. docs/scenario.md explains it.',
  ...object({
    $schema: as(TEXT, 'Where an editor finds this schema; ignored.'),
    version: { enum: [1] },
    seed: {
      type: 'integer',
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      description: 'Of the random numbers; 0 when left out.',
    },
    cpus: { type: 'integer', minimum: 1, maximum: 64, description: 'Two when left out.' },
    cpu: { type: 'integer', minimum: 0, maximum: 63, description: 'On which the program runs, from 0.' },
    time: as(INTEGER, 'Nanoseconds since boot at the start; 1,000 s when left out.'),
    bootTime: as(INTEGER, 'Nanoseconds between the epoch and boot.'),
    nsPerInsn: {
      type: 'integer',
      minimum: 0,
      maximum: 1_000_000_000,
      description: 'Time that an instruction takes; 1 when left out.',
    },
    context: { $ref: '#/$defs/context' },
    tasks: listOf({ $ref: '#/$defs/task' }, 'One, with pid 1000, when left out.'),
    currentTask: as(ID, 'pid of the task that the program runs in; the first of "tasks" when left out.'),
    cgroups: listOf({ $ref: '#/$defs/cgroup' }, 'Besides the root, whose id is 1.'),
    devices: listOf({ $ref: '#/$defs/device' }, 'Network devices.'),
    sockets: listOf({ $ref: '#/$defs/socket' }, 'Sockets that lookups find and packets belong to.'),
    routes: listOf({ $ref: '#/$defs/route' }, 'What bpf_fib_lookup finds.'),
    connections: listOf({ $ref: '#/$defs/connection' }, 'What connection tracking knows.'),
    keys: byName(object({ data: HEX }), 'Keys by serial number.'),
    maps: byName({ $ref: '#/$defs/map' }, 'Contents of maps, by the map’s name.'),
    globals: byName(VALUE, 'Global variables of the object, by name.'),
    variables: byName(VALUE, 'Kernel variables by name: jiffies, nr_cpu_ids.'),
    objects: byName(
      object({ struct: TEXT, fields: FIELDS }, ['struct']),
      'Further kernel objects, by the name that a "ref" gives.',
    ),
    answers: listOf({ $ref: '#/$defs/answer' }, 'Calls that answer what you say: how rare failures are tried out.'),
    userMemory: listOf(
      object({ address: INTEGER, bytes: HEX }, ['address', 'bytes']),
      'What bpf_probe_read_user and bpf_copy_from_user find.',
    ),
  }),
  $defs: { ...VALUES, ...CONTEXT, ...WORLD },
};
