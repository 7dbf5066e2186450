/** Execution of all paths: one instruction after the other, path after path, until none is left. */
import { BPF_CALL, BPF_EXIT, BPF_JA, BPF_JMP, BPF_JMP32, BPF_X } from '../../isa/opcodes.ts';
import { checkAlu } from './alu.ts';
import { checkConditionalJump } from './branch.ts';
import { checkHelperCall } from '../calls/helpers.ts';
import { checkKfuncCall, kfuncAllowedUnderLock } from '../calls/kfuncs.ts';
import { checkResourceLeak } from '../calls/references.ts';
import type { Env } from '../context.ts';
import { checkThrow } from '../throws/exceptions.ts';
import { pushHistory } from '../state/history.ts';
import { checkLdAbs, checkLdImm64 } from '../memory/load-immediate.ts';
import { checkMemoryInsn } from '../memory/memory-instructions.ts';
import { insnText, printInsnState, printSourceLine, printState } from '../print-state.ts';
import { checkReturnCode } from '../calls/return-code.ts';
import { checkSubprogramCall, returnFromSubprogram } from '../calls/subprogram-calls.ts';

const HELPER_SPIN_UNLOCK = 94;
/** Instructions between two looks at whether somebody has cancelled. */
const CANCEL_INTERVAL = 0x1fff;

export interface Limits {
  readonly maxInsns: number;
  readonly isCancelled: (() => boolean) | undefined;
}

/** Verifies every path from the current state on; env.insn is the first instruction. */
export function explore(env: Env, limits: Limits): void {
  const { facts, log } = env;
  const length = env.insns.length;
  let printFull = false;
  let previous = -1;
  for (;;) {
    env.historyEntry = undefined;
    env.prevInsn = previous;
    if (env.insn >= length) env.fail(`invalid insn idx ${env.insn} insn_cnt ${length}`);
    if (++env.insnsProcessed > limits.maxInsns)
      env.fail(`BPF program is too large. Processed ${env.insnsProcessed} insn`);
    if ((env.insnsProcessed & CANCEL_INTERVAL) === 0 && limits.isCancelled?.() === true)
      env.fail('verification was cancelled');
    const { state } = env;
    const insn = env.insn;
    state.lastInsn = previous;
    state.insn = insn;

    if (facts.prunePoint[insn] === 1 && env.exploration.isVisited(env)) {
      if (log.level >= 1) log.write(printFull ? `\nfrom ${previous} to ${insn}: safe\n` : `${insn}: safe\n`);
      const next = nextPath(env);
      if (next === undefined) return;
      previous = next;
      printFull = true;
      continue;
    }
    if (facts.jumpPoint[insn] === 1) pushHistory(env, state, 0);
    if (log.level >= 1) printFull = announce(env, insn, previous, printFull);

    env.observer?.step(env);
    facts.seen[insn] = 1;
    previous = insn;
    env.liveness.beginWrites(insn);
    const outcome = step(env);
    env.liveness.commitWrites();
    if (outcome === 'next') continue;
    if (outcome === 'returned') {
      printFull = true;
      continue;
    }
    const next = nextPath(env);
    if (next === undefined) return;
    previous = next;
    printFull = true;
  }
}

/** Prints the state where it has to be shown, the source line, and the instruction. */
function announce(env: Env, insn: number, previous: number, printFull: boolean): boolean {
  const { log } = env;
  if (log.level >= 2 && printFull) {
    log.write(`\nfrom ${previous} to ${insn}:`);
    printState(env, env.state, env.state.frames.length - 1, true);
    printFull = false;
  }
  if ((env.scratchedRegisters | env.scratchedSlotsLow | env.scratchedSlotsHigh) !== 0) printInsnState(env);
  printSourceLine(env, insn, '; ');
  const before = log.position;
  log.write(`${insn}: ${insnText(env, insn)}\n`);
  log.insnEnd = log.position;
  log.insnWidth = log.position - before;
  return printFull;
}

