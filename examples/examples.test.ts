/** The committed objects are what the sources say: compiled again, byte for byte. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compile, compiler, compilerVersion, names } from './build.mjs';

const examples = fileURLToPath(new URL('.', import.meta.url));
const read = (name: string) => readFileSync(join(examples, `${name}.bpf.o`));

/** Another version of the compiler may choose other registers: then there is nothing to compare. */
function whyNotCompiled(): string | undefined {
  const version = compilerVersion();
  if (version === undefined) return `${compiler} is not installed`;
  const used = names.every((name) => read(name).includes(version));
  return used ? undefined : `the objects were not made by ${version}`;
}

const reason = whyNotCompiled();
if (reason !== undefined) console.warn(`skipped: the examples are not compiled again, ${reason}`);

describe('the examples', () => {
  let out = '';
  beforeAll(() => {
    out = mkdtempSync(join(tmpdir(), 'bailout-examples-'));
  });
  afterAll(() => rmSync(out, { recursive: true, force: true }));

  it.skipIf(reason !== undefined).each(names)('%s compiles to the object that is committed', (name) => {
    const object = join(out, `${name}.bpf.o`);
    expect(compile(name, object)).toBeUndefined();
    expect(readFileSync(object).equals(read(name))).toBe(true);
  });

  it.each(names)('%s does not say where it was compiled', (name) => {
    expect(read(name).toString('latin1')).not.toMatch(/\/(home|work|root|Users|tmp|usr)\//);
  });
});
