/** Rejections of loads, stores and pointer arithmetic. */
import { getS64, isConst, OFF, UMAX, getU64, VALUE, AUX0 } from '../../state/state.ts';
import { PTR_TO_STACK } from '../../state/types.ts';
import type { Advice, Case, Explanation, Rule } from '../case.ts';
import {
  baseOf,
  fixedOffset,
  grouped,
  isScalar,
  mayBeNull,
  memoryWords,
  plural,
  rangeOf,
  rangeWords,
  sentenceOf,
} from '../words.ts';

const BOUND_HINT =
  'Bound the value before it is used as an offset: bpf_assert_lt(index, N), or bpf_assert_range(index, low, high).';

/** The bytes that a helper was asked to touch, as the lines before the message name them. */
interface Asked {
  readonly memory: number;
  readonly off: number;
  readonly size: number;
}

function asked(c: Case): Asked | undefined {
  const match =
    c.earlier(
      /invalid access to (?:map value|map key|memory), (?:value|key|mem)_size=(\d+) off=(-?\d+) size=(-?\d+)/,
    ) ?? undefined;
  if (match === undefined) return undefined;
  return { memory: Number(match[1]), off: Number(match[2]), size: Number(match[3]) };
}

/** How the register that was added is called: ` r6`; nothing when it cannot be told. */
function offsetName(c: Case, register: number): string {
  const { path, insns } = c;
  let wanted = register;
  for (let at = path.length - 2; at >= Math.max(0, path.length - 64); at--) {
    if (path.frames[at] !== c.frame) break;
    const insn = path.insns[at]!;
    if ((insns.code[insn]! & 7) !== 7 || insns.dst[insn] !== wanted) continue;
    const operation = insns.code[insn]! & 0xf8;
    if (operation === 0xb8) wanted = insns.src[insn]!;
    else if (operation === 0x08) return ` r${insns.src[insn]}`;
    else return '';
  }
  return '';
}

/** A pointer whose variable part may lead outside. */
function outside(c: Case, register: number, side: 'end' | 'start' | 'both'): Explanation {
  const w = c.row(register);
  const size = c.access?.size ?? asked(c)?.size ?? 1;
  const constant = fixedOffset(w) + BigInt(c.access?.offset ?? 0);
  const memory = BigInt(asked(c)?.memory ?? c.size(register) ?? 0);
  const where =
    side === 'end' ? `past the end of ${c.memory(register)}` : `before the beginning of ${c.memory(register)}`;
  const place = c.place(register);
  if (isConst(w, 0)) {
    const first = BigInt(asked(c)?.off ?? constant);
    const last = first + BigInt(size) - 1n;
    return {
      title: `${c.thisAccess} goes ${where}.`,
      reason:
        `It touches ${size === 1 ? `byte ${grouped(first)}` : `bytes ${grouped(first)} to ${grouped(last)}`}` +
        (memory > 0n ? `, and there are bytes 0 to ${grouped(memory - 1n)}.` : '.'),
      places: [place],
      register,
      demand: memory > 0n ? `must be ≤ ${grouped(memory - BigInt(size))}` : '',
      advice: [
        {
          kind: 'text',
          text: 'The offset is a constant: take a smaller one, or make the memory larger.',
        },
      ],
    };
  }
  const max = memory - BigInt(size) - constant;
  const limits = side === 'end' ? `at most ${grouped(max)}` : `at least ${grouped(-constant)}`;
  return {
    title: `${c.thisAccess} can go ${where}.`,
    reason: `The offset${offsetName(c, register)} may be ${rangeWords(w)}. For this ${c.doing} it must be ${limits}.`,
    places: [place],
    register,
    demand: side === 'end' ? `must be ≤ ${grouped(max)}` : `must be ≥ ${grouped(-constant)}`,
    advice: memory > 0n ? [{ kind: 'bound', place, min: -constant, max }] : [],
  };
}

