/** The kernel, maps and types in which generated programs live, and how their text becomes a program. */
import { readFileSync } from 'node:fs';
import { assemble } from '../../../core/isa/assemble.ts';
import { BTF_KIND_FUNC, BTF_KIND_STRUCT } from '../../../core/object/btf/kinds.ts';
import { loadObject } from '../../../core/object/object.ts';
import type { ObjectFile, Program, Subprogram } from '../../../core/object/program.ts';
import { bundledKernelBtf } from '../../../main/kernel-btf.ts';
import type { Generated } from './generate.ts';

/** The committed object of world.bpf.c. */
export function loadWorld(): ObjectFile {
  const bytes = readFileSync(new URL('./world.bpf.o', import.meta.url));
  return loadObject(new Uint8Array(bytes), { name: 'world.bpf.o', kernelBtf: bundledKernelBtf() });
}

/** Puts generated code into the world's program. `source` may differ from the generated one (a planted leak). */
export function toProgram(world: ObjectFile, generated: Generated, source = generated.source): Program {
  const template = world.programs[0];
  const { btf, kernelBtf } = world;
  if (template === undefined || btf === undefined) throw new Error('the world has no program');
  const text = source.replace(/type\[(\w+)\]/g, (_, name: string) =>
    String(idOf(btf.findByName(name, BTF_KIND_STRUCT), name)),
  );
  const { instructions, labels } = assemble(text, {
    kfunc: (name) => ({ btfId: idOf(kernelBtf.findByName(name, BTF_KIND_FUNC), name) }),
    map: (name) =>
      idOf(
        world.maps.findIndex((map) => map.name === name),
        name,
      ),
  });
  const starts = generated.functions.map(({ label }) => labels.get(label) ?? 0);
  const subprograms = generated.functions.map(({ label, kind }, i): Subprogram => ({
    name: label,
    start: starts[i] ?? 0,
    end: starts[i + 1] ?? instructions.length,
    linkage: kind === 'main' || kind === 'global' ? 'global' : 'static',
    funcTypeId:
      i === 0 ? (template.subprograms[0]?.funcTypeId ?? 0) : idOf(btf.findByName(label, BTF_KIND_FUNC), label),
  }));
  return { ...template, name: `seed_${generated.seed}`, instructions, subprograms, lineInfo: [], poisoned: [] };
}

function idOf(found: number | undefined, name: string): number {
  if (found === undefined || found < 0) throw new Error(`the world has no ${name}`);
  return found;
}
