/**
 * Compiles the examples with clang-19: `npm run examples`. The objects are committed, so that nobody needs a compiler to
 * try them; examples.test.ts compiles them again and compares.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const examples = fileURLToPath(new URL('.', import.meta.url));
export const compiler = 'clang-19';

/** The examples' names, as in `NAME.bpf.c`. */
export const names = readdirSync(examples)
  .filter((file) => file.endsWith('.bpf.c'))
  .map((file) => file.slice(0, -'.bpf.c'.length));

/**
 * Compiles one example to `out`. Where it was compiled must not show in the result: paths in it start at examples/.
 * @returns {string | undefined} what the compiler said when it failed
 */
export function compile(name, out) {
  const flags = ['-O2', '-g', '-target', 'bpf', '-mcpu=v4', '-mlittle-endian'];
  const strict = [
    '-Wall',
    '-Wextra',
    '-Werror',
    '-Wno-unused-parameter',
    '-Wno-unused-variable',
    '-Wno-unused-function',
  ];
  const result = spawnSync(
    compiler,
    [...flags, ...strict, '-Iinclude', '-fdebug-compilation-dir=.', '-c', `${name}.bpf.c`, '-o', out],
    { cwd: examples, encoding: 'utf8' },
  );
  if (result.error !== undefined) return result.error.message;
  return result.status === 0 ? undefined : result.stderr;
}

/** The compiler as it names itself in what it makes (`clang version 19.1.7 …`), or undefined when it is not there. */
export function compilerVersion() {
  const { status, stdout } = spawnSync(compiler, ['--version'], { encoding: 'utf8' });
  return status === 0 ? /clang version [\d.]+/.exec(stdout)?.[0] : undefined;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const name of names) {
    const problem = compile(name, join(examples, `${name}.bpf.o`));
    if (problem !== undefined) {
      console.error(problem);
      process.exit(1);
    }
    console.log(`examples/${name}.bpf.o`);
  }
}
