/**
 * Draws what a command prints on a terminal as an SVG: `npm run picture` makes the pictures of the README from the real
 * output, so that they cannot say something else than the program does.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureInstalled, root } from './install.mjs';

ensureInstalled();
const { buildCommandLine } = await import('./build.mjs');
await buildCommandLine();

const pictures = [
  {
    file: 'docs/unwinding.svg',
    words: ['run', 'examples/deep-throw.bpf.o', '--scenario', 'examples/deep-throw.json'],
    about: 'bailout run: a throw three frames deep, and what each frame gave back',
  },
  {
    file: 'docs/rejection.svg',
    words: ['verify', 'examples/rejected.bpf.o', '--program', 'rejected'],
    about: 'bailout verify: a rejected program, its source line, the end of the log and a hint',
  },
];

const COLUMN = 8.43;
const ROW = 20;
const MARGIN = 20;
const HEAD = 36;
const COLOURS = { 31: '#ff7b72', 32: '#7ee787', 33: '#e3b341', 36: '#79c0ff' };

const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** One line of a terminal as spans of text, each with the attributes that were on. */
function spans(line) {
  const out = [];
  let style = { colour: undefined, isBold: false, isDim: false };
  let at = 0;
  let column = 0;
  // eslint-disable-next-line no-control-regex
  for (const match of line.matchAll(/\x1b\[(\d*)m|$/g)) {
    const text = line.slice(at, match.index);
    if (text !== '') out.push({ text, column, ...style });
    column += [...text].length;
    at = match.index + match[0].length;
    const code = Number(match[1] ?? 0);
    if (code === 1) style = { ...style, isBold: true };
    else if (code === 2) style = { ...style, isDim: true };
    else if (code === 22) style = { ...style, isBold: false, isDim: false };
    else if (code === 39) style = { ...style, colour: undefined };
    else if (code in COLOURS) style = { ...style, colour: COLOURS[code] };
  }
  return out;
}

function draw(lines, about) {
  const rows = lines.map(spans);
  const columns = Math.max(...rows.flat().map(({ column, text }) => column + [...text].length));
  const width = Math.ceil(columns * COLUMN + 2 * MARGIN);
  const height = lines.length * ROW + HEAD + MARGIN;
  const text = rows.flatMap((row, index) =>
    row.map(({ text, column, colour, isBold, isDim }) => {
      const place = `x="${(MARGIN + column * COLUMN).toFixed(1)}" y="${HEAD + index * ROW + 14}"`;
      const length = `textLength="${([...text].length * COLUMN).toFixed(1)}"`;
      const fill = colour ?? (isDim ? '#8b949e' : '#e6edf3');
      return `<text ${place} ${length} fill="${fill}"${isBold ? ' font-weight="bold"' : ''}>${escape(text)}</text>`;
    }),
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escape(about)}">
<title>${escape(about)}</title>
<rect width="${width}" height="${height}" rx="8" fill="#0d1117"/>
<circle cx="20" cy="16" r="5" fill="#ff7b72"/><circle cx="37" cy="16" r="5" fill="#e3b341"/><circle cx="54" cy="16" r="5" fill="#7ee787"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14" xml:space="preserve">
${text.join('\n')}
</g>
</svg>
`;
}

for (const { file, words, about } of pictures) {
  const { stdout } = spawnSync(process.execPath, [join(root, 'dist/bailout.mjs'), ...words], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '', FORCE_COLOR: '1' },
  });
  // A time differs from run to run, and a picture should not.
  const steady = stdout.trimEnd().replace(/ · [\d.]+ m?s\b/g, '');
  writeFileSync(
    join(root, file),
    draw([`\x1b[2m$\x1b[22m bailout ${words.join(' ')}`, '', ...steady.split('\n')], about),
  );
  console.log(file);
}
