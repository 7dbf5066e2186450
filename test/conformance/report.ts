/** docs/conformance.md: the figures, what disagrees and why, and the time. */
import type { Category, Cluster, Comparison } from './compare.ts';
import { clusters, figures } from './compare.ts';
import type { ObjectsSummary } from './objects.ts';
import type { Result } from './pool.ts';
import { divergenceTemplate } from './logs.ts';

export interface Run {
  readonly results: readonly Result[];
  readonly wallSeconds: number;
  readonly workers: number;
  /** Of a run over the whole corpus. */
  readonly objects?: ObjectsSummary;
}

const percent = (part: number, whole: number): string => (whole === 0 ? '–' : `${((100 * part) / whole).toFixed(1)} %`);

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;') || '(none)';

const titles: Record<Exclude<Category, 'agrees'>, string> = {
  'too-strict': 'Rejected here, accepted by Linux (by our last line)',
  'too-lenient': 'Accepted here, rejected by Linux (by its last line)',
  'other-line': 'Rejected by both with different last lines',
  unloaded: 'Refused by our loader',
  crash: 'Ended by an exception that is no verdict',
  timeout: 'No verdict in time',
};
const disagreements = Object.keys(titles) as (keyof typeof titles)[];

/** Programs long enough for a speed to mean something. */
const longProgram = 1000;

interface Speed {
  readonly programs: number;
  readonly ours: number;
  readonly kernel: number;
}

/** Instructions per microsecond over the long programs on which both did the same work. */
function speed(comparisons: readonly Comparison[]): Speed {
  let insns = 0;
  let ourUs = 0;
  let kernelInsns = 0;
  let kernelUs = 0;
  let programs = 0;
  for (const { reference, outcome, category } of comparisons) {
    if (category !== 'agrees' || reference.insns <= longProgram) continue;
    if (outcome.kind !== 'accepted' && outcome.kind !== 'rejected') continue;
    programs++;
    insns += outcome.insns;
    ourUs += outcome.durationUs;
    kernelInsns += reference.insns;
    kernelUs += reference.durationUs;
  }
  return { programs, ours: ourUs === 0 ? 0 : insns / ourUs, kernel: kernelUs === 0 ? 0 : kernelInsns / kernelUs };
}

export function threeFigures(results: readonly Result[]): string[] {
  const f = figures(results.map(({ comparison }) => comparison));
  return [
    `accepted programs accepted: ${f.accepted} of ${f.acceptedOf} (${percent(f.accepted, f.acceptedOf)})`,
    `rejected programs rejected: ${f.rejected} of ${f.rejectedOf} (${percent(f.rejected, f.rejectedOf)})`,
    `rejected with the kernel's last line: ${f.sameLine} of ${f.rejectedOf} (${percent(f.sameLine, f.rejectedOf)})`,
    `same number of instructions processed: ${f.sameInsns} of ${f.of}; of states: ${f.sameStates}`,
  ];
}

const names = (cluster: Cluster, most: number): string =>
  cluster.members
    .slice(0, most)
    .map(({ reference }) => `\`${reference.object.replace('.bpf.o', '')}:${reference.program}\``)
    .join(', ');

/** What became of the objects as such. */
export function objectsLine({ objects, loaded, refused, crashed, programs, seconds }: ObjectsSummary): string {
  return (
    `${objects} objects read in ${seconds.toFixed(1)} s: ${loaded} with ${programs} programs loaded, ` +
    `${refused.length} refused with a reason, ${crashed.length} crashes`
  );
}

