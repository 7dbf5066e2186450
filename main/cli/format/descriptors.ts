/** `bailout verify --descriptors`: the table of frame descriptors of a program, what it costs, and how it came about. */
import type { DescriptorEntry, FrameDescriptor } from '../../../core/exceptions/descriptor.ts';
import { descriptorBytes, formatPlace } from '../../../core/exceptions/descriptor.ts';
import type { Program } from '../../../core/object/program.ts';
import type { Verification } from '../../../core/verifier/verification.ts';
import { baseName, lineAt, subprogramName } from '../program.ts';
import type { Style } from './style.ts';
import { count, grouped, table } from './table.ts';

/** What the whole table of a program takes in memory. */
export function tableBytes(descriptors: readonly FrameDescriptor[]): number {
  return descriptors.reduce((sum, descriptor) => sum + descriptorBytes(descriptor), 0);
}

export interface ConflictJson {
  readonly subprogram: string;
  readonly insn: number;
  readonly place: string;
  readonly old: string;
  readonly new: string;
}

export function conflictsJson({ program, conflicts }: Verification): ConflictJson[] {
  return conflicts.map((conflict) => ({
    subprogram: subprogramName(program, conflict.subprogram),
    insn: conflict.insn,
    place: formatPlace(conflict.place),
    old: conflict.old,
    new: conflict.new,
  }));
}

/** The whole table: one line per entry, places from which nothing has to be released among them. */
export function formatDescriptorTable(verification: Verification, style: Style): string[] {
  const { program, profile, descriptors, merges, conflicts } = verification;
  if (profile === 'linux') {
    return [style.dim('No descriptors: under linux a throw with something in hand is rejected.')];
  }
  const rows: string[][] = [];
  for (const descriptor of descriptors) {
    const { subprogram, insn, entries } = descriptor;
    const head = [String(insn), style.name(subprogramName(program, subprogram)), style.dim(sourceOf(program, insn))];
    if (entries.length === 0) rows.push([...head, style.dim('–'), style.dim('nothing to release')]);
    entries.forEach((entry, index) => {
      rows.push([...(index === 0 ? head : ['', '', '']), ...entryCells(entry, style)]);
    });
  }
  const out: string[] = [];
  if (rows.length > 0) {
    const titles = ['insn', 'frame', 'source', 'place', 'type', 'released by'].map((title) => style.dim(title));
    out.push(style.bold('Frame descriptors'), ...table([titles, ...rows], { indent: '  ', right: [0] }));
  }
  for (const { insn, subprogram, place, old, new: fresh } of conflicts) {
    const where = `insn ${insn} of ${subprogramName(program, subprogram)}, ${formatPlace(place)}`;
    out.push(`${style.bad('Conflict')} at ${where}`, `  one path:     ${old}`, `  another path: ${fresh}`);
  }
  const entries = descriptors.reduce((sum, descriptor) => sum + descriptor.entries.length, 0);
  out.push(
    style.dim(
      [
        count(descriptors.length, 'place to unwind from', 'places to unwind from'),
        count(entries, 'entry', 'entries'),
        `${grouped(tableBytes(descriptors))} bytes`,
        count(merges, 'merge'),
        count(conflicts.length, 'conflict'),
      ].join(' · '),
    ),
  );
  return out;
}

function sourceOf(program: Program, insn: number): string {
  const line = lineAt(program, insn);
  return line === undefined ? '' : `${baseName(line.file)}:${line.line}`;
}

function entryCells(entry: DescriptorEntry, style: Style): string[] {
  const { place, typeName, nullable, release, acquiredAt } = entry;
  return [
    formatPlace(place),
    `${typeName}${nullable ? ' or null' : ''}`,
    `${release} ${style.dim(`acquired at ${acquiredAt.join(', ')}`)}`,
  ];
}
