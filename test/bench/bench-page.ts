/** `npm run bench:page`: measures the page, prints, and writes its section of docs/performance.md. Exits with 1 when a limit is missed. */
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { benchPage, whyNoPage } from './page.ts';
import { isMissed, limitText, table, writeSection } from './report.ts';

const TITLE = 'Page';
const performancePage = fileURLToPath(new URL('../../docs/performance.md', import.meta.url));
const why = whyNoPage();
if (why !== undefined) console.log(`${TITLE}\n  skipped: ${why}`);
else {
  const rows = await benchPage();
  console.log(TITLE);
  for (const row of rows) {
    console.log(`  ${row.name}: ${row.text}, ${limitText(row)}`);
    if (!isMissed(row)) continue;
    console.error(`  ${row.name} misses its limit.`);
    process.exitCode = 1;
  }
  const where = `${cpus()[0]?.model.trim() ?? 'unknown processor'}, Node ${process.version}, headless Chromium without a graphics processor`;
  writeSection(performancePage, TITLE, `${where}.\n\n${table(rows)}`);
}
