/** The exception callback that a tag on the main program declares (docs/exceptions.md, section 4), as the kernel looks it up. */
import { BTF_FUNC_GLOBAL, BTF_KIND_FUNC } from '../../object/btf/kinds.ts';
import type { Program } from '../../object/program.ts';

const PREFIX = 'exception_callback:';

export type TaggedCallback =
  | { readonly kind: 'none' }
  /** First instruction of the callback. */
  | { readonly kind: 'found'; readonly start: number }
  | { readonly kind: 'wrong'; readonly message: string };

export function taggedCallback(program: Program): TaggedCallback {
  const { btf } = program;
  const main = program.subprograms[0]?.funcTypeId ?? 0;
  if (btf === undefined || main === 0) return { kind: 'none' };
  const wrong = (message: string): TaggedCallback => ({ kind: 'wrong', message });
  const names = btf
    .declTags(main)
    .filter(({ component, text }) => component === -1 && text.startsWith(PREFIX))
    .map(({ text }) => text.slice(PREFIX.length));
  const [name] = names;
  if (name === undefined) return { kind: 'none' };
  if (names.length > 1) return wrong('multiple exception callback tags for main subprog');
  const id = btf.findByName(name, BTF_KIND_FUNC);
  if (id <= 0) return wrong(`exception callback '${name}' could not be found in BTF`);
  if (btf.funcLinkage(id) !== BTF_FUNC_GLOBAL) return wrong(`exception callback '${name}' must have global linkage`);
  const callback = program.subprograms.find((subprogram) => subprogram.funcTypeId === id);
  if (callback === undefined) return wrong('exception callback type id not found in func_info');
  if (callback.start === 0) return wrong('invalid exception callback insn_off in func_info: 0');
  return { kind: 'found', start: callback.start };
}
