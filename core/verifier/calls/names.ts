/** Names of what programs call, as messages print them. */
import { helperById } from '../../kernel/tables/helpers.ts';

/** `bpf_map_lookup_elem`; `unknown` for what is no helper's number, but 0 has a name. */
export function helperName(id: number): string {
  if (id === 0) return 'bpf_unspec';
  const helper = helperById(id);
  return helper === undefined ? 'unknown' : `bpf_${helper.name}`;
}
