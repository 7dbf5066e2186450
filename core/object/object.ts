/**
 * From the bytes of a compiled BPF object to programs that can be verified and run.
 *
 * The steps are those of libbpf, in its order, so that the result is what a loader would hand to the kernel, instruction by instruction: sections and functions, BTF,
 * externs, maps, relocations, CO-RE, linking. Two kinds of trouble are told apart. Bytes that cannot be read at all throw a BailoutError. An object or program that
 * can be read but that a loader would refuse comes out with its `loadError` set, and can still be looked at.
 */
import { BailoutError } from '../errors.ts';
import { SLOT_SIZE } from '../isa/opcodes.ts';
import { findAttachTarget } from './attach.ts';
import { fixDataSections, fixHiddenFunctions } from './btf-fixup.ts';
import { readBtfMaps } from './btf-maps.ts';
import { Btf } from './btf/btf.ts';
import type { BtfExt } from './btf/btf-ext.ts';
import { readBtfExt } from './btf/btf-ext.ts';
import { BTF_KIND_DATASEC } from './btf/kinds.ts';
import type { Code, CodeFunction } from './code.ts';
import { collectCode, isCode } from './code.ts';
import { CoreRelocator } from './core/relocate.ts';
import { addDataMaps, addKconfigMap, attachArenaData, dataKind } from './data-maps.ts';
import { DebugInfo } from './debug-info.ts';
import { ElfFile } from './elf.ts';
import { ExceptionTags } from './exception-tags.ts';
import type { Extern, KconfigExtern, KsymExtern } from './externs.ts';
import { collectExterns } from './externs.ts';
import { defaultKconfig, resolveKconfig } from './kconfig.ts';
import { resolveKernelSymbols } from './ksyms.ts';
import { addLegacyMaps } from './legacy-maps.ts';
import type { LinkContext, LinkedCode } from './linker.ts';
import { link } from './linker.ts';
import type { MapDraft } from './map-draft.ts';
import type { ExternSymbol, MapDefinition, ObjectFile, PoisonedInstruction, Program } from './program.ts';
import { Refusal } from './refusal.ts';
import { collectCodeRelocations, collectMapRelocations, relocatedSection } from './relocations.ts';
import type { SectionRule } from './section-names.ts';
import { attachTargetOf, findSectionRule } from './section-names.ts';
import type { StructOpsResult } from './struct-ops.ts';
import { addStructOpsMaps, collectStructOpsRelocations, matchStructOps } from './struct-ops.ts';

export interface LoadOptions {
  /** The file's name; the part before its first dot names global data maps in the kernel. */
  readonly name: string;
  /** Types of the kernel that the object is loaded for. */
  readonly kernelBtf: Btf;
  /** Kernel configuration in the form of `/proc/config.gz`; the reference kernel's unless given. */
  readonly kconfig?: string;
}

const BPF_F_SLEEPABLE = 1 << 4;
const BPF_F_XDP_HAS_FRAGS = 1 << 5;

/** Linked code of all programs together; an object whose programs share more than that is not put together further. */
const MAX_LINKED = 4_000_000;

/** Runs a step; the error that it ends in refuses the object, and reading goes on without the step's result. */
function attempt<T>(refusal: Refusal, otherwise: T, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof BailoutError)) throw error;
    refusal.because(error);
    return otherwise;
  }
}

function catching(step: () => void): BailoutError | undefined {
  try {
    step();
    return undefined;
  } catch (error) {
    if (error instanceof BailoutError) return error;
    throw error;
  }
}

class Loader {
  readonly #elf: ElfFile;
  readonly #options: LoadOptions;
  readonly #refusal = new Refusal();
  readonly #notes: string[] = [];
  readonly #code: Code;
  readonly #btf: Btf | undefined;
  readonly #ext: BtfExt | undefined;
  readonly #maps: MapDraft[] = [];
  #externs: readonly Extern[] = [];
  #kconfigValues: ReadonlyMap<string, string> = new Map();
  #structOps: StructOpsResult = { attachments: new Map(), autoload: new Map() };
  readonly #corePoisoned = new Map<CodeFunction, PoisonedInstruction[]>();
  #linked = 0;

