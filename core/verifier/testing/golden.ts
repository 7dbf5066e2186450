/**
 * Programs in assembly and the log that Linux 6.18 wrote about each of them (`logs/*.txt`, log level 2).
 *
 *     map NAME field=number…               a map
 *     @ SECTION NAME [static] slot=SYMBOL… a function, with the symbols that its instructions refer to; then its instructions
 *     ---                                  the log follows
 *
 * Only programs with maps have types.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { BTF_FUNC_STATIC } from '../../object/btf/kinds.ts';
import { ObjectBuilder } from '../../object/testing/object-builder.ts';

const FOLDER = new URL('logs/', import.meta.url);

export interface Golden {
  readonly name: string;
  readonly object: ObjectBuilder;
  readonly log: string;
}

function pairs(words: readonly string[]): [string, string][] {
  return words.filter((word) => word.includes('=')).map((word) => word.split('=') as [string, string]);
}

export function build(source: string): ObjectBuilder {
  const object = new ObjectBuilder();
  const maps: number[] = [];
  const int = object.types.int('int', 4, { signed: true });
  for (const part of source.split(/^(?=@ |map )/m)) {
    const end = part.indexOf('\n');
    const [kind = '', first = '', second = '', ...rest] = part.slice(0, end).split(' ');
    if (kind === 'map') {
      const fields = pairs([second, ...rest]).map(([field, value]) => [field, Number(value)] as const);
      maps.push(object.map(first, Object.fromEntries(fields)));
    } else {
      const references = Object.fromEntries(pairs(rest).map(([slot, symbol]) => [Number(slot), symbol]));
      const isStatic = rest.includes('static');
      const typeId = object.types.func(second, object.types.funcProto(int, []), isStatic ? BTF_FUNC_STATIC : undefined);
      object.function(first, second, part.slice(end + 1).trim(), { references, isStatic, typeId });
    }
  }
  if (maps.length === 0) return object.withoutBtf();
  object.describe('.maps', maps);
  return object;
}

export function goldenLogs(): Golden[] {
  return readdirSync(FOLDER)
    .sort()
    .map((file) => {
      const [source = '', log = ''] = readFileSync(new URL(file, FOLDER), 'utf8').split('---\n');
      return { name: file.replace('.txt', ''), object: build(source), log };
    });
}
