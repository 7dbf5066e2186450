/** Reads every object of the corpus: each must load, or be refused for a reason that says what is wrong. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { BailoutError } from '../../core/errors.ts';
import { kernelBtf } from './kernel-btf.ts';
import { loadCorpusObject } from './loading.ts';

export interface ObjectsSummary {
  readonly objects: number;
  readonly loaded: number;
  readonly refused: readonly string[];
  /** Neither loaded nor refused: an exception that is no BailoutError. */
  readonly crashed: readonly string[];
  readonly programs: number;
  /** Programs that a loader would refuse, with the reason. */
  readonly unloadable: readonly string[];
  readonly seconds: number;
  readonly slowest: { readonly object: string; readonly seconds: number };
}

export function readAllObjects(corpus: string): ObjectsSummary {
  const btf = kernelBtf();
  const names = readdirSync(corpus).filter((name) => name.endsWith('.bpf.o'));
  const refused: string[] = [];
  const crashed: string[] = [];
  const unloadable: string[] = [];
  let loaded = 0;
  let programs = 0;
  let slowest = { object: '', seconds: 0 };
  const started = performance.now();
  for (const name of names) {
    const begun = performance.now();
    try {
      const object = loadCorpusObject(name, readFileSync(join(corpus, name)), btf);
      loaded++;
      programs += object.programs.length;
      for (const program of object.programs) {
        if (program.loadError !== undefined) unloadable.push(`${name}:${program.name}: ${program.loadError.message}`);
      }
    } catch (error) {
      if (error instanceof BailoutError) refused.push(`${name}: ${error.message}`);
      else crashed.push(`${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    }
    const seconds = (performance.now() - begun) / 1000;
    if (seconds > slowest.seconds) slowest = { object: name, seconds };
  }
  const seconds = (performance.now() - started) / 1000;
  return { objects: names.length, loaded, refused, crashed, programs, unloadable, seconds, slowest };
}
