import { describe, expect, it } from 'vitest';
import { testHost } from '../testing/host.ts';
import { inspect } from './inspect.ts';

function show(file: string): string[] {
  const host = testHost();
  expect(inspect({ command: 'inspect', file, json: false }, host)).toBe(0);
  return host.text().split('\n');
}

describe('inspect', () => {
  it('shows what is in an object, in columns', () => {
    const lines = show('examples/callback-by-tag.bpf.o').map((line) => line.replace(/\[\d+\]/, '[id]'));
    expect(lines).toEqual([
      'callback-by-tag.bpf.o  license GPL',
      '',
      'Programs (1)',
      '  by_tag  xdp  xdp  52 insns  exception callback on_exception (by tag)',
      '',
      'Functions',
      '  check_frame   static  35 insns  in by_tag',
      '  on_exception  global  14 insns  in by_tag',
      '',
      'Maps (1)',
      '  thrown  array  key 4  value 8  3 entries',
      '',
      'Taken from the kernel (1)',
      '  bpf_throw  function  [id]',
      '',
      'Relocations (5)',
      '  .text  extern  bpf_throw      +8 +184 +400',
      '  .text  map     thrown         +48',
      '  xdp    call    check_frame    +0',
      '',
    ]);
  });

  it('says what CO-RE asks of the kernel', () => {
    expect(show('examples/deep-throw.bpf.o')).toContain(
      '  .text    core    struct task_struct.pid            field offset  +248',
    );
  });
});
