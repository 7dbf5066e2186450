/**
 * What a CO-RE relocation names, on the object's side and on the kernel's.
 *
 * The compiler records an access as a string of indices, `0:1:2` for `s->b.c`. As a specification this is the same in names: the object's own
 * layout gives each index its member's name, and the kernel's type is then searched for members of those names, through anonymous structs and unions.
 */
import { BailoutError } from '../../errors.ts';
import type { Btf } from '../btf/btf.ts';
import { BTF_KIND_ARRAY } from '../btf/kinds.ts';
import { essentialName } from '../btf/names.ts';
import { fieldsAreCompatible, typesAreCompatible, typesMatch } from './compatible.ts';
import { BPF_CORE_TYPE_MATCHES, coreKinds } from './kinds.ts';

/** Longest access string, and deepest path through a kernel type; libbpf's limit. */
const MAX_LENGTH = 64;

/** Members that a search looks at at most: anonymous structs can be nested such that there are very many paths. */
const MAX_STEPS = 1_000_000;

/** A step of an access: a named member (or enumerator), or an array index without a name. */
export interface Accessor {
  /** The struct that has the member, or the type of the array's elements. */
  readonly typeId: number;
  readonly index: number;
  readonly name?: string;
}

export interface CoreSpec {
  readonly btf: Btf;
  readonly rootTypeId: number;
  readonly kind: number;
  /** The steps that have a meaning in C. */
  readonly accessors: readonly Accessor[];
  /** All indices, those into anonymous members included. */
  readonly path: readonly number[];
  /** A 32-bit number, as libbpf keeps it. */
  readonly bitOffset: number;
}

function fail(message: string): never {
  throw new BailoutError('CORE_RELOCATION', `CO-RE relocation: ${message}.`);
}

/** `[2]` of a flexible array member: the last member of its struct, without a length. */
function isFlexible(btf: Btf, before: Accessor | undefined, array: number): boolean {
  return before?.name !== undefined && btf.arrayCount(array) === 0 && before.index === btf.count(before.typeId) - 1;
}

function sizeOf(btf: Btf, typeId: number): number {
  return btf.resolveSize(typeId) ?? fail(`type [${typeId}] has no size`);
}

/** Reads an access string against the object's types. */
export function parseSpec(btf: Btf, rootTypeId: number, kind: number, access: string): CoreSpec {
  const about = coreKinds[kind]?.about;
  const empty = { btf, rootTypeId, kind, accessors: [], path: [], bitOffset: 0 };
  if (access === '') fail('the access string is empty');
  if (about === 'type') return access === '0' ? empty : fail(`access string "${access}" of a type is not "0"`);
  if (!/^\d{1,9}(:\d{1,9})*$/.test(access)) fail(`access string "${access}" is not made of numbers`);
  const path = access.split(':').map(Number);
  if (path.length > MAX_LENGTH) fail(`access string "${access}" is too long`);
  let id = btf.resolve(rootTypeId);
  const first = path[0]!;
  if (about === 'enumerator') {
    if (!btf.isEnum(id) || path.length > 1 || first >= btf.count(id))
      fail(`type [${rootTypeId}] has no enumerator ${access}`);
    return { ...empty, path, accessors: [{ typeId: id, index: first, name: btf.enumeratorName(id, first) }] };
  }
  if (about !== 'field') fail(`kind ${kind} is unknown`);
  const accessors: Accessor[] = [{ typeId: id, index: first }];
  let bitOffset = first * sizeOf(btf, id) * 8;
  for (const index of path.slice(1)) {
    id = btf.resolve(id);
    if (btf.isComposite(id)) {
      if (index >= btf.count(id)) fail(`type [${id}] has no member ${index}`);
      bitOffset += btf.memberBitOffset(id, index);
      const name = btf.memberName(id, index);
      if (name !== '') accessors.push({ typeId: id, index, name });
      id = btf.memberTypeId(id, index);
    } else if (btf.kind(id) === BTF_KIND_ARRAY) {
      if (!isFlexible(btf, accessors.at(-1), id) && index >= btf.arrayCount(id))
        fail(`type [${id}] has no element ${index}`);
      id = btf.resolve(btf.typeId(id));
      accessors.push({ typeId: id, index });
      bitOffset += index * sizeOf(btf, id) * 8;
    } else fail(`access string "${access}" goes into type [${id}], a ${btf.kindName(id)}`);
  }
  return { ...empty, accessors, path, bitOffset: bitOffset >>> 0 };
}

/** Searches the kernel's type for what a specification of the object names. */
class TargetSearch {
  readonly #local: CoreSpec;
  readonly #target: Btf;
  readonly #accessors: Accessor[] = [];
  readonly #path: number[] = [];
  #bitOffset = 0;
  #left = MAX_STEPS;

  constructor(local: CoreSpec, target: Btf) {
    this.#local = local;
    this.#target = target;
  }

  #push(accessor: Accessor): void {
    if (this.#path.length >= MAX_LENGTH) fail('a type of the kernel nests too deep');
    this.#accessors.push(accessor);
    this.#path.push(accessor.index);
  }

