/** Rejections of the program as a whole: flow, limits, results, loading, the form of instructions. */
import type { Case, Explanation, Rule } from '../case.ts';
import { isConst } from '../../state/state.ts';
import { grouped, plural, rangeWords, sentenceOf } from '../words.ts';

const sentence = sentenceOf;

function returnValue(c: Case): Explanation {
  const register = Number(/register R(\d+)/.exec(c.message)?.[1] ?? 0);
  const range = /\[(-?\d+), (-?\d+)\]/.exec(c.message);
  const [min, max] = [BigInt(range?.[1] ?? 0), BigInt(range?.[2] ?? 0)];
  const callback = c.message.includes('callback return');
  const thrown = register === 1;
  const w = c.row(register);
  const isPointer = c.message.includes('not a known value') || c.message.includes('not a scalar');
  if (c.insn === undefined) {
    return {
      title: `Without an exception callback a throw ends this program with 0, and it may only return ${range === null ? 'other numbers' : min === max ? grouped(min) : `${grouped(min)} to ${grouped(max)}`}.`,
      reason: `Programs of type ${c.programType}${c.program.attachType === undefined ? '' : ` (${c.program.attachType})`} must not return 0.`,
      advice: [
        {
          kind: 'text',
          text: 'Name an exception callback that turns the cookie into a value that the program may return:',
          code: '__exception_cb(NAME)',
        },
      ],
    };
  }
  const what = thrown ? 'The cookie that is thrown' : callback ? 'The callback’s result' : 'The return value';
  const allowed = range === null ? 'a number' : min === max ? grouped(min) : `${grouped(min)} to ${grouped(max)}`;
  const place = c.place(register);
  const constant = !isPointer && isConst(w, 0);
  return {
    title: isPointer
      ? `${what} is a pointer, and must be a number.`
      : `${what.replace('’', "'")} ${constant ? `is ${rangeWords(w)}, and must be` : 'can be other than'} ${allowed}${thrown ? ', and without a callback it is what the program returns' : ''}.`,
    reason: isPointer
      ? `r${register} is ${c.holds(register)}: its address would leave the kernel.`
      : `${constant ? '' : `r${register} may be ${rangeWords(w)}. `}${callback ? 'The function that calls back understands' : `A program of type ${c.programType}${c.program.attachType === undefined ? '' : ` (${c.program.attachType})`} may return`} ${allowed}.`,
    places: [place],
    register,
    demand: `must be ${allowed}`,
    advice: thrown
      ? [
          {
            kind: 'text',
            text: 'Throw a cookie that the program may return, or name an exception callback that turns it into one.',
          },
        ]
      : isPointer || range === null
        ? [{ kind: 'text', text: 'Return a number.' }]
        : [
            ...(constant ? [] : [{ kind: 'bound', place, min, max } as const]),
            {
              kind: 'text',
              text: `Return ${allowed} on every path${c.program.type === 'xdp' ? ' (an enum xdp_action)' : ''}.`,
            },
          ],
  };
}

function tooLarge(c: Case): Explanation {
  return {
    title: c.message.includes('jumps')
      ? 'Too many paths wait to be walked: the program branches more than the verifier can keep.'
      : `The verifier gave up after ${plural(c.number(1) - 1, 'instruction')}.`,
    reason: `This path alone is ${plural(c.path.length, 'instruction')} long${loopWords(c)}.`,
    places: loopPlaces(c),
    demand: 'too many instructions',
    advice: [
      {
        kind: 'text',
        text: 'Give the loop that turns most a smaller constant bound, or write it with bpf_for() or bpf_loop(): their bodies are walked through a few times, not once per turn.',
      },
      {
        kind: 'text',
        text: 'Or move parts into global functions (not static): each is verified once, not once per call and path.',
      },
    ],
  };
}

/** The instruction that the path came by most often. */
function mostTurns(c: Case): { insn: number; turns: number } | undefined {
  const counts = new Map<number, number>();
  let best: { insn: number; turns: number } | undefined;
  const { path, insns } = c;
  for (let at = 0; at < path.length; at++) {
    const insn = path.insns[at]!;
    // Only jumps can close a loop.
    if ((insns.code[insn]! & 7) !== 5 && (insns.code[insn]! & 7) !== 6) continue;
    const turns = (counts.get(insn) ?? 0) + 1;
    counts.set(insn, turns);
    if (best === undefined || turns > best.turns) best = { insn, turns };
  }
  return best;
}

