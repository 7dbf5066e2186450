/** What a value on the path is called in the source, where that can be told. */
import { lineAt, subprogramAt } from '../../object/places.ts';
import type { Case } from './case.ts';
import { placeFrame, placeIndex, registerPlace } from './record.ts';
import { assignedOn, calledSubprogram, indexOn, parameterName } from './source.ts';
import type { Found } from './trace-values.ts';

interface Named {
  readonly subject: Case;
  readonly found: readonly Found[];
}

/**
 * The variable whose value a register has before an instruction of the path: the parameter that passed it, the name that the
 * line gave it, or the only index on the line where it is used. A value that was computed with since then has no name.
 */
export function nameAt({ subject, found }: Named, position: number, register: number): string | undefined {
  const { path, program, insns } = subject;
  let place = registerPlace(path.frames[position]!, register);
  let wasMoved = false;
  for (let i = found.length - 1; i >= 0; i--) {
    const step = found[i]!;
    if (step.place !== place || step.position >= position) continue;
    const insn = path.insns[step.position]!;
    switch (step.kind) {
      case 'argument': {
        const callee = calledSubprogram(program, insn);
        if (callee === undefined) return undefined;
        return parameterName(program, callee, placeIndex(place)) ?? assignedAt(subject, insn);
      }
      case 'entry': {
        const own = subprogramAt(program, insn);
        return own === undefined ? undefined : parameterName(program, own, placeIndex(place));
      }
      case 'copy': {
        const given = assignedAt(subject, insn);
        if (given !== undefined && !wasMoved) return given;
        wasMoved = true;
        place = registerPlace(placeFrame(place), insns.src[insn]!);
        break;
      }
      case 'fill':
        if (path.slots[step.position]! < 0) return undefined;
        place = path.slots[step.position]!;
        break;
      case 'spill':
        place = registerPlace(path.frames[step.position]!, insns.src[insn]!);
        break;
      case 'arithmetic':
        // Widening a 32-bit value, or masking it, is not a computation that anybody wrote.
        if (isExtension(subject, insn)) break;
        return assignedAt(subject, insn);
      case 'load':
      case 'result':
      case 'return':
      case 'call':
        return assignedAt(subject, insn) ?? indexAtError(subject);
      default:
        break;
    }
  }
  return undefined;
}

/** A shift by 32 is one half of how 32 bits are widened to 64. */
function isExtension(subject: Case, insn: number): boolean {
  const { insns } = subject;
  const operation = insns.code[insn]! & 0xf0;
  return (operation === 0x60 || operation === 0x70 || operation === 0xc0) && insns.imm[insn] === 32;
}

function assignedAt(subject: Case, insn: number): string | undefined {
  const line = lineAt(subject.program, insn);
  return line === undefined ? undefined : assignedOn(line.text.trim());
}

/** Inlined code gives a value where it has another name; on the line of the error it may be the index. */
function indexAtError(subject: Case): string | undefined {
  const line = subject.insn === undefined ? undefined : lineAt(subject.program, subject.insn);
  return line === undefined ? undefined : indexOn(line.text);
}
