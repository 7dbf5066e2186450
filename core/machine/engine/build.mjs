/**
 * Compiles the interpreter (engine.as.ts and what it imports) to WebAssembly and writes it as base64 into
 * engine.generated.ts, which is committed: so browser, worker, Node and tests load it as any other module, on a fresh
 * clone too. A test compiles it again and compares.
 *
 *   node core/machine/engine/build.mjs           when the sources changed
 *   node core/machine/engine/build.mjs --force   in any case
 *   node core/machine/engine/build.mjs --print   to standard output, changing nothing
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = dirname(fileURLToPath(import.meta.url));
const generated = join(folder, 'engine.generated.ts');
/** 16.6 units of 64 KiB lie below the heap; memory.ts grows from here. */
const INITIAL_PAGES = '1060';
const MAXIMUM_PAGES = '8192';

function sources() {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.as.ts') || name === 'layout.ts' || name === 'ops.ts' || name === 'build.mjs')
    .sort();
}

/** Says whether the generated module belongs to these sources. */
export function sourceHash() {
  const hash = createHash('sha256');
  for (const name of sources()) hash.update(name).update(readFileSync(join(folder, name)));
  return hash.digest('hex').slice(0, 16);
}

/** The text of engine.generated.ts. */
export async function compile() {
  const { default: asc } = await import('assemblyscript/asc');
  let wasm;
  const files = new Map(sources().map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
  const { error, stderr } = await asc.main(
    [
      'engine.as.ts',
      ...['-O3', '--noAssert', '--runtime', 'stub', '--importMemory', '--noExportMemory', '--enable', 'simd'],
      ...['--initialMemory', INITIAL_PAGES, '--maximumMemory', MAXIMUM_PAGES],
      ...['--outFile', 'engine.wasm'],
    ],
    {
      readFile: (name) => files.get(name) ?? null,
      writeFile: (name, contents) => {
        if (name === 'engine.wasm') wasm = contents;
      },
      listFiles: () => [],
    },
  );
  if (error !== null || wasm === undefined) throw new Error(`The engine does not compile.\n${stderr.toString()}`);
  const base64 = Buffer.from(wasm).toString('base64');
  const lines = base64.match(/.{1,110}/g).map((line) => `  '${line}'`);
  return `// Made by core/machine/engine/build.mjs from ${sourceHash()}. Do not edit.\nexport const ENGINE_BASE64 =\n${lines.join(' +\n')};\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const force = process.argv.includes('--force');
  if (process.argv.includes('--print')) process.stdout.write(await compile());
  else if (force || !existsSync(generated) || !readFileSync(generated, 'utf8').includes(sourceHash())) {
    writeFileSync(generated, await compile());
  }
}
