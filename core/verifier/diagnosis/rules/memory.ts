/** Rejections about what lies at the place of a load or store: stack, context, fields, and whether a program may use it like that. */
import { OFF } from '../../state/state.ts';
import type { Case, Explanation, Rule } from '../case.ts';
import { BOUND_HINT, grouped, plural, rangeWords, sentenceOf } from '../words.ts';

function stackAccess(c: Case): Explanation {
  const off = Number(/off=(-?\d+)/.exec(c.message)?.[1] ?? 0);
  const size = Number(/size=(-?\d+)/.exec(c.message)?.[1] ?? 1);
  const register = Number(/R(\d+)/.exec(c.message)?.[1] ?? 10);
  if (size <= 0) {
    return {
      title: `${c.thisAccess} of the stack has a size of ${grouped(size)}.`,
      reason: `r${register} is an address on the stack, and the size has to be at least 1.`,
      places: [c.place(register)],
      register,
      demand: 'needs a size ≥ 1',
    };
  }
  const what =
    off >= 0 || off + size > 0
      ? 'above the frame'
      : off < -512
        ? 'below the 512 bytes of the stack'
        : 'outside the stack';
  return {
    title: `${c.thisAccess} lies ${what}.`,
    reason: `It touches fp${off >= 0 ? '+' : ''}${off} to fp${off + size - 1 >= 0 ? '+' : ''}${off + size - 1}. A frame has the bytes fp-512 to fp-1.`,
    places: [c.place(register)],
    register,
    demand: 'must be fp-512 to fp-1',
    advice: [
      {
        kind: 'text',
        text: 'Make the buffer as large as what is read or written, or the offset smaller. Large buffers belong in a per-CPU array map.',
      },
    ],
  };
}

function uninitialisedStack(c: Case): Explanation {
  const match = /off (-?\d+)\+(\d+) size (\d+)/.exec(c.message);
  const off = Number(match?.[1] ?? 0);
  const first = off + Number(match?.[2] ?? 0);
  const size = Number(match?.[3] ?? 1);
  const variable = c.message.includes('var_off');
  const object = c.objectAt(first);
  if (object !== undefined) {
    return {
      title: `${c.thisAccess} takes bytes of ${object} on the stack, which cannot be read.`,
      reason: `${sentenceOf(object)} is at fp${first}. Only the functions that are made for it may look into it.`,
      places: [c.slot(first)],
      demand: 'must be data',
      advice: [
        {
          kind: 'text',
          text: 'Get at the contents with its own functions (bpf_dynptr_read, bpf_dynptr_data, bpf_iter_…_next), and keep it out of what is copied.',
        },
      ],
    };
  }
  const slot = Math.min(63, Math.max(0, (-first - 1) >> 3));
  return {
    title: `${c.thisAccess} takes ${plural(size, 'byte')} of the stack that were not all written.`,
    reason: variable
      ? 'The place depends on a variable, and not every place that it may be was written.'
      : `Nothing on this path has written fp${first}${first === off ? '' : `, which is byte ${first - off} of them`}.`,
    places: [c.slot(-8 * (slot + 1))],
    demand: 'must be written first',
    advice: [
      {
        kind: 'text',
        text: 'Give the variable a value on every path: `= {}` sets all of a struct, padding included (__builtin_memset does it for certain).',
      },
    ],
  };
}

function contextAccess(c: Case): Explanation {
  const off = c.number(1);
  const size = Math.max(1, c.number(2));
  const register = c.access?.base ?? 1;
  return {
    title: `A program of type ${c.programType} may not ${c.isWrite ? 'write' : 'read'} ${plural(size, 'byte')} at offset ${grouped(off)} of its context.`,
    reason: c.message.includes('already be released')
      ? 'The object was released, so the field can no longer be used.'
      : 'At that offset there is no field, the access is not as wide as the field, or programs of this type may not use the field in this way.',
    places: [c.place(register)],
    register,
    demand: 'not a field for this type',
    advice: [
      {
        kind: 'text',
        text: 'Look at the context type of this program type: use a field that it has, with its own width, or give the program the section of the type that it was written for.',
      },
    ],
  };
}

function misaligned(c: Case): Explanation {
  const register = c.access?.base ?? 10;
  return {
    title: `${c.thisAccess} is not aligned to its size.`,
    reason: `${c.message.charAt(0).toUpperCase()}${c.message.slice(1)}: the sum is not known to be a multiple of ${c.access?.size ?? 'the size'}.`,
    places: [c.place(register)],
    register,
    demand: `must be a multiple of ${c.access?.size ?? 1}`,
    advice: [
      {
        kind: 'text',
        text: 'Move the field to an aligned offset, or access it in smaller pieces (a packed struct makes the compiler do so).',
      },
    ],
  };
}

