/**
 * Symbols that the object expects from outside: kernel configuration (`__kconfig`), kernel variables and kernel functions (`__ksym`).
 *
 * The compiler lists them in the symbol table as undefined, and in BTF as variables of the sections `.kconfig` and `.ksyms`, or as functions of the latter.
 */
import type { Btf } from './btf/btf.ts';
import {
  BTF_FUNC_EXTERN,
  BTF_INT_BOOL,
  BTF_INT_SIGNED,
  BTF_KIND_ARRAY,
  BTF_KIND_DATASEC,
  BTF_KIND_ENUM,
  BTF_KIND_ENUM64,
  BTF_KIND_FUNC,
  BTF_KIND_INT,
  BTF_KIND_VAR,
  BTF_VAR_GLOBAL_ALLOCATED,
  BTF_VAR_GLOBAL_EXTERN,
} from './btf/kinds.ts';
import type { ElfFile, ElfSymbol } from './elf.ts';
import { SHN_UNDEF, STB_GLOBAL, STB_WEAK, STT_NOTYPE } from './elf.ts';
import type { Refusal } from './refusal.ts';

interface ExternBase {
  readonly name: string;
  readonly symbol: number;
  readonly isWeak: boolean;
}

export type KconfigType = 'bool' | 'tristate' | 'char' | 'int' | 'string';

export interface KconfigExtern extends ExternBase {
  readonly kind: 'kconfig';
  readonly type: KconfigType;
  readonly signed: boolean;
  readonly size: number;
  readonly align: number;
  /** In the `.kconfig` map. */
  offset: number;
}

/** What a kernel symbol was found to be. */
export type KernelSymbol =
  /** A FUNC or VAR of the kernel BTF. */
  { readonly kind: 'type'; readonly id: number } | { readonly kind: 'address'; readonly address: bigint };

export interface KsymExtern extends ExternBase {
  readonly kind: 'function' | 'variable';
  /** In the object's BTF: the prototype, or the variable's type without modifiers; 0 for a variable of type void ("typeless"). */
  readonly typeId: number;
  resolved?: KernelSymbol;
}

export type Extern = KconfigExtern | KsymExtern;

/** An undefined symbol that an extern declaration stands for. */
export function isExternSymbol(symbol: ElfSymbol): boolean {
  return (
    symbol.section === SHN_UNDEF &&
    symbol.type === STT_NOTYPE &&
    (symbol.binding === STB_GLOBAL || symbol.binding === STB_WEAK)
  );
}

function kconfigTypeOf(btf: Btf, typeId: number): { type: KconfigType; signed: boolean } | undefined {
  const id = btf.resolve(typeId);
  switch (btf.kind(id)) {
    case BTF_KIND_INT: {
      const size = btf.size(id);
      if ((btf.intEncoding(id) & BTF_INT_BOOL) !== 0) return size === 1 ? { type: 'bool', signed: false } : undefined;
      const signed = (btf.intEncoding(id) & BTF_INT_SIGNED) !== 0;
      if (size === 1) return { type: 'char', signed };
      return size === 2 || size === 4 || size === 8 ? { type: 'int', signed } : undefined;
    }
    case BTF_KIND_ENUM:
    case BTF_KIND_ENUM64:
      if (btf.kind(id) === BTF_KIND_ENUM && btf.size(id) !== 4) return undefined;
      return btf.name(id) === 'libbpf_tristate' ? { type: 'tristate', signed: false } : undefined;
    case BTF_KIND_ARRAY: {
      const element = btf.resolve(btf.typeId(id));
      if (btf.arrayCount(id) === 0 || btf.kind(element) !== BTF_KIND_INT) return undefined;
      return kconfigTypeOf(btf, element)?.type === 'char' ? { type: 'string', signed: false } : undefined;
    }
    default:
      return undefined;
  }
}

/** The first VAR or FUNC of each name; 0 for one that is no extern declaration. */
function collectDeclarations(btf: Btf): Map<string, number> {
  const declarations = new Map<string, number>();
  for (let id = btf.firstId; id < btf.typeCount; id++) {
    const kind = btf.kind(id);
    if ((kind !== BTF_KIND_VAR && kind !== BTF_KIND_FUNC) || declarations.has(btf.name(id))) continue;
    const isExtern =
      kind === BTF_KIND_VAR ? btf.varLinkage(id) === BTF_VAR_GLOBAL_EXTERN : btf.funcLinkage(id) === BTF_FUNC_EXTERN;
    declarations.set(btf.name(id), isExtern ? id : 0);
  }
  return declarations;
}

