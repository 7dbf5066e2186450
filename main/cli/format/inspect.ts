/** What `bailout inspect` says, as text and as JSON. */
import type { MapDefinition, ObjectFile, Program } from '../../../core/object/program.ts';
import { mapTypeNames } from '../../../core/kernel/tables/map-types.ts';
import type { Callback } from '../program.ts';
import { callbackStarts, exceptionCallbackOf } from '../program.ts';
import type { Relocation } from '../relocations.ts';
import type { Style } from './style.ts';
import { count, table } from './table.ts';

export interface InspectJson {
  readonly object: string;
  readonly license: string;
  readonly programs: readonly {
    readonly name: string;
    readonly section: string;
    readonly type: string;
    readonly attach_type: string | null;
    readonly attach_target: string | null;
    readonly sleepable: boolean;
    readonly autoload: boolean;
    readonly insns: number;
    readonly subprograms: readonly {
      readonly name: string;
      readonly start: number;
      readonly end: number;
      readonly linkage: string;
      /** Its address is taken: some helper or kfunc calls it back. */
      readonly callback: boolean;
    }[];
    readonly exception_callback: Callback | null;
    /** Instructions that need something this kernel does not have; harmless where they are never reached. */
    readonly poisoned: readonly { readonly insn: number; readonly kind: string; readonly what: string }[];
    readonly load_error: { readonly code: string; readonly message: string } | null;
  }[];
  readonly externs: readonly {
    readonly name: string;
    readonly kind: string;
    readonly weak: boolean;
    readonly value: string | null;
  }[];
  readonly maps: readonly {
    readonly name: string;
    readonly type: string;
    readonly key_size: number;
    readonly value_size: number;
    readonly max_entries: number;
    readonly flags: number;
    readonly origin: string;
    readonly pinning: string;
    readonly inner: string | null;
  }[];
  readonly relocations: readonly Relocation[];
  readonly notes: readonly string[];
}

export function mapTypeName(type: number): string {
  return mapTypeNames[type] ?? `type ${type}`;
}

export function inspectJson(
  object: ObjectFile,
  relocations: readonly Relocation[],
  notes: readonly string[],
): InspectJson {
  return {
    object: object.name,
    license: object.license,
    programs: object.programs.map((program) => ({
      name: program.name,
      section: program.section,
      type: program.type,
      attach_type: program.attachType ?? null,
      attach_target: program.attachTarget ?? null,
      sleepable: program.sleepable,
      autoload: program.autoload,
      insns: program.instructions.length,
      subprograms: subprogramsJson(program),
      exception_callback: exceptionCallbackOf(program) ?? null,
      poisoned: program.poisoned.map(({ insn, kind, what }) => ({ insn, kind, what })),
      load_error:
        program.loadError === undefined ? null : { code: program.loadError.code, message: program.loadError.message },
    })),
    maps: object.maps.map((map) => ({
      name: map.name,
      type: mapTypeName(map.type),
      key_size: map.keySize,
      value_size: map.valueSize,
      max_entries: map.maxEntries,
      flags: map.flags,
      origin: map.origin,
      pinning: map.pinning,
      inner: map.inner === undefined ? null : mapTypeName(map.inner.type),
    })),
    externs: object.externs.map(({ name, kind, isWeak, value }) => ({
      name,
      kind,
      weak: isWeak,
      value: value ?? null,
    })),
    relocations,
    notes,
  };
}

function subprogramsJson(program: Program): InspectJson['programs'][number]['subprograms'] {
  const callbacks = callbackStarts(program);
  return program.subprograms.map(({ name, start, end, linkage }) => ({
    name,
    start,
    end,
    linkage,
    callback: callbacks.has(start),
  }));
}

export function formatInspect(
  object: ObjectFile,
  relocations: readonly Relocation[],
  notes: readonly string[],
  style: Style,
): string[] {
  const out = [
    `${style.bold(object.name)}  ${style.dim(`license ${object.license === '' ? 'none' : object.license}`)}`,
  ];
  const section = (title: string, lines: readonly string[]): void => {
    if (lines.length > 0) out.push('', style.bold(title), ...lines);
  };
  section(`Programs (${object.programs.length})`, programLines(object.programs, style));
  section('Functions', functionLines(object.programs, style));
  section(`Maps (${object.maps.length})`, mapLines(object.maps, style));
  section(`Taken from the kernel (${object.externs.length})`, externLines(object, style));
  section(`Relocations (${relocations.length})`, relocationLines(relocations, style));
  section(
    'Notes',
    notes.map((note) => `  ${note}`),
  );
  return out;
}

