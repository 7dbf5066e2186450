/** The built page as files: nothing outside of its folder, and only kinds of files that a page is made of. */
import { readFile, realpath } from 'node:fs/promises';
import { extname, join, normalize, sep } from 'node:path';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.ttf': 'font/ttf',
  '.woff': 'font/woff',
  '.woff2': 'font/woff2',
  '.wasm': 'application/wasm',
  '.txt': 'text/plain; charset=utf-8',
};

export interface StaticFile {
  readonly bytes: Buffer;
  readonly type: string;
  /** Its name has its contents' hash: it never changes. */
  readonly immutable: boolean;
}

/** The file that a path of the address means; undefined for all that is none. */
export async function staticFile(folder: string, path: string): Promise<StaticFile | undefined> {
  const file = fileOf(folder, path);
  const type = file === undefined ? undefined : TYPES[extname(file).toLowerCase()];
  if (file === undefined || type === undefined) return undefined;
  try {
    // Links must not lead out of the folder either.
    const [real, root] = await Promise.all([realpath(file), realpath(folder)]);
    if (!real.startsWith(root + sep)) return undefined;
    return { bytes: await readFile(real), type, immutable: /-[\w-]{8,}\.\w+$/.test(real) };
  } catch {
    return undefined;
  }
}

function fileOf(folder: string, path: string): string | undefined {
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    return undefined;
  }
  if (decoded.includes('\0') || decoded.includes('\\')) return undefined;
  const file = normalize(join(folder, decoded === '/' ? 'index.html' : decoded));
  return file.startsWith(folder.endsWith(sep) ? folder : folder + sep) ? file : undefined;
}
