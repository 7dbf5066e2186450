/** Names of what programs call, as messages print them. */
import { helperById } from '../../kernel/tables/helpers.ts';

/** `bpf_map_lookup_elem`; `unknown` for what is no helper's number. */
export function helperName(id: number): string {
  const helper = helperById(id);
  return helper === undefined ? 'unknown' : `bpf_${helper.name}`;
}
