import { describe, expect, it } from 'vitest';
import type { FormatSource } from './format.ts';
import { format } from './format.ts';

const source: FormatSource = {
  text: (pointer) => (pointer === 0x100n ? 'hello' : undefined),
  bytes: (pointer, size) =>
    pointer === 0x200n ? Uint8Array.of(192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1).subarray(0, size) : undefined,
  symbol: () => undefined,
};

function text(pattern: string, ...args: bigint[]): string {
  const formatted = format(pattern, args, source);
  return 'text' in formatted ? formatted.text : `errno ${formatted.errno}`;
}

describe('formats of bpf_printk', () => {
  it('takes 32 bits of an argument, or 64 with l', () => {
    expect(text('%d %u %x', 0xffffffffn, 0xffffffffn, 0x1_0000_00ffn)).toBe('-1 4294967295 ff');
    expect(text('%ld %llu %lx', 0xffffffffffffffffn, 0xffffffffffffffffn, 0x1_0000_00ffn)).toBe(
      '-1 18446744073709551615 1000000ff',
    );
    expect(text('%X', 0xabcn)).toBe('ABC');
  });

  it('knows width, zeros, sign and left alignment', () => {
    expect(text('[%5d] [%05d] [%-5d] [%+d] [% d]', 42n, 42n, 42n, 42n, 42n)).toBe(
      '[   42] [00042] [42   ] [+42] [ 42]',
    );
    expect(text('[%05d]', 0xfffffffen)).toBe('[-0002]');
    expect(text('[%8s] [%-8s]', 0x100n, 0x100n)).toBe('[   hello] [hello   ]');
  });

  it('prints strings, and nothing for one that cannot be read', () => {
    expect(text('%s/%s', 0x100n, 0n)).toBe('hello/');
    expect(text('%pks %c%%', 0x100n, 65n)).toBe('hello A%');
  });

  it('prints addresses', () => {
    expect(text('%pI4 %pi4', 0x200n, 0x200n)).toBe('192.0.2.1 192.000.002.001');
    expect(text('%pI6', 0x200n)).toBe('c000:0201:0000:0000:0000:0000:0000:0001');
    expect(text('%px', 0xffff888000001000n)).toBe('ffff888000001000');
  });

  it.each(['%d %d', '%y', '%', '%.3d', '%#x', '%sx', '\x01'])('refuses %j as the kernel does', (pattern) => {
    expect(text(pattern, 1n)).toBe('errno 22');
  });

  it('refuses more than twelve arguments', () => {
    expect(text('', ...new Array<bigint>(13).fill(0n))).toBe('errno 7');
  });
});
