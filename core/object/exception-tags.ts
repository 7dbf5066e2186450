/** Finds the exception callback that a program's `exception_callback:NAME` tag declares (docs/exceptions.md), as libbpf does. */
import { BailoutError } from '../errors.ts';
import type { Btf } from './btf/btf.ts';
import { BTF_FUNC_GLOBAL, BTF_KIND_DECL_TAG, BTF_KIND_FUNC } from './btf/kinds.ts';
import type { Code, CodeFunction } from './code.ts';

const PREFIX = 'exception_callback:';

interface Tag {
  readonly target: number;
  readonly callback: string;
}

export class ExceptionTags {
  readonly #tags: readonly Tag[];
  readonly #btf: Btf | undefined;
  readonly #code: Code;
  /** Functions that a tag cannot stand on, found before hidden functions were made static. */
  readonly #misplaced: boolean;

  constructor(btf: Btf | undefined, code: Code) {
    const tags: Tag[] = [];
    for (let id = btf?.firstId ?? 0; btf !== undefined && id < btf.typeCount; id++) {
      if (btf.kind(id) !== BTF_KIND_DECL_TAG || btf.declTagComponent(id) !== -1 || !btf.name(id).startsWith(PREFIX))
        continue;
      tags.push({ target: btf.typeId(id), callback: btf.name(id).slice(PREFIX.length) });
    }
    this.#tags = tags;
    this.#btf = btf;
    this.#code = code;
    this.#misplaced = tags.some(
      ({ target }) => btf?.kind(target) !== BTF_KIND_FUNC || btf.funcLinkage(target) !== BTF_FUNC_GLOBAL,
    );
  }

  /** The callback to link into a program. A program with several tags gets none: the verifier will refuse it for having several. */
  callbackOf(program: CodeFunction): CodeFunction | undefined {
    const fail = (message: string): never => {
      throw new BailoutError('EXCEPTION_CALLBACK', `Program ${program.name}: ${message}.`);
    };
    if (this.#misplaced) fail('an exception_callback tag of the object stands on something that is no global function');
    const own = this.#tags.filter(({ target }) => this.#btf?.name(target) === program.name);
    let callback: CodeFunction | undefined;
    for (const { callback: name } of own) {
      if (callback !== undefined) return undefined;
      if (name === '') fail('its exception_callback tag names nothing');
      callback = this.#code.functions.find((candidate) => candidate.isSubprogram && candidate.name === name);
      if (callback === undefined) return fail(`its exception callback ${name} cannot be found`);
      if (!callback.isGlobal || callback.isHidden)
        fail(`its exception callback ${name} must be a global function that is not hidden`);
    }
    return callback;
  }
}
