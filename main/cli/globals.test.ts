import { describe, expect, it } from 'vitest';
import { BailoutError } from '../../core/errors.ts';
import { setGlobals } from './globals.ts';
import { loadFile } from './load.ts';
import { testHost } from './testing/host.ts';

const load = () => loadFile(testHost(), 'examples/deep-throw.bpf.o');

function data(object: ReturnType<typeof load>): number[] {
  const bytes = object.maps.find(({ origin }) => origin === 'data')?.initialData ?? new Uint8Array();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return [0, 4, 8].map((offset) => view.getInt32(offset, true));
}

describe('setting globals', () => {
  it('writes them where the program reads them', () => {
    const object = load();
    expect(data(object)).toEqual([1, 4, 139]);
    setGlobals(object, [
      { name: 'lowest_priority', value: 500n },
      { name: 'first_pid', value: -1n },
    ]);
    expect(data(object)).toEqual([-1, 4, 500]);
  });

  it('says what does not fit, and what does not exist, before anything is written', () => {
    const object = load();
    const set = (name: string, value: bigint) => () =>
      setGlobals(object, [
        { name: 'last_pid', value: 9n },
        { name, value },
      ]);
    expect(set('first_pid', 1n << 32n)).toThrow('4294967296 does not fit into the 4 bytes of the global `first_pid`.');
    expect(set('lowest_prio', 1n)).toThrow(BailoutError);
    expect(set('lowest_prio', 1n)).toThrow('Did you mean `lowest_priority`?');
    expect(data(object)).toEqual([1, 4, 139]);
  });
});
