/**
 * The kernel checks a program's BTF before it loads it, and a loader that sees it refused goes on without: then nothing is
 * known of source lines, of global functions, or of what lies in maps.
 */
import type { Btf } from '../../object/btf/btf.ts';
import { BTF_FUNC_EXTERN, BTF_KIND_FUNC } from '../../object/btf/kinds.ts';
import type { MapDefinition, Program } from '../../object/program.ts';

const verdicts = new WeakMap<Btf, boolean>();

/** A name of a parameter is missing. The last one may be the dots of a variable argument list, which have neither name nor type. */
function hasNamelessParameter(btf: Btf, proto: number): boolean {
  for (let i = 0; i < btf.count(proto); i++)
    if (btf.paramTypeId(proto, i) !== 0 && btf.paramName(proto, i) === '') return true;
  return false;
}

/** Whether the kernel accepts the BTF: what compilers emit differs from that in one point only, parameters without a name. */
function isAccepted(btf: Btf): boolean {
  const known = verdicts.get(btf);
  if (known !== undefined) return known;
  const functions: number[] = [];
  // Loaders give names to the parameters of functions that the kernel has to provide.
  const named = new Set<number>();
  for (let id = btf.firstId; id < btf.typeCount; id++) {
    if (btf.kind(id) !== BTF_KIND_FUNC) continue;
    if (btf.count(id) === BTF_FUNC_EXTERN) named.add(btf.typeId(id));
    else functions.push(id);
  }
  const accepted = functions.every((id) => named.has(btf.typeId(id)) || !hasNamelessParameter(btf, btf.typeId(id)));
  verdicts.set(btf, accepted);
  return accepted;
}

const withoutTypes = (map: MapDefinition): MapDefinition => ({ ...map, keyTypeId: 0, valueTypeId: 0 });

/** The program as it is when its BTF could not be loaded; the same one when that is fine. */
export function asLoaded(program: Program): Program {
  if (program.btf === undefined || program.type === 'struct_ops' || isAccepted(program.btf)) return program;
  const { btf: _refused, ...rest } = program;
  return {
    ...rest,
    lineInfo: [],
    maps: program.maps.map(withoutTypes),
    subprograms: program.subprograms.map((subprogram) => ({ ...subprogram, linkage: 'static', funcTypeId: 0 })),
  };
}
