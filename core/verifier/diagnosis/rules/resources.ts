/** Rejections about what a program holds: references, locks, sections, dynptrs, iterators; and about exceptions. */
import {
  iteratorRelease,
  objectRelease,
  referenceRelease,
  REGIONS,
  RINGBUF_RECORD,
} from '../../../exceptions/releases.ts';
import { isHelperCall, isKfuncCall } from '../../../isa/control-flow.ts';
import type { Reference, Region } from '../../state/state.ts';
import { REF_IRQ, REF_LOCK, REF_POINTER, REF_RES_LOCK, REF_RES_LOCK_IRQ } from '../../state/state.ts';
import type { Advice, Case, Explanation, Rule } from '../case.ts';
import { isSlotPlace, placeName } from '../record.ts';
import { baseOf, sentenceOf } from '../words.ts';
import { PTR_TO_STACK } from '../../state/types.ts';

/** What an acquiring function gives, and who takes it back. */
interface Taken {
  readonly what: string;
  readonly release: string | undefined;
}

/** By the function that acquired; a kfunc's result names its struct. */
function takenAt(c: Case, insn: number): Taken {
  const { insns, program } = c;
  const name = c.calledAt(insn) ?? '';
  if (name.startsWith('bpf_ringbuf_reserve'))
    return {
      what: 'a ring buffer record',
      release: name.endsWith('_dynptr') ? 'bpf_ringbuf_discard_dynptr' : RINGBUF_RECORD.release,
    };
  if (/^bpf_iter_\w+_new$/.test(name)) {
    const struct = name.replace(/_new$/, '');
    return { what: `an open ${struct}`, release: iteratorRelease(struct).release };
  }
  if (name.startsWith('bpf_obj_new')) return { what: 'an allocated object', release: objectRelease('', false).release };
  if (name.startsWith('bpf_percpu_obj_new'))
    return { what: 'an allocated per-CPU object', release: objectRelease('', true).release };
  if (name.startsWith('bpf_kptr_xchg')) return { what: 'the object that was taken out of the map', release: undefined };
  if (name.startsWith('bpf_refcount_acquire')) return { what: 'a reference', release: 'bpf_obj_drop' };
  if (/^bpf_(?:list_pop|rbtree_remove)/.test(name))
    return { what: 'the node that was removed', release: 'bpf_obj_drop' };
  if (isHelperCall(insns, insn) && /^bpf_sk|^bpf_skc/.test(name))
    return { what: 'a socket', release: 'bpf_sk_release' };
  if (isKfuncCall(insns, insn)) {
    const btf = program.kernelBtf;
    const result = btf.skipModifiers(btf.typeId(btf.typeId(insns.imm[insn]!)));
    const struct = btf.kindName(result) === 'ptr' ? btf.name(btf.skipModifiers(btf.typeId(result))) : '';
    const release = referenceRelease(struct)?.release;
    if (struct !== '') return { what: `a struct ${struct}`, release };
  }
  return { what: 'a reference', release: undefined };
}

const sentence = sentenceOf;

const releaseWords = (taken: Taken): string =>
  taken.release === undefined ? 'the function that releases it' : `${taken.release}()`;

/** Where pointers to a reference stand now: `r6`, `fp-8`. */
function holdersOf(c: Case, id: number): string[] {
  return c
    .holders(id)
    .filter((place) => isSlotPlace(place) || place % 128 < 10)
    .map((place) => placeName(place));
}

function leak(c: Case): Explanation {
  const leaked = c.leaked;
  const first = leaked[0];
  const isThrow = c.message.startsWith('bpf_throw') || c.callee === 'bpf_throw';
  const way = isThrow
    ? 'an exception is thrown'
    : /tail_call/.test(c.message)
      ? 'a tail call is made'
      : 'the program ends';
  const held = leaked.length > 0 ? leaked : c.refs;
  if (first === undefined) {
    const insn = Number(c.earlier(/alloc_insn=(\d+)/)?.[1] ?? -1);
    return {
      title: `Something is still held when ${way}.`,
      reason: insn >= 0 ? `It was acquired at ${c.where(insn)}.` : '',
      held,
      demand: 'must be released',
    };
  }
  const taken = takenAt(c, first.insn);
  const acquirer = c.calledAt(first.insn);
  const holders = holdersOf(c, first.id);
  const more = leaked.length > 1 ? ` ${leaked.length - 1} more ${leaked.length === 2 ? 'is' : 'are'} held, too.` : '';
  const where =
    holders.length > 0
      ? ` A pointer to it is in ${holders.slice(0, 3).join(' and ')}.`
      : ' No register or stack slot points to it any more, so nothing can release it from here on.';
  return {
    title: `${sentence(taken.what)}${acquirer === undefined ? '' : ` from ${acquirer}()`} is still held when ${way}.`,
    reason: `It was acquired at ${c.where(first.insn)} (instruction ${first.insn}) and not released on this path.${where}${more}`,
    held,
    demand: 'must be released',
    advice: leakAdvice(c, isThrow, taken, first),
  };
}