function programLines(programs: readonly Program[], style: Style): string[] {
  const rows = programs.map((program) => [
    style.name(program.name),
    program.type,
    style.dim(program.section),
    count(program.instructions.length, 'insn'),
    remarks(program, style).join(', '),
  ]);
  const lines = table(rows, { indent: '  ', right: [3] });
  // Why a program cannot be loaded is a sentence: it stands below its row.
  return programs.flatMap((program, index) => {
    const line = lines[index] ?? '';
    return program.loadError === undefined
      ? [line]
      : [line, `      ${style.warn('not loadable:')} ${program.loadError.message}`];
  });
}

function remarks(program: Program, style: Style): string[] {
  const callback = exceptionCallbackOf(program);
  return [
    ...(program.sleepable ? ['sleepable'] : []),
    ...(program.autoload ? [] : ['not loaded by default']),
    ...(program.poisoned.length === 0 ? [] : [`${count(program.poisoned.length, 'instruction')} not for this kernel`]),
    ...(callback === undefined ? [] : [`exception callback ${style.name(callback.name)} (by ${callback.how})`]),
  ];
}

/** The functions of all programs, each once, with the programs that contain them. */
function functionLines(programs: readonly Program[], style: Style): string[] {
  const functions = new Map<string, { linkage: string; insns: number; users: string[] }>();
  for (const program of programs) {
    const callbacks = callbackStarts(program);
    for (const { name, linkage, start, end } of program.subprograms.slice(1)) {
      const known = functions.get(name);
      if (known === undefined)
        functions.set(name, {
          linkage: callbacks.has(start) ? `${linkage} callback` : linkage,
          insns: end - start,
          users: [program.name],
        });
      else known.users.push(program.name);
    }
  }
  const rows = [...functions].map(([name, { linkage, insns, users }]) => [
    style.name(name),
    linkage,
    count(insns, 'insn'),
    style.dim(`in ${some(users)}`),
  ]);
  return table(rows, { indent: '  ', right: [2] });
}

function some(names: readonly string[]): string {
  return names.length <= 3 ? names.join(', ') : `${names.slice(0, 2).join(', ')} and ${names.length - 2} more`;
}

function mapLines(maps: readonly MapDefinition[], style: Style): string[] {
  const rows = maps.map((map) => [
    style.name(map.name),
    mapTypeName(map.type) + (map.inner === undefined ? '' : ` of ${mapTypeName(map.inner.type)}`),
    `key ${map.keySize}`,
    `value ${map.valueSize}`,
    map.maxEntries === 0 ? '' : count(map.maxEntries, 'entry', 'entries'),
    style.dim(
      [...(map.frozen ? ['read-only'] : []), ...(map.pinning === 'none' ? [] : [`pinned ${map.pinning}`])].join(', '),
    ),
  ]);
  return table(rows, { indent: '  ', right: [4] });
}

function externLines(object: ObjectFile, style: Style): string[] {
  const rows = object.externs.map(({ name, kind, isWeak, value }) => [
    style.name(name),
    kind,
    value === undefined ? style.warn(isWeak ? 'not there (weak)' : 'not there') : style.dim(value),
  ]);
  return table(rows, { indent: '  ' });
}

/** Relocations by what they ask for, since one symbol is often asked for in many places. */
function relocationLines(relocations: readonly Relocation[], style: Style): string[] {
  const groups = new Map<string, Relocation[]>();
  for (const relocation of relocations) {
    const key = `${relocation.section}\0${relocation.kind}\0${relocation.target}\0${relocation.what}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [relocation]);
    else group.push(relocation);
  }
  const rows = [...groups.values()].map((group) => {
    const { section, kind, target, what } = group[0]!;
    return [
      style.dim(section),
      kind,
      style.name(target),
      style.dim(kind === 'core' ? what : ''),
      style.dim(places(group)),
    ];
  });
  return table(rows, { indent: '  ' });
}

function places(group: readonly Relocation[]): string {
  const shown = group.slice(0, 4).map(({ offset }) => `+${offset}`);
  return group.length > 4 ? `${shown.join(' ')} and ${group.length - 4} more` : shown.join(' ');
}
