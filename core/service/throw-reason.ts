/** Why something was thrown: the assertion that did not hold, with the value that it looked at. */
import type { Session } from '../debugger/session.ts';
import { lineAt } from '../debugger/source.ts';
import type { UnwindPlan } from '../exceptions/unwinder.ts';
import { registersWritten } from '../isa/operands.ts';
import type { Machine } from '../machine/machine.ts';
import type { Program } from '../object/program.ts';
import type { Position } from '../trace/timeline.ts';
import type { AssertionFact } from '../verifier/verification.ts';

export interface ThrowFacts {
  readonly why: string;
  /** Depths of the frames that a helper called back into. */
  readonly callbacks: ReadonlySet<number>;
}

const known = new WeakMap<UnwindPlan, ThrowFacts>();

/** Looked up at the throw itself, where all frames still stand; a plan never changes, so once for each. */
export function explainThrow(session: Session, position: Position, program: Program, plan: UnwindPlan): ThrowFacts {
  const found = known.get(plan);
  if (found !== undefined) return found;
  const facts = session.timeline.glance(position, () => factsAt(session, program, plan));
  known.set(plan, facts);
  return facts;
}

function factsAt(session: Session, program: Program, plan: UnwindPlan): ThrowFacts {
  const { machine } = session;
  const first = plan.steps[0];
  const insn = first?.kind === 'throw' ? first.insn : 0;
  const callbacks = new Set(
    machine
      .frames()
      .filter(({ kind }) => kind === 'callback')
      .map(({ depth }) => depth),
  );
  const assertion =
    program.loadError === undefined
      ? session.verification(program).assertions.find(({ throwInsn }) => throwInsn === insn)
      : undefined;
  return { why: whyText(machine, program, insn, assertion), callbacks };
}

function whyText(machine: Machine, program: Program, insn: number, assertion: AssertionFact | undefined): string {
  const source = lineAt(program, assertion?.insn ?? insn)
    ?.text.trim()
    .replace(/;\s*(\/[/*].*)?$/, '');
  if (assertion === undefined) return source ?? `bpf_throw at insn ${insn}`;
  const value = testedValue(machine, program, assertion);
  const name = testedName(source) ?? `r${assertion.register}`;
  const was = value === undefined ? '' : `: ${name} was ${value}`;
  return `${source ?? assertion.condition} failed${was}`;
}

/** What the tested register held; undefined where the way to the throw has overwritten it. */
function testedValue(
  machine: Machine,
  program: Program,
  { insn, throwInsn, register }: AssertionFact,
): string | undefined {
  const insns = program.instructions;
  if (throwInsn < insn) return undefined;
  for (let i = insn + 1; i < throwInsn; i += insns.slots(i)) {
    if ((registersWritten(insns, i) & (1 << register)) !== 0) return undefined;
  }
  const value = machine.registers[register];
  if (value === undefined) return undefined;
  return machine.memory.offset(value) === undefined ? String(BigInt.asIntN(64, value)) : `0x${value.toString(16)}`;
}

/** The variable that `bpf_assert_lt(len, 256)` is about. */
function testedName(source: string | undefined): string | undefined {
  return /\bbpf_assert\w*\(\s*([A-Za-z_]\w*)\s*,/.exec(source ?? '')?.[1];
}
