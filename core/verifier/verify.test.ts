/** What the verifier says of small programs. Lines and figures are Linux 6.18's. */
import { describe, expect, test } from 'vitest';
import { bundledKernelBtf } from '../object/testing/kernel-btf.ts';
import { BPF_F_RDONLY_PROG } from '../kernel/tables/map-types.ts';
import type { ProgramParts } from './testing/assembled.ts';
import { assembled, check, mapOf } from './testing/assembled.ts';
import { verify } from './verify.ts';

const HASH = 1;
const ARRAY = 2;

/** name, program, last line ('' when accepted), and what kind of program it is */
type Case = readonly [name: string, source: string, message: string, parts?: ProgramParts];

const table = (cases: readonly Case[]): void => {
  test.each(cases.map((row) => [row[0], row] as const))('%s', (_name, [, source, message, parts]) => {
    const result = check(source, parts);
    expect([result.verdict, result.message]).toEqual([message === '' ? 'accepted' : 'rejected', message]);
  });
};

describe('the shape of a program', () => {
  table([
    ['a constant may be returned', 'r0 = 0\nexit', ''],
    ['nothing may be left without an exit', 'r0 = 0', 'last insn is not an exit or jmp'],
    ['all code must be reachable', 'r0 = 0\nexit\nr0 = 1\nexit', 'unreachable insn 2'],
    ['jumps stay in the program', 'r0 = 0\nif r0 == 0 goto +5\nexit', 'jump out of range from insn 1 to 7'],
    ['or before it', 'r0 = 0\ngoto -3\nexit', 'jump out of range from insn 1 to -1'],
    [
      'no jump into the second half of a wide load',
      'if r1 == 0 goto +1\nr0 = 1 ll\nexit',
      'jump into the middle of ldimm64 insn 1',
    ],
    ['a loop that ends is followed to its end', 'r0 = 0\nagain:\nr0 += 1\nif r0 < 100 goto again\nexit', ''],
    ['r10 is the frame pointer', 'r10 = 0\nr0 = 0\nexit', 'frame pointer is read only'],
    ['division by a constant zero', 'r0 = 1\nr0 /= 0\nexit', 'div by zero'],
    ['shifts by more than the width', 'r0 = 1\nr0 <<= 64\nexit', 'invalid shift 64'],
  ]);

  test('a loop that never ends is found by the state coming back', () => {
    const { verdict, log } = check('r0 = 0\nagain:\nr0 = 1\ngoto again\nexit', {});
    expect(verdict).toBe('rejected');
    expect(log).toContain('unreachable insn 3');
    const endless = check('r0 = 0\nagain:\nr0 ^= 0\nif r0 == 0 goto again\nexit');
    expect(endless.verdict).toBe('rejected');
    expect(endless.log).toContain('infinite loop detected at insn');
  });

  const long = 'r0 = 0\nagain:\nr0 += 1\nif r0 < 100000 goto again\nexit';

  test('a million instructions are enough', () => {
    const result = check(long, {}, { maxInsns: 1000, logLevel: 0 });
    expect([result.verdict, result.message]).toEqual(['rejected', 'BPF program is too large. Processed 1001 insn']);
  });

  test('it can be cancelled', () => {
    const result = check(long, {}, { logLevel: 0, isCancelled: () => true });
    expect(result).toMatchObject({ verdict: 'rejected', message: 'verification was cancelled' });
  });
});

describe('registers and the stack', () => {
  table([
    ['an argument is the context', 'r0 = *(u32 *)(r1 +0)\nexit', ''],
    ['R2 holds nothing at the start', 'r0 = r2\nexit', 'R2 !read_ok'],
    ['nor R0 at the end', 'exit', 'R0 !read_ok'],
    ['a call leaves R1 to R5 undefined', 'call 7\nr0 = r1\nexit', 'R1 !read_ok'],
    ['a number is no address', 'r1 = 0\nr0 = *(u64 *)(r1 +0)\nexit', "R1 invalid mem access 'scalar'"],
    ['what was stored can be read', '*(u64 *)(r10 -8) = 7\nr0 = *(u64 *)(r10 -8)\nexit', ''],
    ['the stack has 512 bytes', 'r0 = 0\n*(u64 *)(r10 -520) = r0\nexit', 'invalid write to stack R10 off=-520 size=8'],
    ['and none above', 'r0 = *(u64 *)(r10 +0)\nexit', 'invalid read from stack R10 off=0 size=8'],
    ['access is aligned', 'r0 = 0\n*(u32 *)(r10 -6) = r0\nexit', 'misaligned stack access off 0+0+-6 size 4'],
    ['pointers are not multiplied', 'r1 *= 2\nr0 = 0\nexit', 'R1 pointer arithmetic with *= operator prohibited'],
    ['two of them do not add', 'r2 = r10\nr2 += r1\nr0 = 0\nexit', 'R2 pointer += pointer prohibited'],
    [
      'an unknown number does not move the stack pointer',
      'call 7\nr2 = r10\nr2 += r0\nr0 = 0\nexit',
      'math between fp pointer and register with unbounded min value is not allowed',
    ],
  ]);
});