/** Through which register the memory is used: that of the message, else the instruction's. */
const registerOf = (c: Case, group = 1): number => (c.group(group) === '' ? (c.access?.base ?? 0) : c.number(group));

function packet(c: Case): Explanation {
  const register = registerOf(c);
  const w = c.row(register);
  const line = c.earlier(/invalid access to packet, off=(-?\d+) size=(-?\d+), R\d+\(id=(\d+),off=(-?\d+),r=(\d+)\)/);
  const off = Number(line?.[1] ?? 0);
  const size = Number(line?.[2] ?? 1);
  const known = Number(line?.[5] ?? w[AUX0]);
  const variable = !isConst(w, 0);
  const end = BigInt(off + size) + (variable ? getU64(w, UMAX) : 0n);
  const place = c.place(register);
  const before =
    known === 0 ? 'Nothing has compared it with data_end' : `It is only known to have ${plural(known, 'byte')} here`;
  return {
    title: `${c.thisAccess} may lie beyond the end of the packet.`,
    reason: variable
      ? `The offset may be ${rangeWords(w)}, and up to ${plural(size, 'byte')} follow. ${before}${known === 0 ? ' on this path' : ''}.`
      : `It needs the packet's first ${plural(end, 'byte')}. ${before}${known === 0 ? ' on this path' : ''}.`,
    places: [place],
    register,
    demand: `needs ${plural(BigInt(off + size), 'byte')}`,
    // From the pointer on: what was added to it as a constant is part of the offset that the message names.
    advice: [{ kind: 'packet', place, bytes: BigInt(off + size - w[OFF]!) }],
  };
}

function badAccess(c: Case): Explanation {
  const register = registerOf(c);
  const kind = c.group(2);
  const place = c.place(register);
  const w = c.row(register);
  if (kind.includes('or_null') || mayBeNull(w)) {
    return {
      title: `${c.thisAccess} goes through r${register}, which may be null.`,
      reason: `r${register} is ${c.holds(register)}. Nothing on this path has tested it.`,
      places: [place],
      register,
      demand: 'must not be null',
      advice: [{ kind: 'nonnull', place }],
    };
  }
  if (kind === 'scalar') return numberAsPointer(c, register);
  return {
    advice: [
      {
        kind: 'text',
        text: 'Use the functions made for it, such as bpf_dynptr_read() and bpf_dynptr_write() for a dynptr, or a lookup for a map.',
      },
    ],
    title: `${c.thisAccess} goes through ${c.holds(register)}, which cannot be read or written directly.`,
    places: [place],
    register,
    demand: 'must be memory',
  };
}

/** A number where a pointer is needed: what has become of the pointer is on the path. */
function numberAsPointer(c: Case, register: number): Explanation {
  const w = c.row(register);
  const known = isConst(w, 0) ? getS64(w, VALUE) : undefined;
  const advice: Advice[] = [];
  if (known === 0n) {
    advice.push({
      kind: 'text',
      text: 'On this path the pointer is null: it was tested (or set to 0) before. Leave the function on that path, or look whether the test is the wrong way round.',
    });
  } else {
    advice.push({
      kind: 'text',
      text: 'Look at the step at which it ceased to be a pointer: memory that was released, a load from memory that the verifier does not know as pointers (bpf_probe_read_kernel or bpf_core_cast reads through such a value), or arithmetic that it cannot follow.',
    });
  }
  return {
    title:
      known === 0n
        ? `${c.thisAccess} goes through a null pointer.`
        : `${c.thisAccess} goes through r${register}, which the verifier knows as a number and not as a pointer.`,
    reason: known === undefined ? `r${register} may be ${rangeWords(w)}.` : `r${register} is ${grouped(known)} here.`,
    places: [c.place(register)],
    register,
    demand: 'must be a pointer',
    advice,
  };
}