function leakAdvice(c: Case, isThrow: boolean, taken: Taken, first: Reference): Advice[] {
  const advice: Advice[] = [];
  const pointer = c.variableAt(first.insn) ?? c.addressedAt(first.insn) ?? 'pointer';
  if (isThrow && c.profile === 'proposal')
    return [
      {
        kind: 'text',
        text: `Unwinding releases what it finds in r6 to r9 and on the stack, and here nothing points to it any more. Keep the pointer in a variable of its own until the throw, or call ${releaseWords(taken)} before it is lost.`,
      },
    ];
  const code =
    taken.release === undefined ? undefined : `${taken.release}(${releaseArguments(taken.release, pointer)});`;
  const line = c.insn === undefined ? '' : ` before ${c.where(c.insn)}`;
  advice.push({
    kind: 'text',
    text: isThrow
      ? `Linux cannot release what is held at a throw. Release it with ${releaseWords(taken)} before the throw or the assertion${line}, or assert before it is acquired.`
      : `Call ${releaseWords(taken)}${line}, and on every other way out on which it is held. It must be tested for null first where it may be null.`,
    ...(code === undefined ? {} : { code }),
  });
  if (isThrow && c.profile === 'linux')
    advice.push({
      kind: 'text',
      text: 'Or verify with --profile proposal, where unwinding releases what frames hold.',
    });
  return advice;
}

function releaseArguments(release: string, pointer: string): string {
  if (release.startsWith('bpf_ringbuf_discard')) return `${release.endsWith('dynptr') ? '&' : ''}${pointer}, 0`;
  if (release.endsWith('_destroy')) return `&${pointer}`;
  return pointer;
}

const REGION_WORDS: readonly (readonly [RegExp, keyof typeof REGIONS, string])[] = [
  [/bpf_rcu_read_lock-ed/, 'rcu', 'an RCU read section'],
  [/bpf_preempt_disable-ed/, 'preempt', 'a section with preemption disabled'],
  [/bpf_local_irq_save-ed/, 'irq', 'a section with interrupts disabled'],
  [/bpf_spin_lock-ed/, 'spin_lock', 'a section under a bpf_spin_lock'],
];

const LOCKS = REF_LOCK | REF_RES_LOCK | REF_RES_LOCK_IRQ;
const locksOf = (c: Case): Reference[] => c.refs.filter(({ kind }) => (kind & LOCKS) !== 0);
const regionsOf = (c: Case, kind: keyof typeof REGIONS): (Reference | Region)[] =>
  kind === 'spin_lock'
    ? locksOf(c)
    : kind === 'irq'
      ? c.refs.filter((ref) => ref.kind === REF_IRQ)
      : c.regions.filter((region) => region.kind === kind);

function leftOpen(c: Case): Explanation {
  const [, kind = 'rcu', words = 'a section'] = REGION_WORDS.find(([expression]) => expression.test(c.message)) ?? [];
  const held = regionsOf(c, kind);
  const begun = held[0]?.insn;
  const { release } = REGIONS[kind];
  const isThrow = c.message.startsWith('bpf_throw');
  const way = isThrow
    ? 'An exception is thrown'
    : c.message.startsWith('BPF_EXIT')
      ? 'The program ends'
      : 'This happens';
  return {
    title: `${way} inside ${words}.`,
    reason:
      begun === undefined
        ? ''
        : `It was entered at ${c.where(begun)} (instruction ${begun}) and not left on this path.`,
    held,
    demand: `needs ${release}()`,
    advice: [
      {
        kind: 'text',
        text: isThrow
          ? `Linux cannot leave this section at a throw. Call ${release}() before the throw or the assertion, or assert before the section.`
          : `Leave it with ${release}() on every path to here.`,
      },
      ...(isThrow && c.profile === 'linux'
        ? [{ kind: 'text', text: 'Or verify with --profile proposal, where unwinding leaves such sections.' } as const]
        : []),
    ],
  };
}