describe('maps', () => {
  const maps = [mapOf(HASH, 4, 8)];
  const lookup = '*(u32 *)(r10 -4) = 0\nr2 = r10\nr2 += -4\nr1 = map_fd[0]\ncall 1\n';
  table([
    [
      'a value is there only after the test for null',
      `${lookup}if r0 == 0 goto out\nr0 = *(u64 *)(r0 +0)\nout:\nexit`,
      '',
      { maps },
    ],
    ['not before', `${lookup}r0 = *(u64 *)(r0 +0)\nexit`, "R0 invalid mem access 'map_value_or_null'", { maps }],
    [
      'it has a size',
      `${lookup}if r0 == 0 goto out\nr0 = *(u64 *)(r0 +8)\nout:\nr0 = 0\nexit`,
      'R0 min value is outside of the allowed memory range',
      { maps: [mapOf(HASH, 4, 8)] },
    ],
    ['no such map', 'r1 = map_fd[3]\nr0 = 0\nexit', 'fd 3 is not pointing to valid bpf_map', { maps }],
    [
      'the value of an array can be addressed directly',
      'r1 = map_value[0] + 4\nr0 = *(u32 *)(r1 +0)\nexit',
      '',
      { maps: [mapOf(ARRAY, 4, 8)] },
    ],
    [
      'inside of it',
      'r1 = map_value[0] + 9\nr0 = *(u32 *)(r1 +0)\nexit',
      'invalid access to map value pointer, value_size=8 off=9',
      { maps: [mapOf(ARRAY, 4, 8)] },
    ],
    [
      'a hash has no value of its own',
      'r1 = map_value[0] + 0\nr0 = 0\nexit',
      'no direct value access support for this map type',
      { maps },
    ],
    [
      'a map that is read-only to programs is not written',
      'r1 = map_value[0] + 0\n*(u32 *)(r1 +0) = 1\nr0 = 0\nexit',
      'write into map forbidden, value_size=8 off=0 size=4',
      { maps: [mapOf(ARRAY, 4, 8, { flags: BPF_F_RDONLY_PROG })] },
    ],
  ]);
});

describe('what may be returned', () => {
  const cgroup: ProgramParts = { type: 'cgroup_sock', attachType: 'cgroup_inet_sock_create' };
  table([
    ['anything by a socket filter', 'r0 = 12345\nexit', ''],
    ['0 or 1 by a cgroup program', 'r0 = 1\nexit', '', cgroup],
    [
      'and nothing else',
      'r0 = 2\nexit',
      'At program exit the register R0 has smin=2 smax=2 should have been in [0, 1]',
      cgroup,
    ],
    [
      'nor what is not known',
      'call 7\nexit',
      'At program exit the register R0 has unknown scalar value should have been in [0, 1]',
      cgroup,
    ],
    ['nor a pointer', 'r0 = r1\nexit', 'At program exit the register R0 is not a known value (ctx)', cgroup],
    ['a known range is as good', 'call 7\nr0 &= 1\nexit', '', cgroup],
  ]);
});

describe('subprograms', () => {
  const deep = (bytes: number): string => `*(u64 *)(r10 -${bytes}) = 0\nr0 = 0\nexit`;
  table([
    ['are entered with the caller in mind', 'r1 = 3\ncall sub\nexit\nsub:\nr0 = r1\nr0 += 1\nexit', ''],
    ['what they do not return is lost', 'r6 = 1\ncall sub\nr0 = r1\nexit\nsub:\nr0 = 0\nexit', 'R1 !read_ok'],
    [
      'share one stack',
      `*(u64 *)(r10 -264) = 0\ncall sub\nexit\nsub:\n${deep(264)}`,
      'combined stack size of 2 calls is 544. Too large',
    ],
    ['of 512 bytes, rounded by 16 for each', `*(u64 *)(r10 -256) = 0\ncall sub\nexit\nsub:\n${deep(256)}`, ''],
    [
      'may have stacks of their own in programs that do not interrupt themselves',
      `*(u64 *)(r10 -264) = 0\ncall sub\nexit\nsub:\n${deep(264)}`,
      '',
      { type: 'kprobe' },
    ],
  ]);

  test('nest eight deep', () => {
    const chain = Array.from({ length: 8 }, (_, i) => `s${i}:\ncall s${i + 1}\nexit`).join('\n');
    const result = check(`call s0\nexit\n${chain}\ns8:\nr0 = 0\nexit`);
    expect([result.verdict, result.message]).toEqual(['rejected', 'the call stack of 9 frames is too deep']);
  });
});

