/** Timelines for tests of views, each as often as one likes with other limits on the events that it keeps; and a desk with nothing else on it. */
import { bundledKernelBtf } from '../../../main/kernel-btf.ts';
import type { CollectorLimits } from '../../trace/collect.ts';
import type { RecordingSource } from '../../trace/recording.ts';
import { Replay } from '../../trace/replay.ts';
import { fileSource, loopSource, recordingOf } from '../../trace/testing/recordings.ts';
import type { Patience, Timeline } from '../../trace/timeline.ts';
import type { Desk } from '../desk.ts';
import { RunIndexes } from '../run-indexes.ts';
import type { Again } from '../run-parts.ts';

const kernelBtf = bundledKernelBtf();

export const SOURCES: Readonly<Record<string, RecordingSource>> = {
  cleanup: fileSource('cleanup', ['four_frames', 'callee_saved', 'four_frames']),
  callbacks: fileSource('callbacks', [
    'throws_before',
    'never_throws',
    'twice',
    'from_subprogram',
    'throwing_callback',
  ]),
  resources: {
    ...fileSource('resources', [
      'throws_with_timer_armed',
      'tree_node',
      'throws_with_work_queued',
      'callback_uses_maps',
      'tail_call',
    ]),
    scenario: { globals: { which: 1 } },
  },
  attached: {
    ...fileSource('attach', ['target', 'target']),
    scenario: { globals: { limit: 25 } },
    attach: [
      { program: 'throwing_entry', target: 'target', function: 'static_part' },
      { program: 'throwing_exit', target: 'target', function: 'target' },
    ],
  },
  loop: loopSource(40),
};

export function replayOf(source: RecordingSource, limits: CollectorLimits): Replay {
  return new Replay(recordingOf(source, { limits }), { kernelBtf });
}

/** A desk as views see it. */
export function deskOf(timeline: Timeline, again?: Again, limits: Patience = {}): Desk {
  const runs = new RunIndexes(() => timeline, again);
  const session = { timeline, object: timeline.object, bookmarks: [] };
  const work = <T>(_what: string, action: (patience: Patience) => T): T => action(limits);
  return { isRunning: true, runs, session, work, workOrNot: work, hitsIn: () => [] } as unknown as Desk;
}
