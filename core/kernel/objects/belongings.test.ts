/** What is made for a run goes with it, unless somebody holds it. */
import { describe, expect, it } from 'vitest';
import type { Kernel } from '../kernel.ts';
import { newKernel, newProgram } from '../testing/kernel.ts';

const XDP = newProgram({ type: 'xdp', section: 'xdp' });
const SCENARIO = { context: { packet: { data: '020000000002020000000001080045010203' } } };

function run(kernel: Kernel): bigint {
  kernel.begin(XDP);
  const context = kernel.context(XDP);
  kernel.end();
  return context;
}

function isFreed(kernel: Kernel, pointer: bigint): boolean {
  return kernel.memory.allocationAt(kernel.offset(pointer))?.freed === true;
}

describe('what belongs to a run', () => {
  it('stays until the next is made ready, and then goes', () => {
    const kernel = newKernel(SCENARIO);
    const context = run(kernel);
    const packet = kernel.memory.pointer(kernel.contexts.packetStart(kernel.contexts.current!.object));
    expect([isFreed(kernel, context), isFreed(kernel, packet)]).toEqual([false, false]);
    const objects = kernel.world.all().length;
    run(kernel);
    expect([isFreed(kernel, context), isFreed(kernel, packet)]).toEqual([true, true]);
    expect(kernel.world.all()).toHaveLength(objects);
  });

  it('is not what has a name: the device that a packet came in by is there for all', () => {
    const kernel = newKernel(SCENARIO);
    run(kernel);
    const device = kernel.world.find('device:1');
    const address = kernel.world.get(device, 'net_device', 'dev_addr');
    run(kernel);
    expect(kernel.world.find('device:1')).toBe(device);
    expect(isFreed(kernel, kernel.memory.pointer(device))).toBe(false);
    expect(isFreed(kernel, address)).toBe(false);
  });

  it('stays as a whole while a part of it is held, and goes after that', () => {
    const kernel = newKernel(SCENARIO);
    const context = run(kernel);
    const { object } = kernel.contexts.current!;
    kernel.world.addReference(kernel.world.at(object)!);
    run(kernel);
    expect(isFreed(kernel, context)).toBe(false);
    kernel.world.drop(kernel.world.at(object)!);
    run(kernel);
    expect(isFreed(kernel, context)).toBe(true);
  });

  it('stays while the ledger knows that it lies in a map', () => {
    const kernel = newKernel(SCENARIO);
    run(kernel);
    const value = kernel.memory.pointer(kernel.contexts.current!.object);
    kernel.ledger.enterStored({
      type: 'reference',
      typeName: 'struct xdp_buff',
      value,
      release: 'nobody',
      where: 'map',
    });
    run(kernel);
    expect(isFreed(kernel, value)).toBe(false);
    kernel.ledger.takeStored(value);
    run(kernel);
    expect(isFreed(kernel, value)).toBe(true);
  });

  it('is not freed twice when it went before its run was over', () => {
    const kernel = newKernel(SCENARIO);
    run(kernel);
    const { object } = kernel.contexts.current!;
    expect(kernel.world.drop(kernel.world.at(object)!)).toBe(true);
    expect(() => run(kernel)).not.toThrow();
  });

  it('is again what it was where one goes back', () => {
    const kernel = newKernel(SCENARIO);
    const context = run(kernel);
    const memory = kernel.memory.allocationAt(kernel.offset(context));
    const here = kernel.checkpoint();
    run(kernel);
    run(kernel);
    kernel.restore(here);
    expect(kernel.memory.allocationAt(kernel.offset(context))).toEqual(memory);
    run(kernel);
    expect(isFreed(kernel, context)).toBe(true);
  });
});