/** Arithmetic on a pointer with a number that may be negative without bound. */
function unboundedMath(c: Case): Explanation {
  const { insn, insns } = c;
  const pointer =
    insn === undefined || isScalar(c.row(insns.dst[insn]!)) ? (insns.src[insn ?? 0] ?? 0) : insns.dst[insn]!;
  const scalar = insn === undefined ? 0 : pointer === insns.dst[insn]! ? insns.src[insn]! : insns.dst[insn]!;
  const size = c.size(pointer) ?? 0;
  const w = c.row(scalar);
  const demand =
    size > 0 && baseOf(c.row(pointer)) !== PTR_TO_STACK
      ? { min: 0n, max: BigInt(size - 1) - fixedOffset(c.row(pointer)) }
      : { min: 0n, max: 255n };
  const place = c.place(scalar);
  return {
    title: `The number that is added to the pointer to ${c.memory(pointer)} may be negative, without a bound.`,
    reason: `r${scalar} may be ${rangeWords(w)}. Before it is added its lowest value must be known.`,
    places: [place],
    register: scalar,
    demand: 'needs a lower bound',
    advice: [{ kind: 'bound', place, ...demand }],
  };
}

/** A size or length argument. */
function sizeArgument(c: Case, problem: string): Explanation {
  const register = registerOf(c);
  const w = c.row(register);
  const memory = memoryBehind(c, register - 1);
  const place = c.place(register);
  return {
    title: `The size given to ${c.calleeWords} ${problem}.`,
    reason:
      `r${register} may be ${rangeWords(w)}.` +
      (memory === undefined ? '' : ` ${memory.words} has room for ${plural(memory.room, 'byte')}.`),
    places: [place],
    register,
    demand: memory === undefined ? 'needs bounds' : `must be ≤ ${grouped(memory.room)}`,
    advice: [{ kind: 'bound', place, min: problem.includes('zero') ? 1n : 0n, max: memory?.room ?? 255n }],
  };
}

/** How many bytes there are behind a register. */
function memoryBehind(c: Case, register: number): { words: string; room: bigint } | undefined {
  const { env } = c;
  if (env === undefined || register < 1) return undefined;
  const w = c.row(register);
  const size = c.size(register);
  const at = fixedOffset(w);
  if (baseOf(w) === PTR_TO_STACK) return at < 0n ? { words: 'The stack from there on', room: -at } : undefined;
  if (size === undefined) return undefined;
  const words = memoryWords(env, w);
  return { words: words.charAt(0).toUpperCase() + words.slice(1), room: BigInt(size) - at };
}

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

function modifiedPointer(c: Case): Explanation {
  const register = Number(/R(\d+)/.exec(c.message)?.[1] ?? 1);
  const off = /off=(-?\d+)/.exec(c.message)?.[1];
  return {
    title: `A pointer to ${c.memoryName(register)} is used after ${off === undefined ? 'an offset' : grouped(Number(off))} was added to it.`,
    reason:
      'The verifier wants this kind of pointer as it was given, with a constant offset in the instruction at most.',
    places: [c.place(register)],
    register,
    demand: 'must be unmodified',
    advice: [
      {
        kind: 'text',
        text: mayBeNull(c.row(register))
          ? 'Test it for null before you add to it (container_of adds, too).'
          : 'Access the field through the original pointer, with a constant offset. If the compiler did the addition, keep it from it with barrier_var(ctx) or __builtin_preserve_access_index.',
      },
      ...(mayBeNull(c.row(register)) ? [{ kind: 'nonnull', place: c.place(register) } as const] : []),
    ],
  };
}

