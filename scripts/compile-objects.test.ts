/** The committed objects are what the sources say: compiled again, byte for byte. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compile, compiler, compilerVersion, sources } from './compile-objects.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (source: string) => readFileSync(join(root, `${source}.bpf.o`));

/** Another version of the compiler may choose other registers: then there is nothing to compare. */
function whyNotCompiled(): string | undefined {
  const version = compilerVersion();
  if (version === undefined) return `${compiler} is not installed`;
  const used = sources.every((source) => read(source).includes(version));
  return used ? undefined : `the objects were not made by ${version}`;
}

const reason = whyNotCompiled();
if (reason !== undefined) console.warn(`skipped: the committed objects are not compiled again, ${reason}`);

describe('the committed objects', () => {
  let out = '';
  beforeAll(() => {
    out = mkdtempSync(join(tmpdir(), 'bailout-objects-'));
  });
  afterAll(() => rmSync(out, { recursive: true, force: true }));

  it.skipIf(reason !== undefined).each(sources)('%s is compiled from its source', (source) => {
    const object = join(out, `${basename(source)}.bpf.o`);
    expect(compile(source, object)).toBeUndefined();
    expect(readFileSync(object).equals(read(source))).toBe(true);
  });

  it.each(sources)('%s does not say where it was compiled', (source) => {
    expect(read(source).toString('latin1')).not.toMatch(/\/(home|work|root|Users|tmp|usr)\//);
  });
});