/** The page that is kept in the repository. */
export function conformancePage({ results, wallSeconds, workers, objects }: Run): string {
  const comparisons = results.map(({ comparison }) => comparison);
  const f = figures(comparisons);
  const s = speed(comparisons);
  const verifySeconds = comparisons.reduce(
    (sum, { outcome }) => sum + ('durationUs' in outcome ? outcome.durationUs / 1e6 : 0),
    0,
  );
  const kernelSeconds = comparisons.reduce((sum, { reference }) => sum + reference.durationUs / 1e6, 0);
  const lines = [
    '# Conformance with Linux 6.18',
    '',
    'Written by `npm run conformance`; `test/conformance/README.md` says what is compared, how, and where the reference is',
    'from. Profile `linux`. The three figures count separately.',
    '',
    '| | programs | of | |',
    '| --- | ---: | ---: | ---: |',
    `| accepted by Linux, accepted here | ${f.accepted} | ${f.acceptedOf} | ${percent(f.accepted, f.acceptedOf)} |`,
    `| rejected by Linux, rejected here | ${f.rejected} | ${f.rejectedOf} | ${percent(f.rejected, f.rejectedOf)} |`,
    `| rejected by Linux, rejected here with the same last line | ${f.sameLine} | ${f.rejectedOf} | ${percent(f.sameLine, f.rejectedOf)} |`,
    '',
    `The number of instructions processed is the kernel's for ${f.sameInsns} programs of ${f.of}, the number of states for ${f.sameStates}.`,
    '',
    ...(objects === undefined ? [] : [`${objectsLine(objects)}.`, '']),
    '## Time',
    '',
    '| | |',
    '| --- | ---: |',
    `| all ${f.of} programs, wall time with ${workers} threads | ${wallSeconds.toFixed(1)} s |`,
    `| spent verifying, all threads | ${verifySeconds.toFixed(1)} s |`,
    `| the kernel's own time for them | ${kernelSeconds.toFixed(1)} s |`,
    `| instructions per µs here, over the ${s.programs} agreeing programs above ${longProgram} instructions | ${s.ours.toFixed(2)} |`,
    `| instructions per µs in the kernel, same programs | ${s.kernel.toFixed(2)} |`,
    '',
    '## Disagreements',
    '',
    '| category | programs |',
    '| --- | ---: |',
    ...disagreements.map(
      (category) => `| ${titles[category]} | ${comparisons.filter((c) => c.category === category).length} |`,
    ),
  ];
  for (const category of disagreements) {
    const found = clusters(comparisons, category);
    if (found.length === 0) continue;
    lines.push('', `### ${titles[category]}`, '', '| programs | line | for example |', '| ---: | --- | --- |');
    for (const cluster of found.slice(0, 60)) {
      lines.push(`| ${cluster.members.length} | ${cell(cluster.title)} | ${names(cluster, 2)} |`);
    }
    const rest = found.slice(60).reduce((sum, { members }) => sum + members.length, 0);
    if (rest > 0) lines.push(`| ${rest} | others, in ${found.length - 60} groups | |`);
  }
  return `${lines.join('\n')}\n`;
}

/** For those who work on the verifier: the largest groups first, with what the kernel said, and where logs part. */
export function workingSummary(run: Run): string {
  const comparisons = run.results.map(({ comparison }) => comparison);
  const lines = [...threeFigures(run.results), `${run.wallSeconds.toFixed(0)} s`];
  for (const category of disagreements) {
    const found = clusters(comparisons, category);
    if (found.length === 0) continue;
    const total = found.reduce((sum, { members }) => sum + members.length, 0);
    lines.push('', `## ${category}: ${total}`);
    for (const cluster of found.slice(0, 70)) {
      lines.push(`${String(cluster.members.length).padStart(4)}  ${cluster.title}   ${names(cluster, 3)}`);
    }
  }
  const groups = new Map<string, Result[]>();
  for (const result of run.results) {
    if (result.divergence === undefined) continue;
    const key = divergenceTemplate(result.divergence);
    groups.set(key, [...(groups.get(key) ?? []), result]);
  }
  if (groups.size > 0) {
    lines.push('', `## first differing log line, ${[...groups.values()].flat().length} programs`);
    for (const [key, members] of [...groups].sort((a, b) => b[1].length - a[1].length).slice(0, 50)) {
      const examples = members
        .slice(0, 3)
        .map((m) => `${m.comparison.reference.object}:${m.comparison.reference.program}`);
      lines.push(`${String(members.length).padStart(4)}  ${key}   ${examples.join(', ')}`);
    }
  }
  return `${lines.join('\n')}\n`;
}
