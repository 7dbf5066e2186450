/**
 * Fills in what the compiler leaves to the loader: sizes and offsets of global data in BTF, and the linkage of hidden symbols.
 */
import type { Btf } from './btf/btf.ts';
import {
  BTF_FUNC_GLOBAL,
  BTF_FUNC_STATIC,
  BTF_KIND_DATASEC,
  BTF_KIND_FUNC,
  BTF_KIND_VAR,
  BTF_VAR_GLOBAL_EXTERN,
  BTF_VAR_STATIC,
} from './btf/kinds.ts';
import type { Code } from './code.ts';
import type { ElfFile, ElfSymbol } from './elf.ts';
import { STB_GLOBAL, STB_WEAK, STT_OBJECT, STV_HIDDEN, STV_INTERNAL } from './elf.ts';
import type { Refusal } from './refusal.ts';

function fixSection(
  btf: Btf,
  id: number,
  elf: ElfFile,
  symbols: ReadonlyMap<string, ElfSymbol>,
  refusal: Refusal,
): void {
  const name = btf.name(id);
  const variables = btf.sectionVariables(id);
  let size = btf.size(id);
  const offsetsAreMissing = size === 0;
  // Extern sections were laid out with the externs, and not all of their variables have symbols.
  const isExtern = name === '.kconfig' || name === '.ksyms';
  if (!isExtern && offsetsAreMissing) {
    size = elf.section(name)?.size ?? 0;
    if (size === 0) {
      refusal.refuse('BTF_SECTION', `BTF describes section ${name}, which the object does not have or which is empty.`);
      return;
    }
  }
  const fixed = variables.map((variable) => {
    if (isExtern) return variable;
    if (btf.kind(variable.typeId) !== BTF_KIND_VAR) {
      refusal.refuse('BTF_SECTION', `BTF lists something in section ${name} that is no variable.`);
      return variable;
    }
    const linkage = btf.varLinkage(variable.typeId);
    if (linkage === BTF_VAR_STATIC || linkage === BTF_VAR_GLOBAL_EXTERN) return variable;
    const symbol = symbols.get(btf.name(variable.typeId));
    if (symbol === undefined) {
      refusal.refuse(
        'BTF_SECTION',
        `BTF lists variable ${btf.name(variable.typeId)} in section ${name}, and no symbol has that name.`,
      );
      return variable;
    }
    if (symbol.visibility === STV_HIDDEN || symbol.visibility === STV_INTERNAL)
      btf.setLinkage(variable.typeId, BTF_VAR_STATIC);
    return offsetsAreMissing ? { ...variable, offset: symbol.value } : variable;
  });
  btf.setSection(
    id,
    size,
    fixed.sort((a, b) => a.offset - b.offset),
  );
}

/** Gives every DATASEC its size and its variables their offsets, sorted. */
export function fixDataSections(btf: Btf, elf: ElfFile, refusal: Refusal): void {
  const symbols = new Map<string, ElfSymbol>();
  for (const symbol of elf.symbols) {
    if (symbol.type !== STT_OBJECT || (symbol.binding !== STB_GLOBAL && symbol.binding !== STB_WEAK)) continue;
    if (!symbols.has(symbol.name)) symbols.set(symbol.name, symbol);
  }
  for (let id = btf.firstId; id < btf.typeCount; id++)
    if (btf.kind(id) === BTF_KIND_DATASEC) fixSection(btf, id, elf, symbols, refusal);
}

/** Makes the FUNC of each hidden global subprogram static, so that it is verified with what its callers know. */
export function fixHiddenFunctions(btf: Btf, code: Code): void {
  const hidden = new Set(
    code.functions.filter(({ isHidden, isSubprogram }) => isHidden && isSubprogram).map(({ name }) => name),
  );
  if (hidden.size === 0) return;
  for (let id = btf.firstId; id < btf.typeCount; id++) {
    if (btf.kind(id) !== BTF_KIND_FUNC || btf.funcLinkage(id) !== BTF_FUNC_GLOBAL) continue;
    if (hidden.delete(btf.name(id))) btf.setLinkage(id, BTF_FUNC_STATIC);
  }
}
