/** Rejections of calls: what may be called, with which arguments. */
import type { Case, Explanation, Rule } from '../case.ts';
import { mayBeNull, sentenceOf } from '../words.ts';

const sentence = sentenceOf;

/** The kernel's names of register types in words. */
const TYPE_WORDS: readonly (readonly [RegExp, string])[] = [
  [/^scalar$/, 'a number'],
  [/^ctx$/, 'the context'],
  [/^fp$/, 'a pointer to the stack'],
  [/^pkt$/, 'a pointer into the packet'],
  [/^pkt_end$/, "the packet's end"],
  [/^pkt_meta$/, "a pointer into the packet's metadata"],
  [/^map_ptr$/, 'a map'],
  [/^map_key$/, 'a map key'],
  [/^map_value$/, 'a map value'],
  [/^ringbuf_mem$/, 'a ring buffer record'],
  [/^(?:\w+_)?mem$/, 'memory'],
  [/^buf$/, 'a buffer'],
  [/^func$/, 'a function'],
  [/^dynptr_ptr$/, 'a dynptr'],
  [/^sock$/, 'a socket'],
  [/^sock_common$/, 'a socket'],
  [/^tcp_sock$/, 'a TCP socket'],
  [/^xdp_sock$/, 'an XDP socket'],
  [/percpu_.*ptr_$/, 'a per-CPU pointer'],
  [/untrusted_ptr_$/, 'an untrusted pointer to a kernel object'],
  [/trusted_ptr_$/, 'a trusted pointer to a kernel object'],
  [/rcu_ptr_$/, 'an RCU-protected pointer to a kernel object'],
  [/ptr_$/, 'a pointer to a kernel object'],
];

function typeWords(type: string): string {
  const nullable = type.includes('_or_null');
  const plain = type.replace('_or_null', '');
  const words = TYPE_WORDS.find(([expression]) => expression.test(plain))?.[1] ?? plain;
  return nullable ? `${words}, or null` : words;
}