export const MEMORY: readonly Rule[] = [
  {
    code: 'uninitialised.stack',
    category: 'uninitialised',
    message: /invalid read from stack (?:R\d+ )?(?:var_)?off |invalid size of register fill/,
    hint: 'Part of the stack memory was not written before it is read: initialise it on every path.',
    explain: uninitialisedStack,
  },
  {
    code: 'memory.stack-variable',
    category: 'memory',
    message: /invalid (?:unbounded )?variable-offset.* stack R(\d+)|variable offset stack pointer/,
    hint: BOUND_HINT,
    explain: (c) => {
      const register = Number(/R(\d+)/.exec(c.message)?.[1] ?? c.access?.base ?? 1);
      const w = c.row(register);
      const size = BigInt(c.access?.size ?? 1);
      const base = BigInt(w[OFF]!) + BigInt(c.access?.offset ?? 0);
      return {
        title: `${c.thisAccess} can lie outside the stack.`,
        reason: `The variable part of its offset may be ${rangeWords(w)}, from fp${base} on.`,
        places: [c.place(register)],
        register,
        demand: 'must stay in fp-512 to fp-1',
        advice: [{ kind: 'bound', place: c.place(register), min: 0n, max: -base - size }],
      };
    },
  },
  {
    code: 'memory.stack',
    category: 'memory',
    message:
      /invalid (?:write to |read from |indirect access to |access to )?.*stack R\d+ off=|invalid size of register spill/,
    hint: 'A frame has 512 bytes of stack, below its frame pointer.',
    explain: stackAccess,
  },
  {
    code: 'permission.context',
    category: 'permission',
    message: /invalid bpf_context access off=(-?\d+)(?: size=(\d+))?/,
    hint: 'This program type has no such field in its context, or may not use it in this way.',
    explain: contextAccess,
  },
  {
    code: 'memory.misaligned',
    category: 'memory',
    message: /^misaligned/,
    hint: 'Align the field to its size.',
    explain: misaligned,
  },
  {
    code: 'memory.field',
    category: 'memory',
    message:
      /invalid (\w+) access off=(-?\d+) size=(-?\d+)|invalid (?:rdwr|rdonly) buffer access|invalid variable buffer offset|invalid access to flow keys|invalid negative access/,
    explain: (c) => {
      const register = Number(/^R(\d+)/.exec(c.message)?.[1] ?? c.access?.base ?? 1);
      const off = /off=(-?\d+)/.exec(c.message)?.[1] ?? '';
      const negative = off.startsWith('-');
      return {
        title: `${c.thisAccess} of ${c.memoryName(register)} ${negative ? 'lies before its beginning' : `at offset ${grouped(BigInt(off || 0))} is not one of its fields`}.`,
        reason: negative
          ? `The offset is ${off}.`
          : `Programs may only use certain fields of ${c.memoryName(register)}, each with its own width.`,
        places: [c.place(register)],
        register,
        demand: 'no such field',
        advice: [
          {
            kind: 'text',
            text: 'Use a field that the kernel shows, in its own width, or read the memory with bpf_probe_read_kernel().',
          },
        ],
      };
    },
  },
  {
    code: 'memory.beyond-member',
    category: 'memory',
    message: /access beyond (?:the end of member|struct) (\S+) .*with off (\d+) size (\d+)|access beyond/,
    explain: (c) => ({
      title: `${c.thisAccess} goes past the end of the member ${c.group(1) || 'of the struct'}.`,
      reason: c.message.charAt(0).toUpperCase() + c.message.slice(1) + '.',
      places: [c.place(c.access?.base ?? 1)],
      demand: 'must stay in the member',
      advice: [{ kind: 'text', text: 'Ask for no more bytes than the member has: sizeof(pointer->member).' }],
    }),
  },
  {
    code: 'permission.read-only',
    category: 'permission',
    message:
      /cannot write into (\S+)|write into map forbidden|only read (?:is supported|from \S+ is supported)|no write support|cannot write into packet|does not allow writes to packet data|write access at off|may write into memory pointed by/,
    explain: (c) => {
      const register = Number(/R(\d+)/.exec(c.message)?.[1] ?? c.access?.base ?? 1);
      const name = c.message.includes('packet') ? 'the packet' : c.memoryName(register);
      return {
        title: `${c.thisAccess} would change ${name}, which this program may only read.`,
        reason: c.message.includes('packet')
          ? `Programs of type ${c.programType} cannot change packets directly.`
          : 'The kernel does not let programs change it.',
        places: [c.place(register)],
        register,
        demand: 'read only',
        advice: [
          {
            kind: 'text',
            text: 'Copy what you need to the stack or to a map and change the copy, or use the helper or kfunc that makes this change.',
          },
        ],
      };
    },
  },
  {
    code: 'permission.write-only',
    category: 'permission',
    message: /read from map forbidden/,
    explain: (c) => ({
      title: `${c.thisAccess} reads a map that programs may only write (BPF_F_WRONLY_PROG).`,
      places: [c.place(c.access?.base ?? 1)],
      demand: 'write only',
      advice: [{ kind: 'text', text: 'Create the map without BPF_F_WRONLY_PROG.' }],
    }),
  },
  {
    code: 'permission.special-field',
    category: 'permission',
    message:
      /direct access to (\S+) is disallowed|(\S+) cannot be accessed directly by load\/store|cannot be accessed indirectly by helper|kptr in map can only|store to referenced kptr|kptr access|imm must be 0 when storing to kptr/,
    explain: (c) => {
      const field = (c.group(1) || c.group(2) || 'kptr').replaceAll(/[{}]/g, '');
      return {
        title: `${c.thisAccess} touches a ${field} field, which only the kernel's functions may change.`,
        places: c.access?.base === undefined ? [c.place(2)] : [c.place(c.access.base)],
        demand: `is a ${field}`,
        advice: [
          {
            kind: 'text',
            text: field.includes('kptr')
              ? 'A kptr is stored and taken out with bpf_kptr_xchg(), and loaded with a plain 64-bit load.'
              : 'Use the functions made for it (bpf_spin_lock, bpf_timer_init, bpf_list_push_front, …) and leave its bytes alone.',
          },
        ],
      };
    },
  },
  {
    code: 'uninitialised.register',
    category: 'uninitialised',
    message: /^R(\d+) !read_ok/,
    hint: 'The register was never written on this path, or a call in between has overwritten it (R0 to R5).',
    explain: (c) => {
      const register = c.number(1);
      const isReturn = register === 0 && c.insn !== undefined && c.insns.code[c.insn] === 0x95;
      return {
        title: isReturn
          ? 'The function returns without a value: r0 was not set on this path.'
          : `r${register} is used although nothing was put into it on this path.`,
        reason:
          register >= 1 && register <= 5
            ? 'r1 to r5 are lost at every call; whatever is needed after one has to be in r6 to r9 or on the stack.'
            : register === 0
              ? 'r0 is set by calls and by assignments only.'
              : '',
        places: [c.place(register)],
        register,
        demand: 'must be set',
        advice: [
          {
            kind: 'text',
            text: isReturn
              ? 'Return a value on every path.'
              : 'Give the variable a value on every path that leads here (in C: initialise it where it is declared). A subprogram that was declared with more parameters than its caller passes has the same effect.',
          },
        ],
      };
    },
  },
  {
    code: 'structure.frame-pointer',
    category: 'structure',
    message: /frame pointer is read only/,
    explain: (c) => ({
      title: 'This instruction writes to r10, the frame pointer.',
      reason: 'r10 can be copied and read; it cannot be changed.',
      register: 10,
      demand: 'read only',
      advice: [{ kind: 'text', text: 'Copy r10 to another register and change that.' }],
      places: c.insn !== undefined && (c.insns.code[c.insn]! & 8) !== 0 ? [c.place(c.insns.src[c.insn]!)] : [],
    }),
  },
  {
    code: 'memory.mixed-pointers',
    category: 'memory',
    message: /same insn cannot be used with different pointers/,
    explain: (c) => ({
      title: 'One instruction accesses memory of different kinds, depending on the path that led there.',
      reason: `On this path r${c.access?.base ?? 1} is ${c.holds(c.access?.base ?? 1)}; on an earlier one it was something that is translated differently.`,
      places: [c.place(c.access?.base ?? 1)],
      register: c.access?.base ?? 1,
      demand: 'one kind of pointer only',
      advice: [
        {
          kind: 'text',
          text: 'Do the access in each branch separately, and keep the compiler from joining them: barrier_var(pointer) or asm volatile("").',
        },
      ],
    }),
  },
  {
    code: 'memory.atomic',
    category: 'memory',
    message:
      /BPF_ATOMIC (?:stores into|loads from) R(\d+) (\S+) is not allowed|invalid atomic operand size|BPF_ATOMIC uses/,
    explain: (c) => {
      const register = c.group(1) === '' ? (c.access?.base ?? 1) : c.number(1);
      return {
        title: `Atomic operations are not possible on ${c.memoryName(register)}.`,
        reason: 'They work on the stack, on map values and on other memory that programs own, 4 or 8 bytes wide.',
        places: [c.place(register)],
        register,
        demand: 'no atomic operations',
        advice: [{ kind: 'text', text: 'Use a map value, or a plain load and store.' }],
      };
    },
  },
];
