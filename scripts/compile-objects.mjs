/**
 * Compiles the BPF programs whose objects are committed, with clang-19: `npm run examples`. Nobody needs a compiler to try or
 * to test them; compile-objects.test.ts compiles them again and compares.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
export const compiler = 'clang-19';
export const headers = join(root, 'examples/include');

/** Folders with `NAME.bpf.c` beside `NAME.bpf.o`. */
const folders = ['examples', 'test/exceptions', 'test/fuzz/unwind'];

/** Every source, without `.bpf.c`, from the repository's top. */
export const sources = folders.flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((file) => file.endsWith('.bpf.c'))
    .sort()
    .map((file) => join(folder, file.slice(0, -'.bpf.c'.length))),
);

/** Warnings are errors. What a program leaves unused is there for its reader, or to have its type in BTF. */
export const warnings = [
  '-Wall',
  '-Wextra',
  '-Werror',
  '-Wno-unused-parameter',
  '-Wno-unused-variable',
  '-Wno-unused-function',
];

/**
 * Compiles one source to `out`. Where it was compiled must not show in the result: paths in it start at its folder.
 * @returns {string | undefined} what the compiler said when it failed
 */
export function compile(source, out) {
  const folder = join(root, source, '..');
  const flags = ['-O2', '-g', '-target', 'bpf', '-mcpu=v4', '-mlittle-endian'];
  const include = `-I${relative(folder, headers)}`;
  const result = spawnSync(
    compiler,
    [
      ...flags,
      ...warnings,
      include,
      '-fdebug-compilation-dir=.',
      '-c',
      relative(folder, `${join(root, source)}.bpf.c`),
      '-o',
      out,
    ],
    { cwd: folder, encoding: 'utf8' },
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
  for (const source of sources) {
    const problem = compile(source, join(root, `${source}.bpf.o`));
    if (problem !== undefined) {
      console.error(problem);
      process.exit(1);
    }
    console.log(`${source}.bpf.o`);
  }
}