function listed(types: readonly string[]): string {
  // What takes any memory lists a dozen kinds of it.
  if (types.includes('map_value') && types.includes('mem')) return 'a pointer to memory';
  const words = [...new Set(types.map(typeWords))];
  return words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

function wrongType(c: Case): Explanation {
  const register = c.number(1);
  const actual = c.group(2);
  const expected = c
    .group(3)
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
  const nullable =
    actual.includes('or_null') &&
    expected.some(
      (one) => actual.replace('_or_null', '') === one || typeWords(one) === typeWords(actual.replace('_or_null', '')),
    );
  const place = c.place(register);
  if (nullable) {
    return {
      title: `${c.thisAccess} gets r${register}, which may be null, as ${c.argument(register)}.`,
      reason: `r${register} is ${c.holds(register)}. Nothing on this path has tested it.`,
      places: [place],
      register,
      demand: 'must not be null',
      advice: [{ kind: 'nonnull', place }],
    };
  }
  return {
    title: `${c.thisAccess} gets ${typeWords(actual)} as ${c.argument(register)}, where ${listed(expected)} is needed.`,
    reason: `r${register} is ${c.holds(register)}.`,
    places: [place],
    register,
    demand: `must be ${listed(expected)}`,
    advice: [
      {
        kind: 'text',
        text:
          actual === 'scalar'
            ? 'On the way there it has become a number, or it always was one: see at which step. An object that was released, or invalidated by the call in between, becomes a number, too.'
            : `Pass ${listed(expected)}, or call a function that takes ${typeWords(actual)}.`,
      },
    ],
  };
}

function possiblyNull(c: Case): Explanation {
  const isHelper = c.message.includes('helper arg');
  const argument = c.number(1);
  const register = isHelper ? argument : argument + 1;
  const place = c.place(register);
  return {
    title: `${c.thisAccess} gets r${register}, which may be null, as ${c.argument(register)}.`,
    reason: `r${register} is ${c.holds(register)}. Nothing on this path has tested it.`,
    places: [place],
    register,
    demand: 'must not be null',
    advice: [{ kind: 'nonnull', place }],
  };
}

/** The function a message speaks of: `bpf_foo#12`, or the one that is called. */
function notAllowed(c: Case): Explanation {
  const name = c.group(1) || c.group(2) || c.callee || 'this function';
  const kfunc = c.message.includes('kernel function');
  return {
    title: `A program of type ${c.programType} may not call ${name.replace(/#\d+$/, '')}().`,
    reason: kfunc
      ? 'The kernel registers each of its functions for certain program types only.'
      : 'The kernel offers each helper to certain program types and attach points only.',
    demand: 'not for this type',
    advice: [
      {
        kind: 'text',
        text: `Use a section of a type that may call it, or do without. \`bailout inspect\` shows the type that the section ${c.program.section} gave this program${c.program.attachType === undefined ? '' : ` (attached as ${c.program.attachType})`}.`,
      },
    ],
  };
}

function structMismatch(c: Case): Explanation {
  const match =
    /(?:kernel function (\S+) args#(\d+) expected pointer to (\S+) (\S+) but R(\d+) has a pointer to (\S+) (\S+))|R(\d+) is of type (\S+) but (\S+) is expected/.exec(
      c.message,
    );
  const register = Number(match?.[5] ?? match?.[8] ?? 1);
  const expected = match?.[4] ?? match?.[10] ?? 'another struct';
  const actual = match?.[7] ?? match?.[9] ?? 'something else';
  return {
    title: `${c.thisAccess} gets a struct ${actual} as ${c.argument(register)}, where a struct ${expected} is needed.`,
    reason: `r${register} is ${c.holds(register)}.`,
    places: [c.place(register)],
    register,
    demand: `must be struct ${expected}`,
    advice: [
      {
        kind: 'text',
        text: `${actual}${expected}`.includes('___init')
          ? 'An object under construction and an inserted one are of different types: bpf_ct_insert_entry() turns the first into the second, and each has functions of its own.'
          : `Pass a pointer to struct ${expected}, as a function of the kernel or a field of its type gives it.`,
      },
    ],
  };
}

/** Advice for what lists, trees and objects of the program's own want. */
const ARGUMENT_ADVICE: readonly (readonly [RegExp, string])[] = [
  [
    /not found at offset|offset=.*expected|expects arg#|constant offset/,
    'Pass the address of the member itself (&value->head, &object->node), as the tag __contains of the head names it: the offset has to fit exactly, and be a constant.',
  ],
  [
    /expected pointer to allocated object|allocated object/,
    'Pass an object that the program owns: from bpf_obj_new(), bpf_list_pop_…() or bpf_rbtree_remove(), tested for null, and not pushed or added since.',
  ],
  [/type ID argument|bpf_obj_new|percpu/, 'Name a struct of the program that BTF has: bpf_obj_new(typeof(*object)).'],
  [/kptr/, 'Pass the address of a field that is declared __kptr, and an object of the type that it is declared with.'],
  [/ctx/, 'Pass the context pointer as the program was given it.'],
];

/** Whatever is wrong with one argument, in the kernel's words. */
function argumentProblem(c: Case): Explanation {
  const byRegister = /R(\d+)/.exec(c.message)?.[1];
  const byNumber = /arg ?#?(\d+)/.exec(c.message)?.[1];
  const register = byRegister !== undefined ? Number(byRegister) : byNumber !== undefined ? Number(byNumber) + 1 : 1;
  const known = register >= 1 && register <= 5;
  const place = c.place(known ? register : 1);
  const nullable = known && mayBeNull(c.row(register));
  return {
    title: `${sentence(c.argument(known ? register : 1))} of ${c.calleeWords} is not what it takes.`,
    reason: `${sentence(c.message.replace(/[.']?$/, ''))}. r${known ? register : 1} is ${c.holds(known ? register : 1)}.`,
    places: [place],
    register: known ? register : 1,
    demand: 'wrong argument',
    advice: nullable
      ? [{ kind: 'nonnull', place }]
      : ARGUMENT_ADVICE.filter(([expression]) => expression.test(c.message))
          .slice(0, 1)
          .map(([, text]) => ({ kind: 'text', text })),
  };
}

export const CALLS: readonly Rule[] = [
  {
    code: 'null.argument',
    category: 'null',
    message: /Possibly NULL pointer passed to (?:trusted|helper) arg(\d+)/,
    hint: 'The pointer may be null here: test it before the call, or bpf_assert(pointer).',
    explain: possiblyNull,
  },
  {
    code: 'type.argument',
    category: 'type',
    message: /^R(\d+) type=(\S+) expected=(.*)/,
    hint: 'The function takes something else as this argument.',
    explain: wrongType,
  },
  {
    code: 'type.struct',
    category: 'type',
    message: /expected pointer to \S+ \S+ but R\d+ has a pointer|R\d+ is of type \S+ but \S+ is expected/,
    hint: 'The function takes a pointer to another struct.',
    explain: structMismatch,
  },
  {
    code: 'type.object',
    category: 'type',
    message: /arg#(\d+) pointer type (\S+) (\S+) must point to/,
    hint: 'The function takes a pointer to an object of the kernel.',
    explain: (c) => {
      const register = c.number(1) + 1;
      const wanted = `${c.group(2).toLowerCase()} ${c.group(3)}`;
      return {
        title: `${c.thisAccess} gets ${c.holds(register)} as ${c.argument(register)}, where a pointer to a ${wanted} of the kernel is needed.`,
        reason:
          'The kernel has to be sure that there is such an object: only pointers that it gave the program itself will do.',
        places: [c.place(register)],
        register,
        demand: `must be ${wanted}`,
        advice: [
          {
            kind: 'text',
            text: 'Pass the pointer itself, not its address, and one that the kernel gave: an argument of the program, a result of a function, or a field loaded from these.',
          },
        ],
      };
    },
  },
  {
    code: 'permission.kfunc',
    category: 'permission',
    message: /calling kernel function (\S+) is not allowed|metadata kfuncs require|css_task_iter is only allowed/,
    hint: 'This program type may not call that function.',
    explain: (c) =>
      c.message.startsWith('metadata')
        ? {
            title: `${c.thisAccess} needs a program that is bound to a device.`,
            reason: 'The metadata of received packets belongs to one network device.',
            demand: 'not bound to a device',
            advice: [
              {
                kind: 'text',
                text: 'Load the program with BPF_F_XDP_DEV_BOUND_ONLY and an interface (bpf_program__set_ifindex).',
              },
            ],
          }
        : notAllowed(c),
  },
  {
    code: 'permission.helper',
    category: 'permission',
    message:
      /program of this type cannot use helper (\S+)|supported only for|not supported for program type|helper call is not allowed in probe/,
    hint: 'This program type may not call that function.',
    explain: notAllowed,
  },
  {
    code: 'permission.licence',
    category: 'permission',
    message: /GPL|non-GPL/,
    hint: 'Declare a GPL-compatible licence: char LICENSE[] SEC("license") = "GPL";',
    explain: (c) => ({
      title:
        c.callee === undefined
          ? 'This kind of program must have a GPL-compatible licence.'
          : `${c.callee}() may be called by programs with a GPL-compatible licence only.`,
      reason: `The licence of this object is ${c.program.license === '' ? 'not given' : `"${c.program.license}"`}.`,
      demand: 'needs a GPL-compatible licence',
      advice: [
        { kind: 'text', text: 'Declare the licence, if it is one:', code: 'char LICENSE[] SEC("license") = "GPL";' },
      ],
    }),
  },
  {
    code: 'call.unknown',
    category: 'call',
    message: /invalid func|unknown func|kernel btf_id \d+ is not a function|doesn't have \d+-th argument/,
    hint: 'There is no such helper or kfunc in Linux 6.18.',
    explain: (c) => ({
      title: 'This instruction calls something that does not exist in Linux 6.18.',
      reason: `${sentence(c.message)}.`,
      demand: 'unknown function',
      advice: [
        {
          kind: 'text',
          text: 'Guard the call by bpf_core_enum_value_exists() or bpf_ksym_exists(), so that it is removed where the function is missing.',
        },
      ],
    }),
  },
  {
    code: 'call.global-arguments',
    category: 'call',
    message: /Caller passes invalid args into func#(\d+) \('([^']*)'\)/,
    hint: 'The pointer may be null here: test it before the call, or bpf_assert(pointer).',
    explain: (c) => {
      const earlier = c.lines.at(-2) ?? '';
      const register = Number(/R(\d+)/.exec(earlier)?.[1] ?? Number(/arg#(\d+)/.exec(earlier)?.[1] ?? 0) + 1);
      const nullable = mayBeNull(c.row(register));
      return {
        title: `${c.group(2)}() is called with ${c.argument(register)} other than its declaration promises.`,
        reason: `${earlier === '' || earlier === c.message ? '' : `${sentence(earlier)}. `}r${register} is ${c.holds(register)}. A global function is verified on its own, by its declaration, so every caller has to keep to it.`,
        places: [c.place(register)],
        register,
        demand: 'must fit the declaration',
        advice: nullable
          ? [{ kind: 'nonnull', place: c.place(register) }]
          : [
              {
                kind: 'text',
                text: 'Pass what the declaration says (its tags __arg_ctx, __arg_nonnull, __arg_trusted count), or make the function static: then it is verified with what it is called with.',
              },
            ],
      };
    },
  },
  {
    code: 'call.map-type',
    category: 'call',
    message:
      /cannot pass map_type (\d+) into func (\S+)#\d+|expected prog array map|map_ptr access not supported|invalid map_ptr|no direct value access support/,
    hint: 'This function is not made for maps of this type.',
    explain: (c) => ({
      title: `${c.calleeWords.charAt(0).toUpperCase()}${c.calleeWords.slice(1)} does not work on ${c.callee === undefined ? 'this map' : c.memoryName(1)}: it is a map of another type.`,
      reason: c.group(1) === '' ? `${sentence(c.message)}.` : `The map is of type ${c.group(1)} (enum bpf_map_type).`,
      places: [c.place(1)],
      register: 1,
      demand: 'wrong map type',
      advice: [
        {
          kind: 'text',
          text: 'Use the functions for this type of map, or a map of the type that the function is for.',
        },
      ],
    }),
  },
  {
    code: 'call.constant',
    category: 'call',
    message:
      /R(\d+) (?:must be a known constant|is not a const|is not a known constant|doesn't have constant offset|does not point to a readonly map|is not a constant address)|string is not zero-terminated|has to be at (?:a|the) constant offset/,
    hint: 'The argument has to be a constant at verification: a literal, or something from .rodata.',
    explain: (c) => {
      const register = c.group(1) === '' ? 3 : c.number(1);
      const text = /readonly|zero-terminated/.test(c.message);
      return {
        title: text
          ? `${sentence(c.argument(register))} of ${c.calleeWords} must be a constant string.`
          : `${sentence(c.argument(register))} of ${c.calleeWords} must be a constant.`,
        reason: c.message.includes('zero-terminated')
          ? 'The string has no zero at its end.'
          : `r${register} is ${c.holds(register)}.`,
        places: [c.place(register)],
        register,
        demand: 'must be constant',
        advice: [
          {
            kind: 'text',
            text: text
              ? 'Use a `static const char[]`, which stands in .rodata, with its zero.'
              : 'Pass a literal, or branch on the value and call with a literal in each branch.',
          },
        ],
      };
    },
  },
  {
    code: 'call.arguments',
    category: 'call',
    message:
      /^arg ?#?\d+|\barg#\d+\b|^R\d+ (?:has no|doesn't|is not|must)|type ID argument must|reference type\(|expects arg#|not found at offset|passed to kfunc|Invalid format string|rdonly_cast|no valid kptr|invalid kptr|helper access to the packet|map_uid=|callback function not allowed|Unknown type ID|Unrecognized arg|bpf_obj_new|percpu/,
    hint: 'The function takes something else as this argument.',
    explain: argumentProblem,
  },
];