function loopWords(c: Case): string {
  const loop = mostTurns(c);
  return loop === undefined || loop.turns < 2
    ? ''
    : `, and comes by ${c.where(loop.insn)} (instruction ${loop.insn}) ${grouped(loop.turns)} times`;
}

/** The registers that the loop's condition compares. */
function loopPlaces(c: Case): readonly number[] {
  const loop = mostTurns(c);
  if (loop === undefined || loop.turns < 2) return [];
  const code = c.insns.code[loop.insn]!;
  const operation = code & 0xf0;
  if (operation === 0 || operation === 0x80 || operation === 0x90 || operation === 0xe0) return [];
  return [c.place(c.insns.dst[loop.insn]!)];
}

function endless(c: Case): Explanation {
  const insn = Number(c.earlier(/infinite loop detected at insn (\d+)/)?.[1] ?? c.insn ?? 0);
  return {
    title: 'This loop comes back to where it was with nothing changed: it would never end.',
    reason: `At ${c.where(insn)} (instruction ${insn}) the verifier knows exactly what it knew one turn before.`,
    insn,
    places: loopPlaces(c),
    demand: 'nothing has changed',
    advice: [
      {
        kind: 'text',
        text: 'Let something that the condition tests change in every turn, in a way that the verifier can follow: a counter in a variable of its own with a constant bound, or bpf_for(), bpf_loop() or can_loop.',
      },
    ],
  };
}

/** Messages that name an instruction: `unreachable insn 7`. */
const insnOf = (c: Case): { insn?: number } => {
  const insn = /insn (\d+)/.exec(c.message)?.[1];
  return insn === undefined ? {} : { insn: Number(insn) };
};

