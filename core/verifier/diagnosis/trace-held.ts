/**
 * Forwards along the failing path: what became of something that the program holds. Where it was acquired, which tests and
 * copies came after, where the last pointer to it was lost.
 */
import { BPF_ALU64, BPF_CALL, BPF_JMP, BPF_MOV, BPF_STX, BPF_X } from '../../isa/opcodes.ts';
import { isSubprogramCall } from '../../isa/control-flow.ts';
import { registersWritten } from '../../isa/operands.ts';
import type { Reference, Region } from '../state/state.ts';
import { REF_POINTER } from '../state/state.ts';
import type { Case } from './case.ts';
import type { CausalKind } from './diagnosis.ts';
import type { PlaceCode } from './record.ts';
import { placeFrame, registerPlace } from './record.ts';
import type { Found } from './trace-values.ts';

/** Steps per thing held: the first ones and the last are what matters. */
const MAX_STEPS = 24;

export function traceHeld(subject: Case, held: readonly (Reference | Region)[], isLate: () => boolean): Found[] {
  return held.slice(0, 4).flatMap((one) => traceOne(subject, one, isLate));
}

function isRegion(one: Reference | Region): one is Region {
  return typeof one.kind === 'string';
}

function traceOne(subject: Case, one: Reference | Region, isLate: () => boolean): Found[] {
  const { path, insns } = subject;
  let start = -1;
  for (let at = path.length - 1; at >= 0 && start < 0; at--) if (path.insns[at] === one.insn) start = at;
  if (start < 0 || isLate()) return [];
  const found: Found[] = [];
  const seen = new Map<string, Found>();
  const add = (kind: CausalKind, position: number, place: PlaceCode | undefined, taken?: boolean): void => {
    const key = `${path.insns[position]}:${kind}:${taken ?? ''}`;
    const known = seen.get(key);
    if (known !== undefined) {
      known.turns++;
      return;
    }
    if (found.length >= MAX_STEPS) return;
    const fresh: Found = {
      kind,
      position,
      place,
      turns: 1,
      oldest: position,
      ...(taken === undefined ? {} : { taken }),
    };
    seen.set(key, fresh);
    found.push(fresh);
  };
  const owner = registerPlace(path.frames[start]!, 0);
  // An iterator or a dynptr is held by the stack slots that it stands in, not by a pointer.
  const onStack = /^bpf_iter_\w+_new$|_dynptr$/.test(subject.calledAt(one.insn) ?? '');
  const isPointer = !isRegion(one) && one.kind === REF_POINTER && !onStack;
  add(isPointer || onStack ? 'acquired' : 'entered', start, isPointer ? owner : undefined);
  if (!isPointer) return found;
  const holders = new Set<PlaceCode>([owner]);
  for (let at = start + 1; at < path.length - 1 && holders.size > 0; at++) {
    if ((at & 0x3fff) === 0 && isLate()) break;
    follow(at);
  }
  return found;

  function follow(at: number): void {
    const insn = path.insns[at]!;
    const frame = path.frames[at]!;
    const code = insns.code[insn]!;
    const cls = code & 7;
    if ((cls === BPF_JMP || cls === 6) && (code & 0xf0) !== BPF_CALL) {
      const told = path.narrowed.get(at)?.find((place) => holders.has(place));
      if (told !== undefined) add('branch', at, told, path.insns[at + 1] !== insn + 1);
      if ((code & 0xf0) === 0x90 && path.frames[at + 1]! < frame) {
        const returned = holders.has(registerPlace(frame, 0));
        for (const place of [...holders]) if (placeFrame(place) >= frame) holders.delete(place);
        if (returned) {
          holders.add(registerPlace(frame - 1, 0));
          add('return', at, registerPlace(frame - 1, 0));
        }
      }
      return;
    }
    const source = registerPlace(frame, insns.src[insn]!);
    const isCopy = cls === BPF_ALU64 && (code & 0xf0) === BPF_MOV && (code & BPF_X) !== 0;
    const gets = isCopy && holders.has(source) ? registerPlace(frame, insns.dst[insn]!) : undefined;
    const slot = path.slots[at]!;
    const isFill = cls === 1 && slot >= 0 && holders.has(slot);
    if (cls === BPF_STX && slot >= 0) {
      if (holders.has(source)) {
        holders.add(slot);
        add('spill', at, slot);
      } else if (holders.delete(slot) && holders.size === 0) add('overwritten', at, slot);
    }
    const entersFunction = isSubprogramCall(insns, insn) && path.frames[at + 1]! > frame;
    if (entersFunction) {
      for (let register = 1; register <= 5; register++)
        if (holders.has(registerPlace(frame, register))) {
          holders.add(registerPlace(frame + 1, register));
          add('argument', at, registerPlace(frame + 1, register));
        }
    }
    let lost: PlaceCode | undefined;
    const written = registersWritten(insns, insn);
    for (let register = 0; register < 10; register++) {
      const place = registerPlace(frame, register);
      if ((written & (1 << register)) !== 0 && place !== gets && holders.delete(place)) lost = place;
    }
    if (gets !== undefined) {
      holders.add(gets);
      add('copy', at, gets);
    }
    if (isFill) holders.add(registerPlace(frame, insns.dst[insn]!));
    if (lost !== undefined && holders.size === 0) add('overwritten', at, lost);
  }
}
