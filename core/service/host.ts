/** What a session needs of the machine that it runs on: ports, which main/worker fills in, and tests. */
import type { CommandHost } from '../commands/command.ts';
import type { Progress } from '../protocol/state.ts';

export interface ServiceHost extends CommandHost {
  /** Where {@link CommandHost.kernelBtf} has the kernel's types from, in words: `bundled Linux 6.18`. */
  readonly kernelTypes: string;
  /** Contents of a file among the examples that Bailout brings along, by its bare name. */
  readExample(name: string): Uint8Array;
  readonly work: Work;
}

/** How long work is watched and ended from outside, while it keeps its thread busy. */
export interface Work {
  /** Something that may take long begins: what was said about ending before was about something else. */
  begin(): void;
  isCancelled(): boolean;
  /** Tells the pages; undefined when nothing goes on any more. Called as often as once in a few thousand instructions. */
  progress(progress: Progress | undefined): void;
}

/** Nobody watches. */
export const UNWATCHED: Work = { begin: () => undefined, isCancelled: () => false, progress: () => undefined };