function underLock(c: Case): Explanation {
  const held = locksOf(c);
  const lock = held.at(-1);
  return {
    title: `${c.thisAccess} happens while a lock is held.`,
    reason:
      lock === undefined
        ? ''
        : `The lock was taken at ${c.where(lock.insn)} (instruction ${lock.insn}). Under a bpf_spin_lock only a few functions may be called: those for lists and trees, and the unlock.`,
    held,
    demand: 'no calls under a lock',
    advice: [
      {
        kind: 'text',
        text: 'Do the call before the lock is taken or after it is released; copy what it needs to variables.',
      },
    ],
  };
}

function lockProblem(c: Case): Explanation {
  const held = locksOf(c);
  const isSecond = /Locking two|same lock again|AA deadlock/.test(c.message);
  const mustHold = /at off=(-?\d+) must be held for (\S+)/.exec(c.message);
  if (mustHold !== null) {
    return {
      title: `${c.thisAccess} works on a ${mustHold[2]} whose lock is not held.`,
      reason:
        held.length === 0
          ? `The bpf_spin_lock at offset ${mustHold[1]} of the same map value or object protects it, and no lock is held on this path.`
          : `A lock is held, but another one: the one at offset ${mustHold[1]} of the same map value or object protects it.`,
      held,
      places: [c.place(1)],
      register: 1,
      demand: 'needs its lock',
      advice: [
        {
          kind: 'text',
          text: 'Take the lock that stands in the same map value or allocated object: bpf_spin_lock(&lock) before, bpf_spin_unlock(&lock) after.',
        },
      ],
    };
  }
  return {
    title: isSecond
      ? 'A lock is taken while one is held.'
      : c.message.includes('without taking')
        ? 'A lock is released that is not held on this path.'
        : c.message.includes('out of order')
          ? 'Locks are released in another order than they were taken in.'
          : 'The lock that is released is not the one that was taken.',
    reason:
      held.length === 0
        ? ''
        : `The lock that is held was taken at ${c.where(held.at(-1)!.insn)} (instruction ${held.at(-1)!.insn}). Locks are told apart by the map or object and by the lookup that gave the pointer.`,
    held,
    places: [c.place(1)],
    register: 1,
    demand: isSecond ? 'one lock at a time' : 'must be the same lock',
    advice: [
      {
        kind: 'text',
        text: isSecond
          ? 'Release the first lock before the second is taken.'
          : 'Keep the pointer that the lock was taken through and unlock through it: a second lookup of the same element counts as another one.',
      },
    ],
  };
}

/** The last argument that is an address on the stack: where objects are made. */
function stackArgument(c: Case): number {
  for (let register = 5; register > 1; register--) if (baseOf(c.row(register)) === PTR_TO_STACK) return register;
  return 1;
}

function objectState(c: Case): Explanation {
  const named = /arg ?#?(\d+)/.exec(c.message)?.[1];
  const register = named === undefined ? stackArgument(c) : Number(named) + 1;
  const kind = /irq/.test(c.message) ? 'saved interrupt flags' : /iter/.test(c.message) ? 'an iterator' : 'a dynptr';
  const fresh = /uninitialized|has to be an uninit/.test(c.message);
  return {
    title: fresh
      ? `${c.thisAccess} would initialise ${kind} over one that is in use.`
      : `${c.thisAccess} needs ${kind} that is initialised, as ${c.argument(register)}.`,
    reason: fresh
      ? 'The memory must not hold one that is still open, has to be on the stack, aligned and at a constant offset.'
      : `r${register} is ${c.holds(register)}. On this path it was not initialised there, was already ended, or its bytes were overwritten; or the address is not the one at which it begins.`,
    places: [c.place(register)],
    register,
    demand: fresh ? 'must be unused' : 'must be initialised',
    advice: [
      {
        kind: 'text',
        text: fresh
          ? 'Use another variable for the second one, or end the first before.'
          : 'Initialise it on every path before this call, pass the variable itself (not an address inside it), and do not use it after it was ended.',
      },
    ],
  };
}

