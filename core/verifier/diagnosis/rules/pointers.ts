/** Rejections about where a pointer leads: past the bounds of its memory, to null or nowhere, or where arithmetic on it cannot be followed. */
import { getS64, isConst, OFF, UMAX, getU64, VALUE, AUX0 } from '../../state/state.ts';
import { PTR_TO_STACK } from '../../state/types.ts';
import type { Advice, Case, Explanation, Rule } from '../case.ts';
import {
  BOUND_HINT,
  baseOf,
  fixedOffset,
  grouped,
  isScalar,
  mayBeNull,
  memoryWords,
  plural,
  rangeOf,
  rangeWords,
} from '../words.ts';

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

export const POINTERS: readonly Rule[] = [
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
];