/** Ends the current path and takes up the one queued last; its previous instruction, or undefined when none is left. */
function nextPath(env: Env): number | undefined {
  env.scratchAll();
  env.exploration.pathEnded(env, env.state);
  env.liveness.update();
  const next = env.pending.pop();
  env.observer?.pathEnded(env, next);
  if (next === undefined) return undefined;
  env.state = next.state;
  env.liveness.chainChanged();
  if (env.log.level < 2) env.log.reset(next.logPosition);
  env.insn = next.insn;
  return next.prevInsn;
}

type Outcome = 'next' | 'returned' | 'path ends';

/** Verifies the instruction at env.insn and moves env.insn on. */
function step(env: Env): Outcome {
  const { insns } = env;
  const code = insns.code[env.insn]!;
  switch (code & 7) {
    case 0:
      checkLd(env, code);
      break;
    case 1:
    case 2:
    case 3:
      checkMemoryInsn(env);
      break;
    case 4:
    case 7:
      checkAlu(env);
      break;
    default:
      return jump(env, code);
  }
  env.insn++;
  return 'next';
}

function checkLd(env: Env, code: number): void {
  const mode = code & 0xe0;
  if (mode === 0x20 || mode === 0x40) checkLdAbs(env);
  else if (mode === 0) {
    checkLdImm64(env);
    env.insn++;
    env.facts.seen[env.insn] = 1;
  } else env.fail('invalid BPF_LD mode');
}

function jump(env: Env, code: number): Outcome {
  const { insns, insn } = env;
  const cls = code & 7;
  env.exploration.jumpsProcessed++;
  switch (code & 0xf0) {
    case BPF_CALL:
      return call(env, code);
    case BPF_JA:
      if (
        (code & BPF_X) !== 0 ||
        insns.src[insn] !== 0 ||
        insns.dst[insn] !== 0 ||
        (cls === BPF_JMP && insns.imm[insn] !== 0) ||
        (cls === BPF_JMP32 && insns.off[insn] !== 0)
      )
        env.fail('BPF_JA uses reserved fields');
      env.insn = insn + 1 + (cls === BPF_JMP ? insns.off[insn]! : insns.imm[insn]!);
      return 'next';
    case BPF_EXIT:
      if (
        (code & BPF_X) !== 0 ||
        insns.imm[insn] !== 0 ||
        insns.src[insn] !== 0 ||
        insns.dst[insn] !== 0 ||
        cls === BPF_JMP32
      )
        env.fail('BPF_EXIT uses reserved fields');
      return leave(env);
    default:
      checkConditionalJump(env);
      env.insn++;
      return 'next';
  }
}

function call(env: Env, code: number): Outcome {
  const { insns, insn, state } = env;
  const src = insns.src[insn]!;
  if (
    (code & BPF_X) !== 0 ||
    (src !== 2 && insns.off[insn] !== 0) ||
    src > 2 ||
    insns.dst[insn] !== 0 ||
    (code & 7) === BPF_JMP32
  )
    env.fail('BPF_CALL uses reserved fields');
  if (state.activeLocks !== 0) {
    const allowed =
      src === 0 ? insns.imm[insn] === HELPER_SPIN_UNLOCK : src === 2 ? kfuncAllowedUnderLock(env, insn) : true;
    if (!allowed) env.fail('function calls are not allowed while holding a lock');
  }
  if (src === 1) checkSubprogramCall(env);
  else if (src === 2) {
    if (checkKfuncCall(env, insn).throws) {
      checkThrow(env);
      return 'path ends';
    }
  } else checkHelperCall(env, insn);
  env.scratchRegister(0);
  env.insn++;
  return 'next';
}

function leave(env: Env): Outcome {
  checkResourceLeak(env, false, env.state.frames.length === 1, 'BPF_EXIT instruction in main prog');
  if (env.state.frames.length > 1) {
    returnFromSubprogram(env);
    return 'returned';
  }
  checkReturnCode(env, 0, 'R0');
  return 'path ends';
}
