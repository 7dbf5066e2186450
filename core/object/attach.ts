/** Finds the kernel function, tracepoint, hook or iterator that a program is attached to, in the kernel's BTF. */
import { BailoutError } from '../errors.ts';
import type { Btf } from './btf/btf.ts';
import { BTF_KIND_FUNC, BTF_KIND_TYPEDEF } from './btf/kinds.ts';
import type { SectionRule } from './section-names.ts';

/** How the kernel names the type that describes a target, by attach type. */
function targetType(rule: SectionRule): { prefix: string; kind: number } {
  switch (rule.attachType) {
    case 'trace_raw_tp':
      return { prefix: 'btf_trace_', kind: BTF_KIND_TYPEDEF };
    case 'lsm_mac':
    case 'lsm_cgroup':
      return { prefix: 'bpf_lsm_', kind: BTF_KIND_FUNC };
    case 'trace_iter':
      return { prefix: 'bpf_iter_', kind: BTF_KIND_FUNC };
    default:
      return { prefix: '', kind: BTF_KIND_FUNC };
  }
}

/**
 * The id of what a program attaches to; undefined for programs that attach by other means, and for `freplace`, whose target is another program.
 *
 * @param target what follows the slash in the section name; `vmlinux:name` and `module:name` say where it is
 */
export function findAttachTarget(
  kernel: Btf,
  rule: SectionRule,
  program: string,
  target: string | undefined,
): number | undefined {
  if (rule.attachesToBtf !== true || rule.type === 'ext') return undefined;
  if (target === undefined)
    throw new BailoutError('ATTACH_TARGET', `Program ${program}: its section names no target to attach to.`, {
      hint: `Write SEC("${rule.pattern.slice(0, -1)}/NAME").`,
    });
  const colon = target.indexOf(':');
  const module = colon < 0 ? '' : target.slice(0, colon);
  const { prefix, kind } = targetType(rule);
  const id = 'vmlinux'.startsWith(module) ? kernel.findByName(prefix + target.slice(colon + 1), kind) : 0;
  if (id === 0)
    throw new BailoutError(
      'ATTACH_TARGET',
      `Program ${program}: its target ${target} is not found in the kernel's BTF.`,
      {
        hint:
          module === ''
            ? 'It may belong to a module, or to another version of the kernel.'
            : `Types of module ${module} are not known.`,
      },
    );
  return id;
}