  /** Goes to the member of `typeId` that the accessor names. Returns the member's type; undefined when there is none that is compatible. */
  #member(accessor: Accessor, typeId: number): number | undefined {
    const target = this.#target;
    const local = this.#local.btf;
    const id = target.resolve(typeId);
    if (!target.isComposite(id)) return undefined;
    for (let i = 0; i < target.count(id); i++) {
      if (this.#path.length >= MAX_LENGTH || --this.#left < 0) fail('a type of the kernel nests too deep');
      const offset = target.memberBitOffset(id, i);
      const name = target.memberName(id, i);
      const memberType = target.memberTypeId(id, i);
      this.#bitOffset += offset;
      this.#path.push(i);
      if (name === '') {
        const found = this.#member(accessor, memberType);
        if (found !== undefined) return found;
      } else if (name === accessor.name) {
        const compatible = fieldsAreCompatible({
          local,
          localId: local.memberTypeId(accessor.typeId, accessor.index),
          target,
          targetId: memberType,
        });
        if (compatible === undefined) fail(`the types of member ${name} nest too deep`);
        if (!compatible) return undefined;
        this.#accessors.push({ typeId: id, index: i, name });
        return memberType;
      }
      this.#bitOffset -= offset;
      this.#path.pop();
    }
    return undefined;
  }

  field(rootTypeId: number): CoreSpec | undefined {
    const target = this.#target;
    let id = rootTypeId;
    for (const [step, accessor] of this.#local.accessors.entries()) {
      id = target.resolve(id);
      if (accessor.name !== undefined) {
        const next = this.#member(accessor, id);
        if (next === undefined) return undefined;
        id = next;
        continue;
      }
      // The first index is into an imagined array of the root type itself.
      if (step > 0) {
        if (target.kind(id) !== BTF_KIND_ARRAY) return undefined;
        if (!isFlexible(target, this.#accessors.at(-1), id) && accessor.index >= target.arrayCount(id))
          return undefined;
        id = target.resolve(target.typeId(id));
      }
      this.#push({ typeId: id, index: accessor.index });
      this.#bitOffset += accessor.index * sizeOf(target, id) * 8;
    }
    return this.#result(rootTypeId);
  }

  enumerator(rootTypeId: number): CoreSpec | undefined {
    const target = this.#target;
    const id = target.resolve(rootTypeId);
    const wanted = essentialName(this.#local.accessors[0]?.name ?? '');
    for (let i = 0; target.isEnum(id) && i < target.count(id); i++) {
      if (essentialName(target.enumeratorName(id, i)) !== wanted) continue;
      this.#push({ typeId: id, index: i, name: target.enumeratorName(id, i) });
      return this.#result(rootTypeId);
    }
    return undefined;
  }

  #result(rootTypeId: number): CoreSpec {
    return {
      btf: this.#target,
      rootTypeId,
      kind: this.#local.kind,
      accessors: this.#accessors,
      path: this.#path,
      bitOffset: this.#bitOffset >>> 0,
    };
  }
}

/** The object's specification found in one candidate type of the kernel; undefined when it is not there. */
export function matchSpec(local: CoreSpec, target: Btf, targetId: number): CoreSpec | undefined {
  switch (coreKinds[local.kind]?.about) {
    case 'field':
      return new TargetSearch(local, target).field(targetId);
    case 'enumerator':
      return new TargetSearch(local, target).enumerator(targetId);
    case 'type': {
      const pair = { local: local.btf, localId: local.rootTypeId, target, targetId };
      const answer = local.kind === BPF_CORE_TYPE_MATCHES ? typesMatch(pair) : typesAreCompatible(pair);
      if (answer === undefined) fail(`types [${local.rootTypeId}] and [${targetId}] nest too deep to be compared`);
      return answer
        ? { btf: target, rootTypeId: targetId, kind: local.kind, accessors: [], path: [], bitOffset: 0 }
        : undefined;
    }
    case undefined:
      return fail(`kind ${local.kind} is unknown`);
  }
}

/** In libbpf's form: `<byte_off> [12] struct task_struct.pid (0:3 @ offset 24)`. */
export function formatSpec(spec: CoreSpec): string {
  const { btf, rootTypeId, kind, accessors, path, bitOffset } = spec;
  const name = btf.name(rootTypeId);
  const head = `<${coreKinds[kind]?.name ?? 'unknown'}> [${rootTypeId}] ${btf.kindName(rootTypeId)} ${name === '' ? '<anon>' : name}`;
  switch (coreKinds[kind]?.about) {
    case 'enumerator': {
      const enumId = btf.resolve(rootTypeId);
      const index = path[0] ?? 0;
      return `${head}::${btf.enumeratorName(enumId, index)} = ${btf.enumeratorValue(enumId, index)}`;
    }
    case 'field': {
      const steps = accessors.map((accessor, i) =>
        accessor.name !== undefined ? `.${accessor.name}` : i > 0 || accessor.index > 0 ? `[${accessor.index}]` : '',
      );
      const bits = bitOffset % 8 === 0 ? '' : `.${bitOffset % 8}`;
      return `${head}${steps.join('')} (${path.join(':')} @ offset ${Math.floor(bitOffset / 8)}${bits})`;
    }
    case 'type':
    case undefined:
      return head;
  }
}