  constructor(bytes: Uint8Array, options: LoadOptions) {
    this.#options = options;
    this.#elf = new ElfFile(bytes);
    if (this.#elf.symbols.length === 0)
      throw new BailoutError('ELF_SYMBOLS', 'The object has no symbol table; it was probably stripped.', {
        hint: 'Strip debugging sections only: llvm-strip -g.',
      });
    this.#code = collectCode(this.#elf, this.#refusal);
    this.#btf = this.#openBtf();
    this.#ext = this.#openBtfExt();
  }

  #openBtf(): Btf | undefined {
    const section = this.#elf.section('.BTF');
    return section === undefined ? undefined : Btf.open(section.data);
  }

  #openBtfExt(): BtfExt | undefined {
    const section = this.#elf.section('.BTF.ext');
    if (section === undefined || this.#btf === undefined) return undefined;
    let ext: BtfExt | undefined;
    const error = catching(() => (ext = readBtfExt(section.data)));
    if (error === undefined) return ext;
    // libbpf does without it, unless the object needs BTF for something.
    this.#notes.push(`${error.message} It is left out.`);
    if (this.#elf.section('.maps') !== undefined) this.#refusal.because(error);
    return undefined;
  }

  load(): ObjectFile {
    const { kernelBtf } = this.#options;
    const elf = this.#elf;
    const btf = this.#btf;
    const refusal = this.#refusal;
    const add = (draft: MapDraft): void => {
      draft.definition.index = this.#maps.length;
      this.#maps.push(draft);
    };
    this.#noteSections();
    this.#externs = attempt(refusal, [], () => collectExterns(elf, btf, refusal));
    if (btf !== undefined) fixDataSections(btf, elf, refusal);

    const mapSection = attempt(refusal, 0, () => this.#addDefinedMaps(add));
    const arenaSection = attachArenaData(elf, this.#maps, refusal);
    const objectName = this.#options.name.split('.')[0] ?? '';
    addDataMaps(elf, objectName, btf, add, refusal);
    addKconfigMap(elf, objectName, btf, this.#externs, add);
    const structOps = addStructOpsMaps(elf, btf, add, refusal);

    const context = {
      elf,
      code: this.#code,
      btf,
      maps: this.#maps,
      externs: this.#externs,
      mapSection,
      arenaSection,
      refusal,
    };
    attempt(refusal, undefined, () => collectMapRelocations(context));
    attempt(refusal, undefined, () => collectCodeRelocations(context));
    attempt(refusal, undefined, () =>
      collectStructOpsRelocations(
        elf,
        this.#code,
        btf,
        structOps,
        (candidate) => findSectionRule(candidate.section)?.type === 'struct_ops',
        refusal,
      ),
    );

    this.#resolveExterns();
    if (btf !== undefined) this.#structOps = matchStructOps(btf, kernelBtf, structOps, refusal);
    this.#relocateCore();
    const tags = new ExceptionTags(btf, this.#code);
    if (btf !== undefined) fixHiddenFunctions(btf, this.#code);

    const maps = this.#maps.map(({ definition }): MapDefinition => definition);
    const debug = new DebugInfo(elf, btf, this.#ext);
    const license = this.#license();
    const programs = this.#code.functions
      .filter(({ isSubprogram }) => !isSubprogram)
      .map((code) => this.#program(code, { maps, debug, tags, license }));
    return {
      name: this.#options.name,
      license,
      programs,
      maps,
      ...(btf === undefined ? {} : { btf }),
      kernelBtf,
      ...(refusal.error === undefined ? {} : { loadError: refusal.error }),
      externs: this.#externs.map((extern) => this.#describeExtern(extern)),
      notes: this.#notes,
    };
  }

  #noteSections(): void {
    if (this.#elf.bigEndian)
      this.#notes.push(
        'The object is big-endian: its code is decoded as such, and its data stays as it is, while the simulated kernel is little-endian.',
      );
    for (const section of this.#elf.sections) {
      const target = relocatedSection(this.#elf, section);
      if (target !== undefined && dataKind(target) !== undefined)
        this.#notes.push(
          `Relocations of section ${target.name} are left out, as loaders leave them out: pointers to globals or functions in it stay as compiled.`,
        );
    }
    if (this.#elf.section('maps') !== undefined)
      this.#notes.push(
        'Section "maps" holds map definitions of the kind before BTF, which libbpf 1.0 and later refuse.',
      );
  }

  #license(): string {
    const data = this.#elf.section('license')?.data ?? new Uint8Array(0);
    const end = data.indexOf(0);
    return new TextDecoder().decode(end < 0 ? data : data.subarray(0, end));
  }

  /** Maps of sections `.maps` and `maps`. Returns the index of the section that code refers to. */
  #addDefinedMaps(add: (draft: MapDraft) => void): number {
    const legacy = this.#elf.section('maps');
    if (legacy !== undefined) addLegacyMaps(this.#elf, legacy, add);
    const section = this.#elf.section('.maps');
    if (section === undefined) return legacy?.index ?? 0;
    const sectionType = this.#btf?.findByName('.maps', BTF_KIND_DATASEC) ?? 0;
    if (this.#btf === undefined || sectionType === 0)
      this.#refusal.refuse(
        'MAP_DEFINITION',
        'Section .maps is not described by BTF, so its maps are unknown.',
        'Compile with -g.',
      );
    else readBtfMaps(this.#btf, sectionType, section.index, section.size, add);
    return section.index;
  }

  #resolveExterns(): void {
    const { kernelBtf, kconfig = defaultKconfig } = this.#options;
    const refusal = this.#refusal;
    const configuration = this.#externs.filter((extern): extern is KconfigExtern => extern.kind === 'kconfig');
    const symbols = this.#externs.filter((extern): extern is KsymExtern => extern.kind !== 'kconfig');
    const data = this.#maps.find(({ definition }) => definition.origin === 'kconfig')?.definition.initialData;
    if (data !== undefined)
      this.#kconfigValues = attempt(refusal, new Map(), () =>
        resolveKconfig(configuration, data, !this.#elf.bigEndian, kconfig, (extern) =>
          refusal.refuse(
            'KCONFIG_NOT_FOUND',
            `Extern ${extern.name} (strong): the kernel's configuration does not have it.`,
          ),
        ),
      );
    if (this.#btf !== undefined && symbols.length > 0) resolveKernelSymbols(symbols, this.#btf, kernelBtf, refusal);
  }

  #relocateCore(): void {
    const btf = this.#btf;
    if (btf === undefined || this.#ext === undefined || this.#ext.coreRelocations.length === 0) return;
    const relocator = new CoreRelocator(btf, this.#options.kernelBtf);
    for (const section of this.#ext.coreRelocations) {
      const name = btf.string(section.nameOffset);
      const target = this.#elf.section(name);
      if (target === undefined || !isCode(target)) continue;
      for (let record = 0; record < section.count; record++) {
        const at = record * section.stride;
        const offset = section.words[at]!;
        const code = this.#code.find(target.index, Math.floor(offset / SLOT_SIZE));
        if (code === undefined) continue;
        const insn = Math.floor(offset / SLOT_SIZE) - code.start;
        const relocation = {
          typeId: section.words[at + 1]!,
          access: btf.string(section.words[at + 2]!),
          kind: section.words[at + 3]!,
        };
        const error = catching(() => {
          if (offset % SLOT_SIZE !== 0)
            throw new BailoutError('CORE_RELOCATION', `CO-RE relocation: offset ${offset} is no instruction.`);
          const missing = relocator.relocate(code.instructions, insn, relocation);
          if (missing === undefined) return;
          const poisoned = this.#corePoisoned.get(code);
          if (poisoned === undefined) this.#corePoisoned.set(code, [{ insn, kind: 'core', what: missing }]);
          else poisoned.push({ insn, kind: 'core', what: missing });
        });
        if (error !== undefined) this.#coreFailed(code, record, error);
      }
    }
  }

  readonly #coreErrors = new Map<CodeFunction, BailoutError>();

  /** A program that is not loaded may fail without consequence; a subprogram's failure is the object's. */
  #coreFailed(code: CodeFunction, record: number, error: BailoutError): void {
    const told = new BailoutError(
      error.code,
      `Function ${code.name}, CO-RE relocation ${record}: ${error.message.replace(/^CO-RE relocation: /, '')}`,
    );
    if (code.isSubprogram) this.#refusal.because(told);
    else if (!this.#coreErrors.has(code)) this.#coreErrors.set(code, told);
  }

  #program(
    code: CodeFunction,
    shared: { maps: readonly MapDefinition[]; debug: DebugInfo; tags: ExceptionTags; license: string },
  ): Program {
    const { kernelBtf } = this.#options;
    const rule = findSectionRule(code.section);
    const errors: (BailoutError | undefined)[] = [this.#refusal.error, this.#coreErrors.get(code)];
    const context: LinkContext = {
      code: this.#code,
      maps: this.#maps,
      externs: this.#externs,
      corePoisoned: this.#corePoisoned,
    };
    let linked: LinkedCode = {
      instructions: code.instructions,
      parts: [{ code, start: 0 }],
      poisoned: this.#corePoisoned.get(code) ?? [],
    };
    errors.push(
      catching(() => {
        if (this.#linked > MAX_LINKED)
          throw new BailoutError(
            'LINK',
            `Program ${code.name}: the object's programs have more than ${MAX_LINKED} instructions in all.`,
          );
        linked = link(context, code, shared.tags.callbackOf(code));
        this.#linked += linked.instructions.length;
      }),
    );
    let subprograms: Program['subprograms'] = [
      { name: code.name, start: 0, end: code.length, linkage: 'global', funcTypeId: 0 },
    ];
    let lineInfo: Program['lineInfo'] = [];
    errors.push(catching(() => (subprograms = shared.debug.subprograms(linked.parts))));
    errors.push(catching(() => (lineInfo = shared.debug.lines(linked.parts))));

    const attachment = this.#structOps.attachments.get(code);
    const target = attachTargetOf(code.section);
    let attachBtfId = attachment?.kernelTypeId;
    errors.push(
      catching(() => {
        if (rule === undefined)
          throw new BailoutError(
            'PROGRAM_TYPE',
            `Program ${code.name}: section name "${code.section}" says no program type.`,
            {
              hint: 'Sections are named as libbpf names them: xdp, tc, fentry/FUNCTION, tp_btf/TRACEPOINT…',
            },
          );
        if (rule.type === 'struct_ops' && attachment === undefined)
          throw new BailoutError('STRUCT_OPS', `Program ${code.name}: no struct_ops map refers to it.`);
        attachBtfId ??= findAttachTarget(kernelBtf, rule, code.name, target);
      }),
    );
    const error = errors.find((candidate) => candidate !== undefined);
    const sleepable = rule?.sleepable === true;
    return {
      name: code.name,
      section: code.section,
      type: rule?.type ?? 'unspec',
      ...(rule?.attachType === undefined ? {} : { attachType: rule.attachType }),
      ...(target === undefined ? {} : { attachTarget: target }),
      sleepable,
      autoload: this.#structOps.autoload.get(code) ?? code.autoload,
      license: shared.license,
      flags: flagsOf(rule),
      instructions: linked.instructions,
      subprograms,
      lineInfo,
      maps: shared.maps,
      ...(this.#btf === undefined ? {} : { btf: this.#btf }),
      kernelBtf,
      ...(attachBtfId === undefined ? {} : { attachBtfId }),
      ...(attachment === undefined
        ? {}
        : {
            structOps: {
              structName: attachment.structName,
              member: attachment.member,
              memberIndex: attachment.memberIndex,
            },
          }),
      poisoned: linked.poisoned,
      ...(error === undefined ? {} : { loadError: error }),
    };
  }

  #describeExtern(extern: Extern): ExternSymbol {
    const { name, kind, isWeak } = extern;
    let value: string | undefined;
    if (extern.kind === 'kconfig') value = this.#kconfigValues.get(name);
    else if (extern.resolved?.kind === 'type') value = `[${extern.resolved.id}]`;
    else if (extern.resolved?.kind === 'address') value = `0x${extern.resolved.address.toString(16)}`;
    return { name, kind, isWeak, ...(value === undefined ? {} : { value }) };
  }
}

function flagsOf(rule: SectionRule | undefined): number {
  return (rule?.sleepable === true ? BPF_F_SLEEPABLE : 0) | (rule?.xdpFrags === true ? BPF_F_XDP_HAS_FRAGS : 0);
}

/**
 * Loads an object.
 *
 * @throws BailoutError when the bytes are no BPF object, or one that is damaged
 */
export function loadObject(bytes: Uint8Array, options: LoadOptions): ObjectFile {
  return new Loader(bytes, options).load();
}