function badMath(c: Case): Explanation {
  const { insn, insns } = c;
  const register = Number(/^R(\d+)/.exec(c.message)?.[1] ?? (insn === undefined ? 0 : insns.dst[insn]!));
  const nullable = c.message.includes('null-check it first');
  return {
    title: nullable
      ? `Something is added to r${register}, which may be null.`
      : `This arithmetic is not possible with ${c.holds(register)}.`,
    reason: nullable
      ? `r${register} is ${c.holds(register)}. Null plus an offset would pass a later test for null.`
      : 'A pointer can have a number added to it or subtracted from it, in 64 bits, if it points to memory of known size; the difference of two pointers is a number.',
    places: [c.place(register)],
    register,
    demand: nullable ? 'must not be null' : 'must be a number',
    advice: nullable
      ? [{ kind: 'nonnull', place: c.place(register) }]
      : [
          {
            kind: 'text',
            text: c.message.includes('subtract pointer')
              ? 'Write the pointer on the left side: pointer - number, or pointer - pointer. If the number was meant to be a pointer, see at which step it ceased to be one.'
              : /pkt_end|sock|map_ptr|flow_keys/.test(c.message)
                ? 'Only compare it, or access its fields with constant offsets; do the arithmetic on a number, or on a pointer to data.'
                : 'Do the arithmetic on the number first, and add it to the pointer last.',
          },
        ],
  };
}