function describeKconfig(
  btf: Btf,
  base: ExternBase,
  variableType: number,
  refusal: Refusal,
): KconfigExtern | undefined {
  const size = btf.resolveSize(variableType) ?? 0;
  const align = btf.alignOf(variableType);
  const described = kconfigTypeOf(btf, variableType);
  if (size === 0 || align === 0 || described === undefined) {
    refusal.refuse('KCONFIG_TYPE', `Extern ${base.name} (kconfig): its type is not supported.`);
    return undefined;
  }
  return { ...base, kind: 'kconfig', ...described, size, align, offset: 0 };
}

function describe(
  btf: Btf,
  declaration: number,
  section: string | undefined,
  symbol: ElfSymbol,
  refusal: Refusal,
): Extern | undefined {
  if (declaration === 0 || section === undefined) {
    refusal.refuse('EXTERN_NO_BTF', `Extern ${symbol.name}: no declaration of it was found in BTF.`);
    return undefined;
  }
  const base: ExternBase = { name: symbol.name, symbol: symbol.index, isWeak: symbol.binding === STB_WEAK };
  const isFunction = btf.kind(declaration) === BTF_KIND_FUNC;
  if (section === '.kconfig') {
    if (!isFunction) return describeKconfig(btf, base, btf.typeId(declaration), refusal);
    refusal.refuse('KCONFIG_TYPE', `Extern function ${symbol.name} is not supported in section .kconfig.`);
    return undefined;
  }
  if (section === '.ksyms')
    return { ...base, kind: isFunction ? 'function' : 'variable', typeId: btf.resolve(btf.typeId(declaration)) };
  refusal.refuse('EXTERN_SECTION', `Extern ${symbol.name} stands in section ${section}, which is not known.`);
  return undefined;
}

const compareNames = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** libbpf's order: configuration first, by descending alignment, ascending size, name; then kernel symbols by name. */
function compareExterns(a: Extern, b: Extern): number {
  if (a.kind === 'kconfig' && b.kind === 'kconfig')
    return b.align - a.align || a.size - b.size || compareNames(a.name, b.name);
  if (a.kind === 'kconfig') return -1;
  if (b.kind === 'kconfig') return 1;
  return compareNames(a.name, b.name);
}

/** Gives each configuration variable its place in the `.kconfig` map, and tells BTF. */
function layOutKconfig(btf: Btf, externs: readonly Extern[], kconfigSection: number): void {
  let end = 0;
  const offsets = new Map<string, number>();
  for (const extern of externs) {
    if (extern.kind !== 'kconfig') continue;
    extern.offset = Math.ceil(end / extern.align) * extern.align;
    end = extern.offset + extern.size;
    offsets.set(extern.name, extern.offset);
  }
  const variables = btf.sectionVariables(kconfigSection).map((variable) => {
    btf.setLinkage(variable.typeId, BTF_VAR_GLOBAL_ALLOCATED);
    return { ...variable, offset: offsets.get(btf.name(variable.typeId)) ?? variable.offset };
  });
  btf.setSection(
    kconfigSection,
    end,
    variables.sort((a, b) => a.offset - b.offset),
  );
}

/** Finds all externs, in libbpf's order; the index in the result is what a poisoned call to an unresolved kfunc carries. */
export function collectExterns(elf: ElfFile, btf: Btf | undefined, refusal: Refusal): Extern[] {
  const symbols = elf.symbols.filter((symbol) => isExternSymbol(symbol) && symbol.name !== '');
  if (symbols.length === 0) return [];
  if (btf === undefined) {
    refusal.refuse('EXTERN_NO_BTF', `Extern ${symbols[0]!.name}: the object has no BTF to declare it.`);
    return [];
  }
  const declarations = collectDeclarations(btf);
  const sections = new Map<number, string>();
  let kconfigSection = 0;
  for (let id = btf.firstId; id < btf.typeCount; id++) {
    if (btf.kind(id) !== BTF_KIND_DATASEC) continue;
    const name = btf.name(id);
    if (name === '.kconfig') kconfigSection = id;
    for (const { typeId } of btf.sectionVariables(id)) if (!sections.has(typeId)) sections.set(typeId, name);
  }
  const externs: Extern[] = [];
  for (const symbol of symbols) {
    const declaration = declarations.get(symbol.name) ?? 0;
    const extern = describe(btf, declaration, sections.get(declaration), symbol, refusal);
    if (extern !== undefined) externs.push(extern);
  }
  externs.sort(compareExterns);
  if (kconfigSection !== 0) layOutKconfig(btf, externs, kconfigSection);
  return externs;
}