export const RESOURCES: readonly Rule[] = [
  {
    code: 'exception.reference',
    category: 'exception',
    message: /bpf_throw would lead to reference leak/,
    hint: 'Linux cannot release what is held at a throw. Release it before, or verify with --profile proposal.',
    explain: leak,
  },
  {
    code: 'exception.region',
    category: 'exception',
    message: /bpf_throw cannot be used inside/,
    hint: 'Linux cannot leave this region at a throw. Leave it before, or verify with --profile proposal.',
    explain: leftOpen,
  },
  {
    code: 'exception.merge',
    category: 'exception',
    message: /^frame_desc: (?:merge|.*conflict)/,
    hint: 'Two paths reach this instruction with different resources in one place. Give each a variable of its own.',
    explain: (c) => ({
      title: 'Two paths lead to one throw with different resources in the same place.',
      reason: `${sentence(c.message.replace(/^frame_desc:\s*/, ''))}. Unwinding has one table entry per place, so it could not know what to release.`,
      held: c.refs.filter(({ kind }) => kind === REF_POINTER),
      demand: 'one kind of resource per place',
      advice: [
        {
          kind: 'text',
          text: 'Give each resource a variable of its own, set to null (NULL) on the paths that do not have it; or throw in each branch separately.',
        },
      ],
    }),
  },
  {
    code: 'exception.no-release',
    category: 'exception',
    message: /^frame_desc: no function releases (.*), acquired at insn (\d+)/,
    hint: 'Unwinding knows no function that releases this: release it before the throw.',
    explain: (c) => ({
      title: `Nothing is known that releases ${c.group(1)}, which is held at a throw.`,
      reason: `It was acquired at ${c.where(c.number(2))}.`,
      held: c.refs.filter(({ insn }) => insn === c.number(2)),
      demand: 'must be released',
      advice: [{ kind: 'text', text: 'Release it before the throw or the assertion.' }],
    }),
  },
  {
    code: 'exception.frame-descriptor',
    category: 'exception',
    message: /^frame_desc/,
    hint: 'What is held at a throw has to be where unwinding can find it: in r6 to r9 or on the stack.',
    explain: (c) => ({
      title: 'Something is held at a throw where unwinding cannot find it.',
      reason: `${sentence(c.message.replace(/^frame_desc:\s*/, ''))}.`,
      held: c.refs,
      demand: 'must be in r6 to r9 or on the stack',
      advice: [
        {
          kind: 'text',
          text: 'Keep the pointer in a variable that is used after the throw, so that the compiler saves it; or release it before.',
        },
      ],
    }),
  },
  {
    code: 'exception.in-callback',
    category: 'exception',
    message: /bpf_throw kfunc \(insn (\d+)\) cannot be called from callback subprog (\d+)/,
    hint: 'A callback cannot throw: nobody could unwind the kernel function that called it. Let it return a value to stop instead.',
    explain: (c) => ({
      title: `${c.program.subprograms[c.number(2)]?.name ?? 'A callback'}() is a callback, and a callback cannot throw.`,
      reason: 'The kernel function that calls it stands between the frames, and could not be unwound.',
      insn: c.number(1),
      demand: 'cannot throw',
      advice: [
        {
          kind: 'text',
          text: 'Return 1 from the callback to end the loop, leave the reason in the context that is passed to it, and throw behind the call.',
        },
      ],
    }),
  },
  {
    code: 'exception.by-call',
    category: 'exception',
    message: /calling kernel function bpf_set_exception_callback is not allowed/,
    hint: 'Linux names the exception callback by a tag: __exception_cb(NAME) on the main program.',
    explain: (c) => ({
      title: 'Linux has no bpf_set_exception_callback().',
      reason: 'It is the form of the 2023 proposal; Linux took the tag on the main program instead.',
      demand: 'not in Linux',
      advice: [
        {
          kind: 'text',
          text: `Name the callback by the tag, which both profiles understand, and drop the call ${c.insn === undefined ? '' : `at ${c.where(c.insn)}`}:`,
          code: '__exception_cb(NAME)',
        },
        { kind: 'text', text: 'Or verify with --profile proposal.' },
      ],
    }),
  },
  {
    code: 'exception.callback',
    category: 'exception',
    message:
      /exception cb|exception callback|bpf_set_exception_callback|__exception_cb|can only be called (?:from main prog|once)|callback function not static/i,
    hint: 'The exception callback is one function that takes the cookie (u64) and returns an int, named once, and called by nobody.',
    explain: (c) => {
      const insn = /insn (\d+)/.exec(c.message)?.[1];
      const problem = c.message.includes('directly')
        ? 'The exception callback is called like a function.'
        : c.message.includes('single integer')
          ? 'The exception callback has other parameters than the one cookie.'
          : c.message.includes('multiple')
            ? 'The program names more than one exception callback.'
            : c.message.includes('tail call')
              ? 'The exception callback makes a tail call.'
              : c.message.includes('main prog')
                ? 'The exception callback is set in a subprogram.'
                : c.message.includes('once')
                  ? 'The exception callback is set more than once.'
                  : `The exception callback is not usable: ${c.message}.`;
      return {
        title: problem,
        reason:
          'Only a throw runs it: with the cookie (u64) as its one argument, and its result is what the program returns.',
        ...(insn === undefined ? {} : { insn: Number(insn) }),
        demand: '',
        advice: [
          {
            kind: 'text',
            text: 'Write it as `__noinline int handler(__u64 cookie)`, name it once, and call it nowhere.',
          },
        ],
      };
    },
  },
  {
    code: 'reference.leak',
    category: 'reference',
    message: /would lead to reference leak|Unreleased reference/,
    hint: 'On this path nothing releases what was acquired there: release it before the exit, on every path.',
    explain: leak,
  },
  {
    code: 'region.left-open',
    category: 'region',
    message: /cannot be used inside (\S+)-ed region/,
    hint: 'Leave the section on every path before this.',
    explain: leftOpen,
  },
  {
    code: 'region.call-under-lock',
    category: 'region',
    message:
      /function calls are not allowed while holding a lock|spin_\{lock,unlock\} in rbtree cb|not allowed in rbtree cb/,
    hint: 'Under a lock only the functions for lists and trees and the unlock may be called.',
    explain: underLock,
  },
  {
    code: 'region.sleeps',
    category: 'region',
    message:
      /sleepable (?:helper \S+ in|within) (.*)|is sleepable within (.*)|might sleep in|that may sleep are not allowed|program must be sleepable/,
    hint: 'What sleeps cannot be called here: leave the section before, or make the program sleepable (SEC("….s")).',
    explain: (c) => {
      const held = [...c.regions, ...c.refs.filter(({ kind }) => kind === REF_IRQ)];
      return {
        title: `${c.thisAccess} may sleep, and must not here.`,
        reason:
          held.length === 0
            ? 'The program is not sleepable.'
            : `It is inside a section that was entered at ${c.where(held[0]!.insn)} (instruction ${held[0]!.insn}).`,
        held,
        demand: 'must not sleep',
        advice: [
          {
            kind: 'text',
            text:
              held.length === 0
                ? 'Make the program sleepable (a section that ends in .s, such as "lsm.s/…"), where its type allows that, or call something that does not sleep.'
                : 'Leave the section before the call.',
          },
        ],
      };
    },
  },
  {
    code: 'region.lock',
    category: 'region',
    message:
      /_unlock of different lock|_unlock without taking a lock|_unlock cannot be out of order|Locking two|same lock again|must be held for|held lock and object|no valid \w*_lock|map '[^']*' has no valid|has no valid \w*lock|doesn't point to 'struct/,
    hint: 'Take the lock that stands beside the data, one at a time, and release it through the same pointer.',
    explain: (c) =>
      /has no valid|doesn't point to/.test(c.message)
        ? {
            title: `r1 does not point to a lock that can be taken.`,
            reason: `${sentence(c.message)}.`,
            places: [c.place(1)],
            register: 1,
            demand: 'must be a lock',
            advice: [
              {
                kind: 'text',
                text: 'Pass the address of the struct bpf_spin_lock itself, at its constant offset. There is one at most in a map value, and its type must be in BTF.',
              },
            ],
          }
        : lockProblem(c),
  },
  {
    code: 'region.unmatched',
    category: 'region',
    message:
      /unmatched (?:rcu read unlock|attempt to enable preemption)|nested rcu read lock|restore irq state out of order|cannot be restored with/,
    hint: 'Each section is left once, in the reverse order in which they were entered.',
    explain: (c) => ({
      title: c.message.includes('nested')
        ? 'An RCU read section is entered inside another one.'
        : c.message.includes('out of order')
          ? 'Interrupts are restored in another order than they were saved in.'
          : c.message.includes('cannot be restored with')
            ? 'Interrupt flags are restored by a function of another kind than saved them.'
            : `${c.thisAccess} leaves a section that was not entered on this path.`,
      held: [...c.regions, ...c.refs.filter(({ kind }) => kind === REF_IRQ)],
      demand: '',
      advice: [
        {
          kind: 'text',
          text: 'Pair each entering call with one leaving call on every path, the last one entered first.',
        },
      ],
    }),
  },
  {
    code: 'reference.dynptr-overwritten',
    category: 'reference',
    message: /cannot overwrite referenced dynptr|potential write to dynptr/,
    explain: (c) => ({
      title: c.message.includes('potential')
        ? `${c.thisAccess} may write over a dynptr on the stack.`
        : `${c.thisAccess} writes over a dynptr that still holds a reference.`,
      reason: 'The reference could then not be released any more.',
      held: c.refs.filter(({ kind }) => kind === REF_POINTER),
      places: c.access?.base === undefined ? [c.place(1)] : [c.place(c.access.base)],
      demand: 'must not touch the dynptr',
      advice: [
        {
          kind: 'text',
          text: 'Use another variable, or give the dynptr back first (bpf_ringbuf_submit_dynptr or bpf_ringbuf_discard_dynptr).',
        },
      ],
    }),
  },
  {
    code: 'call.object-state',
    category: 'call',
    message:
      /(?:expected|Expected) (?:an )?(?:un)?initialized|Dynptr has to be an uninitialized|expected pointer to (?:stack or const struct bpf_dynptr|an iterator)|valid iter pointer|dynptr of type|const bpf_dynptr|Unsupported reg type \S+ for bpf_dynptr/,
    hint: 'Dynptrs and iterators are initialised by their own functions, on the stack, and used until they are ended.',
    explain: (c) =>
      c.message.includes('const bpf_dynptr') || c.message.includes('Unsupported reg')
        ? {
            title: c.message.includes('Unsupported')
              ? `A dynptr cannot be made from ${c.holds(1)}.`
              : `${c.thisAccess} would change or release a dynptr that is not its own.`,
            places: [c.place(1)],
            register: 1,
            demand: '',
            advice: [
              {
                kind: 'text',
                text: c.message.includes('Unsupported')
                  ? 'bpf_dynptr_from_mem() takes map values; use one of these.'
                  : 'Make a dynptr of your own on the stack (bpf_dynptr_clone).',
              },
            ],
          }
        : objectState(c),
  },
  {
    code: 'call.not-held',
    category: 'call',
    message:
      /unacquired reference|must be referenced(?: when| or|$)|expects refcounted|reference has not been acquired|allocated object must be referenced|ref_obj_id for|neither owning|can only take non-owning|must be a rcu pointer|unreferenced|more than one arg with ref_obj_id/,
    hint: 'The function wants an object that the program has acquired and still holds.',
    explain: (c) => {
      const register = Number(/R(\d+)/.exec(c.message)?.[1] ?? Number(/arg ?#?(\d+)/.exec(c.message)?.[1] ?? 1));
      const at = c.message.includes('can only take')
        ? 2
        : c.message.startsWith('arg#')
          ? register + 1
          : Math.max(1, register);
      const trusted = /trusted|rcu pointer/.test(c.message) && !/release/.test(c.message);
      return {
        title: trusted
          ? `${c.thisAccess} needs a pointer that is certain to stay valid, and r${at} is not.`
          : `${c.thisAccess} releases or hands over something that the program does not hold.`,
        reason: `r${at} is ${c.holds(at)}. ${
          trusted
            ? 'Pointers that the kernel passed in or that were acquired are trusted; those loaded from memory are so only inside an RCU read section, and not all of them.'
            : 'It was never acquired on this path, or was released before.'
        }`,
        places: [c.place(at)],
        register: at,
        demand: trusted ? 'must be trusted' : 'must be acquired',
        advice: [
          {
            kind: 'text',
            text: trusted
              ? 'Acquire the object first (bpf_task_acquire, bpf_cgroup_acquire, …, with a null check), or load and use it between bpf_rcu_read_lock() and bpf_rcu_read_unlock().'
              : 'Release each object once, through the pointer that the acquiring function returned, and do not use it afterwards.',
          },
        ],
      };
    },
  },
];
