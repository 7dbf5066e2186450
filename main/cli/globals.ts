/** Sets global variables of an object before it is loaded, as a loader's skeleton does. */
import { BailoutError } from '../../core/errors.ts';
import type { Btf } from '../../core/object/btf/btf.ts';
import type { MapDefinition, ObjectFile } from '../../core/object/program.ts';
import type { GlobalAssignment } from './options.ts';
import { nearest } from '../../core/nearest.ts';

interface Variable {
  readonly map: MapDefinition;
  readonly typeId: number;
  readonly offset: number;
  readonly size: number;
}

/**
 * Writes the values into the maps that hold the variables. Each is checked before any is written.
 * @returns those of `.bss`, which has no bytes in the object: the simulated kernel writes them (Scenario.globals)
 */
export function setGlobals(
  object: ObjectFile,
  assignments: readonly GlobalAssignment[],
): Readonly<Record<string, bigint>> {
  if (assignments.length === 0) return {};
  const variables = globalsOf(object);
  const writes = assignments.map(({ name, value }) => {
    const variable = variables.get(name);
    if (variable === undefined) throw unknown(object, name, [...variables.keys()]);
    checkFits(name, value, variable, object.btf);
    return { name, variable, value };
  });
  const inMemory: Record<string, bigint> = {};
  for (const { name, variable, value } of writes) {
    const { map, offset, size } = variable;
    const data = map.initialData;
    if (data === undefined) {
      inMemory[name] = value;
      continue;
    }
    for (let i = 0; i < size; i++) data[offset + i] = Number(BigInt.asUintN(8, value >> BigInt(8 * i)));
  }
  return inMemory;
}

/** The variables of the object's data sections that a number can be written to. */
function globalsOf(object: ObjectFile): Map<string, Variable> {
  const variables = new Map<string, Variable>();
  const { btf } = object;
  if (btf === undefined) return variables;
  for (const map of object.maps) {
    const length = map.initialData?.length ?? map.valueSize;
    if (map.origin === 'user' || map.origin === 'struct_ops') continue;
    for (const { typeId: variable, offset, size } of btf.sectionVariables(btf.resolve(map.valueTypeId))) {
      if (offset + size > length) continue;
      variables.set(btf.name(variable), { map, typeId: btf.resolve(btf.typeId(variable)), offset, size });
    }
  }
  return variables;
}

function checkFits(name: string, value: bigint, { size, typeId }: Variable, btf: Btf | undefined): void {
  if (size !== 1 && size !== 2 && size !== 4 && size !== 8) {
    const kind = btf?.kindName(typeId) ?? 'value';
    throw new BailoutError('USAGE', `The global \`${name}\` is a ${kind} of ${size} bytes, not a number.`);
  }
  const bits = BigInt(8 * size);
  // The sign is the user's: -1 and 0xffffffff are the same four bytes.
  if (value < -(1n << (bits - 1n)) || value >= 1n << bits) {
    throw new BailoutError('USAGE', `${value} does not fit into the ${size} bytes of the global \`${name}\`.`);
  }
}

function unknown(object: ObjectFile, name: string, names: readonly string[]): BailoutError {
  const meant = nearest(name, names);
  const guess = meant === undefined ? '' : ` Did you mean \`${meant}\`?`;
  return new BailoutError('USAGE', `${object.name} has no global variable \`${name}\`.${guess}`, {
    hint:
      names.length === 0
        ? 'It has no globals at all.'
        : `Globals: ${names.slice(0, 12).join(', ')}${names.length > 12 ? ', …' : ''}.`,
  });
}