describe('where a program may be attached', () => {
  const btf = bundledKernelBtf();
  const hook = (name: string, parts: ProgramParts): ProgramParts => ({
    ...parts,
    attachBtfId: btf.findByName(name, 12),
  });
  const fentry: ProgramParts = { type: 'tracing', attachType: 'trace_fentry' };
  table([
    ['at a function of the kernel', 'r0 = 0\nexit', '', hook('bpf_lsm_file_open', fentry)],
    ['which must exist', 'r0 = 0\nexit', 'Tracing programs must provide btf_id', { ...fentry, attachBtfId: 0 }],
    ['a system call program sleeps', 'r0 = 0\nexit', 'Syscall programs can only be sleepable', { type: 'syscall' }],
    [
      'a socket filter does not',
      'r0 = 0\nexit',
      'Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable',
      { sleepable: true },
    ],
    [
      'security hooks want a free licence',
      'r0 = 0\nexit',
      'LSM programs must have a GPL compatible license',
      { ...hook('bpf_lsm_file_open', { type: 'lsm', attachType: 'lsm_mac' }), license: 'secret' },
    ],
    [
      'and 0 or an error',
      'r0 = 1\nexit',
      'At program exit the register R0 has smin=1 smax=1 should have been in [-4095, 0]',
      hook('bpf_lsm_file_open', { type: 'lsm', attachType: 'lsm_mac' }),
    ],
  ]);
});

describe('arguments that BTF types', () => {
  const btf = bundledKernelBtf();
  const tracepoint = (name: string): ProgramParts => ({
    type: 'tracing',
    attachType: 'trace_raw_tp',
    attachBtfId: btf.findByName(`btf_trace_${name}`, 8),
  });
  table([
    [
      'are followed by their members',
      'r1 = *(u64 *)(r1 +0)\nr0 = *(u32 *)(r1 +0)\nr0 = 0\nexit',
      '',
      tracepoint('task_newtask'),
    ],
    [
      'but not beyond the last one',
      'r0 = *(u64 *)(r1 +16)\nexit',
      'invalid bpf_context access off=16 size=8',
      tracepoint('task_newtask'),
    ],
    [
      'nor in part',
      'r0 = *(u32 *)(r1 +0)\nexit',
      'invalid bpf_context access off=0 size=4',
      tracepoint('task_newtask'),
    ],
    [
      'and are only read',
      'r1 = *(u64 *)(r1 +0)\n*(u32 *)(r1 +0) = 0\nr0 = 0\nexit',
      'only read is supported',
      tracepoint('task_newtask'),
    ],
    [
      'under a free licence',
      'r1 = *(u64 *)(r1 +0)\nr0 = *(u32 *)(r1 +0)\nexit',
      "Cannot access kernel 'struct task_struct' from non-GPL compatible program",
      { ...tracepoint('task_newtask'), license: 'secret' },
    ],
  ]);

  test('the log says what they are', () => {
    const { log } = check('r1 = *(u64 *)(r1 +0)\nr0 = 0\nexit', tracepoint('task_newtask'));
    expect(log).toMatch(/func 'task_newtask' arg0 has btf_id \d+ type STRUCT 'task_struct'/);
    expect(log).toContain('R1=trusted_ptr_task_struct()');
  });
});

describe('the log', () => {
  test('at level 2 shows live registers, each instruction and the state it leaves', () => {
    const { log } = check('r0 = 0\nif r1 == 0 goto out\nr0 = 1\nout:\nexit');
    expect(log.replace(/verification time \d+ usec\n/, '').split('\n')).toEqual([
      'func#0 @0',
      'Live regs before insn:',
      '      0: .1........ (b7) r0 = 0',
      '      1: 01........ (15) if r1 == 0x0 goto pc+1',
      '      2: .......... (b7) r0 = 1',
      '      3: 0......... (95) exit',
      '0: R1=ctx() R10=fp0',
      '0: (b7) r0 = 0                        ; R0=0',
      '1: (15) if r1 == 0x0 goto pc+1        ; R1=ctx()',
      '2: (b7) r0 = 1                        ; R0=1',
      '3: (95) exit',
      '',
      'from 1 to 3: R0=0 R1=ctx() R10=fp0',
      '3: R0=0 R1=ctx() R10=fp0',
      '3: (95) exit',
      'stack depth 0',
      'processed 5 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0',
      '',
    ]);
  });

  test('at level 1 keeps the way to the error', () => {
    const program = assembled('call 7\nif r0 == 0 goto out\nr0 = *(u64 *)(r0 +0)\nout:\nr0 = 0\nexit');
    const { log } = verify(program, { profile: 'linux', logLevel: 1 });
    expect(log).toContain("R0 invalid mem access 'scalar'");
    expect(log).not.toContain('Live regs');
  });

  test('at level 0 is the last line alone', () => {
    const { message } = check('exit', {}, { logLevel: 0 });
    expect(message).toBe('R0 !read_ok');
  });

  test('says what a loader made invalid', () => {
    const what = '<byte_off> [3] struct task_struct.gone (0:1 @ offset 8)';
    const poisoned = [{ insn: 0, kind: 'core', what }] as const;
    const { log, message } = check('call 195896080\nr0 = 0\nexit', { poisoned });
    expect(message).toBe(`failed to resolve CO-RE relocation ${what}`);
    expect(log).toContain(`0: <invalid CO-RE relocation>\nfailed to resolve`);
  });
});
