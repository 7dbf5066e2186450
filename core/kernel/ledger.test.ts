import { describe, expect, it } from 'vitest';
import type { Acquisition } from './ledger.ts';
import { Ledger, describeEntry } from './ledger.ts';

const task = (value: bigint): Acquisition => ({
  type: 'reference',
  typeName: 'struct task_struct',
  value,
  by: 'bpf_task_acquire',
  release: 'bpf_task_release',
  at: { program: 'prog', insn: 7, frame: 0, step: 70 },
});

describe('the ledger', () => {
  it('holds what was acquired until it is released', () => {
    const ledger = new Ledger();
    const entry = ledger.acquire(task(0x10n));
    expect(ledger.held()).toEqual([entry]);
    expect(describeEntry(entry)).toBe('struct task_struct #1 (acquired by bpf_task_acquire at insn 7)');
    ledger.release('reference', 0x10n, 'bpf_task_release');
    expect(ledger.held()).toEqual([]);
  });

  it('counts two references to one object as two entries, and releases the newer one first', () => {
    const ledger = new Ledger();
    const first = ledger.acquire(task(0x10n));
    ledger.acquire(task(0x10n));
    ledger.release('reference', 0x10n, 'bpf_task_release');
    expect(ledger.held()).toEqual([first]);
  });

  it('names the resource when something is released twice, or as what it is not', () => {
    const ledger = new Ledger();
    ledger.acquire(task(0x10n));
    expect(() => ledger.release('object', 0x10n, 'bpf_obj_drop')).toThrow(
      'what is held there is struct task_struct (reference)',
    );
    ledger.release('reference', 0x10n, 'bpf_task_release');
    expect(() => ledger.release('reference', 0x10n, 'bpf_task_release')).toThrow(
      'bpf_task_release releases a reference at 0x10, but nothing at this address is held.',
    );
  });

  it('knows what was moved into a map, and that it is not the program’s any more', () => {
    const ledger = new Ledger();
    ledger.acquire(task(0x10n));
    ledger.store('reference', 0x10n, 'kptr', 'bpf_kptr_xchg');
    expect(ledger.held()).toEqual([]);
    expect(ledger.stored().map((entry) => entry.typeName)).toEqual(['struct task_struct']);
    expect(() => ledger.release('reference', 0x10n, 'bpf_task_release')).toThrow('was moved into a kptr');
    expect(ledger.takeStored(0x10n)?.release).toBe('bpf_task_release');
    expect(ledger.stored()).toEqual([]);
  });

  it('tells what a run acquired from what was there before', () => {
    const ledger = new Ledger();
    ledger.acquire(task(0x10n));
    ledger.begin();
    const own = ledger.acquire(task(0x20n));
    expect(ledger.outstanding()).toEqual([own]);
    expect(ledger.held().map((entry) => entry.before)).toEqual([true, false]);
  });

  it('comes back from a checkpoint, ids included, and shares what did not change', () => {
    const ledger = new Ledger();
    ledger.acquire(task(0x10n));
    const before = ledger.checkpoint();
    expect(ledger.checkpoint()).toBe(before);
    const second = ledger.acquire(task(0x20n));
    ledger.restore(before);
    expect(ledger.held().map((entry) => entry.value)).toEqual([0x10n]);
    expect(ledger.acquire(task(0x20n)).id).toBe(second.id);
  });

  it('tells an observer of each change in order', () => {
    const ledger = new Ledger();
    const heard: string[] = [];
    ledger.observer = {
      acquired: (entry) => heard.push(`+${entry.id}`),
      released: (entry, by) => heard.push(`-${entry.id} ${by}`),
      stored: (entry, where) => heard.push(`>${entry.id} ${where}`),
    };
    ledger.acquire(task(0x10n));
    ledger.acquire(task(0x20n));
    ledger.store('reference', 0x20n, 'list', 'bpf_list_push_back_impl');
    ledger.release('reference', 0x10n, 'bpf_task_release');
    expect(heard).toEqual(['+1', '+2', '>2 list', '-1 bpf_task_release']);
  });
});
