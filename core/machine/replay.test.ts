/** Going back in time on the real simulated kernel, with programs whose throws have much to clean up. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { bundledKernelBtf } from '../../main/kernel-btf.ts';
import { Kernel } from '../kernel/kernel.ts';
import { loadObject } from '../object/object.ts';
import type { ObjectFile } from '../object/program.ts';
import { verify } from '../verifier/verify.ts';
import type { MachineCheckpoint } from './machine.ts';
import { Machine } from './machine.ts';
import { LinearMemory } from './memory.ts';
import { pageTreeHash } from './page-tree.ts';
import type { PageTree } from './page-tree.ts';
import type { MachinePosition } from './stop.ts';

const file = new URL('../../test/exceptions/cleanup.bpf.o', import.meta.url);
let loaded: ObjectFile | undefined;
function object(): ObjectFile {
  loaded ??= loadObject(readFileSync(file), { name: 'cleanup.bpf.o', kernelBtf: bundledKernelBtf() });
  return loaded;
}

function machineFor(name: string): Machine {
  const memory = new LinearMemory();
  const kernel = new Kernel({ memory, scenario: {}, kernelBtf: object().kernelBtf });
  kernel.loadObject(object());
  const program = object().programs.find((candidate) => candidate.name === name)!;
  const machine = new Machine({ kernel, memory, profile: 'proposal', factsOf: (target) => verify(target) });
  kernel.begin(program);
  machine.start(program, kernel.context(program));
  return machine;
}

interface Moment {
  readonly position: MachinePosition;
  readonly checkpoint: MachineCheckpoint;
  readonly hash: string;
  readonly frames: string;
  readonly held: number;
}

function momentOf(machine: Machine): Moment {
  const checkpoint = machine.checkpoint();
  return {
    position: machine.position,
    checkpoint,
    hash: pageTreeHash(checkpoint.kernel.memory as PageTree),
    frames: machine
      .frames()
      .map((frame) => `${frame.kind} ${frame.name} ${frame.insn}`)
      .join(', '),
    held: machine.kernel.ledger.held().length,
  };
}

/** Every position of a run, phases of unwinding among them. */
function history(machine: Machine): Moment[] {
  const moments = [momentOf(machine)];
  while (machine.end === undefined) {
    machine.run({ fuel: 1, phases: true });
    moments.push(momentOf(machine));
  }
  return moments;
}

describe.each(['four_frames', 'callee_saved', 'dynptr_and_iterator'])('the history of %s', (name) => {
  it('is the same each time, to the last bit', () => {
    const strip = ({ position, hash, frames, held }: Moment) => ({ position, hash, frames, held });
    expect(history(machineFor(name)).map(strip)).toEqual(history(machineFor(name)).map(strip));
  });

  it('has each state again when one goes back to any moment and forward to any later one', () => {
    const machine = machineFor(name);
    const moments = history(machine);
    for (let from = moments.length - 1; from >= 0; from -= 3) {
      for (let to = from; to < moments.length; to += 7) {
        machine.restore(moments[from]!.checkpoint);
        machine.runTo(moments[to]!.position);
        const { position, hash, frames, held } = momentOf(machine);
        expect({ position, hash, frames, held }).toEqual({
          position: moments[to]!.position,
          hash: moments[to]!.hash,
          frames: moments[to]!.frames,
          held: moments[to]!.held,
        });
      }
    }
  });
});

describe('an unwinding in four frames', () => {
  it('takes resources and frames away one phase at a time', () => {
    const phases = history(machineFor('four_frames')).filter(({ position }) => position.phase > 0);
    expect(phases.map(({ held }) => held)).toEqual([4, 4, 3, 3, 3, 2, 2, 2, 1, 1, 1, 0, 0, 0]);
    expect(phases.map(({ frames }) => (frames === '' ? 0 : frames.split(', ').length))).toEqual([
      4, 4, 4, 3, 3, 3, 2, 2, 2, 1, 1, 1, 1, 1,
    ]);
  });
});