export const STRUCTURE: readonly Rule[] = [
  {
    code: 'return.cookie',
    category: 'exception',
    message: /At program exit the register R1/,
    hint: 'Without a callback Linux returns the cookie: throw one that the program type may return, or name a callback.',
    explain: returnValue,
  },
  {
    code: 'return.range',
    category: 'return',
    message:
      /At (?:program exit|callback return|async callback return|subprogram exit) the register R(\d+)|R0 not a scalar value|cannot return stack pointer/,
    hint: 'The program type allows only some return values: bring the value into that range, also in the exception callback.',
    explain: returnValue,
  },
  {
    code: 'loop.infinite',
    category: 'loop',
    message: /infinite loop detected|^old state:/,
    hint: 'The verifier walks through every turn of a loop: give it a constant bound, or use bpf_loop or bpf_for.',
    explain: endless,
  },
  {
    code: 'limit.instructions',
    category: 'limit',
    message: /BPF program is too large\. Processed (\d+) insn/,
    hint: 'The verifier walks through every turn of a loop: give it a constant bound, or use bpf_loop or bpf_for.',
    explain: tooLarge,
  },
  {
    code: 'limit.branches',
    category: 'limit',
    message: /The sequence of (\d+) jumps is too complex/,
    hint: 'The verifier walks through every turn of a loop: give it a constant bound, or use bpf_loop or bpf_for.',
    explain: tooLarge,
  },
  {
    code: 'limit.loop',
    category: 'limit',
    message: /loop is not bounded|iteration limit reached/,
    hint: 'The verifier walks through every turn of a loop: give it a constant bound, or use bpf_loop or bpf_for.',
    explain: (c) => ({
      title: 'This loop turns more often than the verifier can follow.',
      reason: `${sentence(c.message)}.`,
      places: loopPlaces(c),
      demand: '',
    }),
  },
  {
    code: 'limit.stack',
    category: 'limit',
    message:
      /combined stack size of (\d+) calls is (\d+)|stack size of subprog (\d+) is (\d+)|tail_calls are not allowed when call stack of previous frames is (\d+)/,
    hint: 'A call chain has 512 bytes of stack: move large variables into a per-CPU array.',
    explain: (c) => {
      const size = c.group(2) || c.group(4) || c.group(5);
      const limit = c.group(5) === '' ? 512 : 256;
      const deepest = c.deepestStacks();
      return {
        title:
          c.group(5) !== ''
            ? `The calls before a tail call use ${plural(Number(size), 'byte')} of stack, and ${limit} are allowed.`
            : `${c.group(1) === '' ? 'A function uses' : `A chain of ${c.group(1)} calls uses`} ${plural(Number(size), 'byte')} of stack, and there are ${limit}.`,
        reason:
          deepest === ''
            ? 'Each frame counts with its deepest use, rounded up to 16 bytes or more.'
            : `The largest frames: ${deepest}.`,
        demand: `must be ≤ ${limit}`,
        advice: [
          {
            kind: 'text',
            text: 'Move large variables out of the stack: into a per-CPU array map of one element, or into an object from bpf_obj_new().',
          },
        ],
      };
    },
  },
  {
    code: 'limit.frames',
    category: 'limit',
    message: /the call stack of (\d+) frames is too deep/,
    hint: 'At most 8 frames can be nested: let the compiler inline some functions (static __always_inline).',
    explain: () => ({
      title: 'A chain of calls gets deeper than the 8 frames that are allowed.',
      reason: 'Recursion counts, too: it cannot be used.',
      demand: 'at most 8 frames',
      advice: [
        {
          kind: 'text',
          text: 'Let the compiler inline some of them (static __always_inline), or turn recursion into a loop.',
        },
      ],
    }),
  },
  {
    code: 'structure.division',
    category: 'structure',
    message: /div by zero|invalid shift (-?\d+)/,
    explain: (c) => ({
      title: c.message.includes('shift')
        ? `This instruction shifts by ${c.group(1)}, more than its operand has bits.`
        : 'This instruction divides by the constant 0.',
      demand: c.message.includes('shift') ? 'must be less than the width' : 'must not be 0',
      advice: [
        {
          kind: 'text',
          text: 'The operand is written in the instruction itself, so the source has a constant expression there (or undefined behaviour that the compiler made into one): correct it.',
        },
      ],
    }),
  },
  {
    code: 'structure.unreachable',
    category: 'structure',
    message: /unreachable insn (\d+)/,
    explain: (c) => ({
      title: 'No path leads to this instruction.',
      reason: 'Linux refuses programs with dead code that no jump reaches.',
      insn: c.number(1),
      demand: 'must be reachable',
      advice: [
        {
          kind: 'text',
          text: 'Compilers remove dead code; this came from hand-written assembly or from code behind a call that never returns. Remove it.',
        },
      ],
    }),
  },
  {
    code: 'structure.jump',
    category: 'structure',
    message: /jump out of range from insn (\d+) to (-?\d+)|jump into the middle of ldimm64 insn (\d+)|invalid insn idx/,
    explain: (c) => ({
      title: c.group(3) !== '' ? 'A jump leads into the middle of a 64-bit load.' : 'A jump leads out of its function.',
      reason: c.group(1) === '' ? '' : `It goes from instruction ${c.group(1)} to ${c.group(2)}.`,
      insn: Number(c.group(1) || c.group(3) || 0),
      demand: 'must stay in the function',
      advice: [
        {
          kind: 'text',
          text: 'Correct the target in the assembly; functions are left by exit and entered by call only.',
        },
      ],
    }),
  },
  {
    code: 'structure.function-end',
    category: 'structure',
    message: /last insn is not an exit or jmp/,
    explain: (c) => ({
      title: 'A function does not end in an exit or a jump.',
      reason: 'Whatever stands behind it would be run as its continuation.',
      ...insnOf(c),
      demand: '',
      advice: [
        {
          kind: 'text',
          text: 'End it in a return. A call that never returns (bpf_throw) must not be declared noreturn: the compiler would leave the return out.',
        },
      ],
    }),
  },
  {
    code: 'structure.uninitialised-variable',
    category: 'uninitialised',
    message: /__bpf_trap\(\)/,
    explain: () => ({
      title: 'The program can reach code that the compiler made for undefined behaviour.',
      reason: 'Where a variable is used before it has a value, the compiler puts a call of __bpf_trap().',
      demand: 'undefined behaviour',
      advice: [{ kind: 'text', text: 'Compile with -Wall -Wuninitialized, and give the variable a value.' }],
    }),
  },
  {
    code: 'structure.encoding',
    category: 'structure',
    message:
      /uses reserved fields|invalid BPF_\w+ |unknown opcode|unrecognized bpf_ld_imm64|invalid bpf_ld_imm64|invalid may_goto|^R\d+ is invalid|invalid BPF_LD/,
    explain: (c) => ({
      title: 'This instruction is not a valid one.',
      reason: `${sentence(c.message)}.`,
      demand: 'invalid',
      advice: [
        {
          kind: 'text',
          text: 'It was written by hand or damaged: the fields that an instruction does not use must be 0 (RFC 9669).',
        },
      ],
    }),
  },
  {
    code: 'structure.packet-load',
    category: 'structure',
    message: /BPF_LD_\[ABS\|IND\] (?:instr|uses)|LD_ABS is only|at the time of BPF_LD_ABS/,
    hint: 'Read the packet through the pointers data and data_end.',
    explain: (c) => ({
      title: c.message.includes("return 'int'")
        ? 'A packet load (LD_ABS, LD_IND) stands in a function that does not return an int.'
        : c.message.includes('R6')
          ? 'A packet load (LD_ABS, LD_IND) needs the context in r6.'
          : `Packet loads (LD_ABS, LD_IND) are not possible in a program of type ${c.programType}.`,
      reason: 'Such a load ends its function with 0 when the packet is too short.',
      places: c.insn === undefined ? [] : [c.place(6)],
      demand: '',
      advice: [{ kind: 'text', text: 'Use bpf_skb_load_bytes(), or the pointers data and data_end.' }],
    }),
  },
  {
    code: 'loading.core',
    category: 'loading',
    message: /failed to resolve CO-RE relocation <(\w+)> \[\d+\] (.*?)(?: \(\d[\d:]* @ offset [\d.]+\))?$/,
    hint: 'Guard the access with bpf_core_field_exists().',
    explain: (c) => ({
      title: `The kernel's types have no match for ${c.group(2)}.`,
      reason: `The program was compiled to look it up when it is loaded (CO-RE, ${c.group(1)}), and this kernel has no such type, field or value, or one of another kind.`,
      demand: 'not in this kernel',
      advice: [
        {
          kind: 'text',
          text: 'Test for it, so that the access is removed where it is missing: bpf_core_field_exists(), bpf_core_type_exists() or bpf_core_enum_value_exists().',
        },
      ],
    }),
  },
  {
    code: 'loading.missing',
    category: 'loading',
    message:
      /kfunc '([^']+)' is referenced but wasn't resolved|BPF map '([^']+)' is referenced but wasn't created|ldimm64 failed to find the address for kernel symbol '([^']+)'|fd -?\d+ is not pointing to valid bpf_map|ldimm64 insn specifies invalid btf_id|pseudo btf_id/,
    hint: 'What the program refers to is not in this kernel.',
    explain: (c) => {
      const [name, kind] =
        c.group(1) !== ''
          ? [c.group(1), 'kernel function']
          : c.group(2) !== ''
            ? [c.group(2), 'map']
            : [c.group(3), 'kernel variable'];
      return {
        title:
          name === ''
            ? 'The program refers to a map or a variable that does not exist.'
            : `The ${kind} ${name} is not there.`,
        reason:
          name === ''
            ? `${sentence(c.message)}.`
            : kind === 'map'
              ? 'No loader creates it.'
              : 'This kernel (Linux 6.18) does not have it, or does not show it to programs.',
        demand: 'missing',
        advice: [
          {
            kind: 'text',
            text:
              kind === 'map'
                ? 'Let the map be created (bpf_map__set_autocreate).'
                : 'Declare it __weak and test bpf_ksym_exists() before it is used.',
          },
        ],
      };
    },
  },
  {
    code: 'region.global-call',
    category: 'region',
    message:
      /(?:global function calls are not allowed while holding a lock|global functions that may sleep are not allowed)[^]*use static function instead/,
    hint: 'Make the function static, or call it outside of the section.',
    explain: (c) => {
      const sleeps = c.lines.some((line) => line.includes('may sleep'));
      const held = [...c.refs, ...c.regions];
      return {
        title: `${c.thisAccess}, a global function, is not possible ${sleeps ? 'where the program must not sleep' : 'while a lock is held'}.`,
        reason: `${held[0] === undefined ? '' : `The section was entered at ${c.where(held[0].insn)} (instruction ${held[0].insn}). `}A global function is verified on its own, without its callers, so it could do anything there.`,
        held,
        demand: 'no global function here',
        advice: [
          {
            kind: 'text',
            text: 'Make the function static: then it is verified with its caller. Or call it outside of the section.',
          },
        ],
      };
    },
  },
  {
    code: 'structure.function-signature',
    category: 'structure',
    message:
      /Global function (\S+)\(\) doesn't return|The function \S+ |Subprog \S+ doesn|is not a global function|arg#\d+ type|missing btf func_info|has \d+ > 5 args/,
    hint: 'Make the function static: only global functions have to be understood from their declaration.',
    explain: (c) => {
      const earlier = c.lines.filter((line) => line !== c.message && !line.startsWith('Func#')).at(-1) ?? '';
      const name = /(?:Global function|The function|Subprog) (\w+)/.exec(`${c.message}\n${earlier}`)?.[1];
      return {
        title: `The declaration of ${name === undefined ? 'a global function' : `${name}()`} is not one that can be verified on its own.`,
        reason: `${sentence(earlier !== '' && c.message.startsWith('use static') ? earlier : c.message).replace(/\.$/, '')}.`,
        demand: '',
        advice: [
          {
            kind: 'text',
            text: 'Make the function static: then it is verified with what it is called with. A global one returns a number and takes at most five numbers, context pointers or pointers to types of known size.',
          },
        ],
      };
    },
  },
  {
    code: 'permission.attach',
    category: 'permission',
    message:
      /attach to (?:unsupported|invalid) member|attach_btf_id|Tracing programs must|tracing progs cannot use|socket filter progs cannot use|can be sleepable|can only be sleepable|Extension|Cannot (?:extend|recursively)|sleepable programs can only|Only fentry|bpf_struct_ops map cannot|in this context/i,
    hint: 'A program of this type cannot be attached there, or cannot use this kind of map.',
    explain: (c) => {
      const field = /cannot use (.*) yet/.exec(c.message)?.[1];
      const member = /attach to \w+ member (\S+?)(?:\(.*\))? of struct (\S+)/.exec(c.message);
      return {
        title:
          field !== undefined
            ? `A program of type ${c.programType} cannot use a map with a ${field.replaceAll(/[{}]/g, '').replace(',', ' or ')} in its values.`
            : member !== null
              ? `The kernel does not let programs implement ${member[1]} of struct ${member[2]}.`
              : `The program cannot be attached as its section (${c.program.section}) says.`,
        reason:
          field === undefined && member === null
            ? `${sentence(c.message)}.`
            : field === undefined
              ? ''
              : 'It could run where such a field is in use already.',
        demand: '',
        advice: [
          {
            kind: 'text',
            text:
              field === undefined
                ? 'Choose another attach point: `bailout inspect` shows what the section was understood as.'
                : 'Use the map in a program of another type, or a map without that field here.',
          },
        ],
      };
    },
  },
  {
    code: 'verifier.cancelled',
    category: 'verifier',
    message: /verification was cancelled/,
    explain: () => ({
      title: 'The verification was ended before it was done.',
      reason: 'Nothing is said about the program.',
    }),
  },
  {
    code: 'verifier.bug',
    category: 'verifier',
    message: /verifier bug|misconfigured verifier/,
    explain: (c) => ({
      title: 'The verifier has contradicted itself.',
      reason: `${sentence(c.message)}. This says nothing about the program.`,
      advice: [{ kind: 'text', text: 'Please report it, with the object file.' }],
    }),
  },
];