function offsetTooLarge(c: Case): Explanation {
  const { insn, insns } = c;
  const dst = insn === undefined ? 0 : insns.dst[insn]!;
  const src = insn === undefined ? 0 : insns.src[insn]!;
  const byRegister = insn !== undefined && (insns.code[insn]! & 8) !== 0;
  const scalar = byRegister ? (isScalar(c.row(dst)) ? dst : src) : dst;
  const pointer = scalar === dst ? src : dst;
  const value = /(-?\d+)/.exec(c.message)?.[1] ?? '';
  const { smin, smax } = rangeOf(c.row(scalar));
  return {
    title: `The offset of the pointer to ${c.memoryName(byRegister ? pointer : dst)} gets larger than the verifier can follow.`,
    reason: `${value === '' ? `It may be ${grouped(smin)} to ${grouped(smax)}` : `It gets ${grouped(BigInt(value))}`}. Offsets have to stay within 2^29 bytes either way.`,
    places: [c.place(dst), ...(byRegister ? [c.place(src)] : [])],
    register: scalar,
    demand: 'must be within ±2^29',
    advice:
      byRegister && c.size(pointer) !== undefined
        ? [{ kind: 'bound', place: c.place(scalar), min: 0n, max: BigInt((c.size(pointer) ?? 1) - 1) }]
        : [{ kind: 'text', text: 'Use a constant that lies inside the memory.' }],
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
    code: 'memory.packet',
    category: 'memory',
    message: /^R(\d+) offset is outside of the packet|invalid access to packet/,
    hint: 'Compare with the end of the packet first: bpf_assert(pointer + size <= data_end).',
    explain: packet,
  },
  {
    code: 'memory.size-unbounded',
    category: 'memory',
    message: /^R(\d+) (?:unbounded memory access, use 'var|min value is negative, either use unsigned or 'var)/,
    hint: BOUND_HINT,
    explain: (c) => sizeArgument(c, c.message.includes('negative') ? 'may be negative' : 'has no upper bound'),
  },
  {
    code: 'memory.size-pair',
    category: 'memory',
    message: /arg#(\d+) arg#(\d+) memory, len pair leads to invalid memory access/,
    hint: BOUND_HINT,
    explain: (c) => {
      const register = c.number(1) + 1;
      const size = c.number(2) + 1;
      const memory = memoryBehind(c, register);
      const unknown = !isConst(c.row(size), 0);
      return {
        title: `The memory and the size that ${c.calleeWords} is given do not fit together.`,
        reason:
          `The size r${size} may be ${rangeWords(c.row(size))}.` +
          (memory === undefined ? '' : ` ${memory.words} has room for ${plural(memory.room, 'byte')}.`),
        places: [c.place(register), c.place(size)],
        register: size,
        demand: memory === undefined ? 'must fit' : `must be ≤ ${grouped(memory.room)}`,
        advice:
          unknown && memory !== undefined ? [{ kind: 'bound', place: c.place(size), min: 0n, max: memory.room }] : [],
      };
    },
  },
  {
    code: 'memory.zero-size',
    category: 'memory',
    message: /R(\d+) invalid zero-sized read: u64=\[(-?\d+),(-?\d+)\]/,
    hint: 'Make the size at least 1: bpf_assert_range(size, 1, N).',
    explain: (c) => sizeArgument(c, 'may be zero'),
  },
  {
    code: 'memory.unbounded',
    category: 'memory',
    message: /^R(\d+) unbounded memory access, make sure/,
    hint: BOUND_HINT,
    explain: (c) => outside(c, registerOf(c), 'end'),
  },
  {
    code: 'memory.beyond-end',
    category: 'memory',
    message: /^R(\d+) max value is outside of the allowed memory range/,
    hint: BOUND_HINT,
    explain: (c) => outside(c, registerOf(c), 'end'),
  },
  {
    code: 'memory.negative-offset',
    category: 'memory',
    message: /^R(\d+) min value is negative, either use unsigned index/,
    hint: BOUND_HINT,
    explain: (c) => outside(c, registerOf(c), 'start'),
  },
  {
    code: 'memory.out-of-range',
    category: 'memory',
    message: /^R(\d+) min value is outside of the allowed memory range/,
    hint: BOUND_HINT,
    explain: (c) => {
      const range = asked(c);
      const past = range !== undefined && range.off >= 0;
      return outside(c, registerOf(c), past ? 'end' : 'start');
    },
  },
  {
    code: 'memory.map-value',
    category: 'memory',
    message: /invalid access to (?:map value|map key|memory)/,
    hint: 'The offset can lie outside the value: bound it with bpf_assert_lt(offset, N) before the access.',
    explain: (c) => outside(c, registerOf(c, 9), 'end'),
  },
  {
    code: 'null.access',
    category: 'null',
    message: /^R(\d+) invalid mem access '(\w*or_null\w*)'/,
    hint: 'The pointer may be null here: test it, or bpf_assert(pointer).',
    explain: badAccess,
  },
  {
    code: 'memory.not-a-pointer',
    category: 'memory',
    message: /^R(\d+) invalid mem access '(scalar)'/,
    hint: 'The verifier knows this value as a number, not as a pointer: arithmetic it cannot follow, or a load it does not trust, came before.',
    explain: badAccess,
  },
  {
    code: 'memory.not-memory',
    category: 'memory',
    message: /^R(\d+) invalid mem access '([^']+)'/,
    explain: badAccess,
  },
  {
    code: 'null.arithmetic',
    category: 'null',
    message: /pointer arithmetic on \S+ prohibited, null-check it first/,
    hint: 'Test the pointer for null before you add to it, or bpf_assert(pointer).',
    explain: badMath,
  },
  {
    code: 'memory.unbounded-arithmetic',
    category: 'memory',
    message: /math between \S+ pointer and register with unbounded min value/,
    hint: BOUND_HINT,
    explain: unboundedMath,
  },
  {
    code: 'memory.offset-too-large',
    category: 'memory',
    message:
      /math between \S+ pointer and -?\d+ is not allowed|pointer offset -?\d+ is not allowed|makes \S+ pointer be out of bounds/,
    hint: 'Bound what is added to the pointer.',
    explain: offsetTooLarge,
  },
  {
    code: 'memory.pointer-arithmetic',
    category: 'memory',
    message:
      /pointer arithmetic|tried to subtract pointer from scalar|subtraction from stack pointer|bitwise operator .* on pointer|pointer \S+ pointer prohibited/,
    explain: badMath,
  },
  {
    code: 'memory.modified-pointer',
    category: 'memory',
    message:
      /dereference of modified|negative offset \S+ ptr|variable \S+ access var_off|must have zero offset when passed/,
    hint: 'Pass or access the pointer as the kernel gave it, with a constant offset in the instruction at most.',
    explain: modifiedPointer,
  },
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
