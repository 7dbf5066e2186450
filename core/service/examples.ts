/** The examples that Bailout brings along, as a page offers them. */
import { BailoutError } from '../errors.ts';
import { nearest } from '../nearest.ts';
import type { ExampleInfo } from '../protocol/api.ts';

interface Example extends ExampleInfo {
  readonly object: string;
  readonly scenario: string;
  readonly program: string;
}

const EXAMPLES: readonly Example[] = [
  {
    id: 'deep-throw',
    title: 'A throw three frames deep',
    about:
      'An assertion fails while four frames hold a task, a CPU mask, a ring buffer record and an iterator; unwinding gives all of them back.',
    object: 'deep-throw.bpf.o',
    scenario: 'deep-throw.json',
    program: 'deep_throw',
  },
  {
    id: 'packet-parser',
    title: 'A packet parser with assertions',
    about:
      'Two assertions let a parser of IPv4 and UDP headers pass the verifier. This packet is well formed, and nothing is thrown.',
    object: 'packet-parser.bpf.o',
    scenario: 'packet-parser.json',
    program: 'parse_udp',
  },
  {
    id: 'packet-parser-malformed',
    title: 'A malformed packet',
    about:
      'The same parser gets a header that claims to be shorter than any is: an assertion fails, and the packet is dropped.',
    object: 'packet-parser.bpf.o',
    scenario: 'packet-parser-malformed.json',
    program: 'parse_udp',
  },
  {
    id: 'callback-by-call',
    title: 'An exception callback, named by a call',
    about:
      'The callback turns the cookie into the return value; it is named by bpf_set_exception_callback, as the proposal of 2023 has it.',
    object: 'callback-by-call.bpf.o',
    scenario: 'callback.json',
    program: 'by_call',
  },
  {
    id: 'callback-by-tag',
    title: 'An exception callback, named by a tag',
    about: 'The same callback, named by a BTF declaration tag, as Linux 6.7 and later have it.',
    object: 'callback-by-tag.bpf.o',
    scenario: 'callback.json',
    program: 'by_tag',
  },
  {
    id: 'rejected',
    title: 'A rejected program',
    about:
      'An index that comes from the packet is never checked, so the verifier rejects the program; one assertion makes it pass.',
    object: 'rejected.bpf.o',
    scenario: 'rejected.json',
    program: 'rejected',
  },
];

/** Opened when somebody starts Bailout for the first time: it throws. */
export const FIRST_EXAMPLE = 'deep-throw';

export function exampleInfos(): readonly ExampleInfo[] {
  return EXAMPLES.map(({ id, title, about }) => ({ id, title, about }));
}

export function exampleOf(id: string): Example {
  const found = EXAMPLES.find((example) => example.id === id);
  if (found !== undefined) return found;
  const near = nearest(
    id,
    EXAMPLES.map((example) => example.id),
  );
  throw new BailoutError('NO_EXAMPLE', `There is no example \`${id}\`.`, {
    hint: near === undefined ? undefined : `Did you mean \`${near}\`?`,
  });
}
