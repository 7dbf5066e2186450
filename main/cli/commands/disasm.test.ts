import { describe, expect, it } from 'vitest';
import { PLAIN } from '../format/style.ts';
import { fixtureProgram } from '../testing/fixture.ts';
import { testHost } from '../testing/host.ts';
import { disasm, disassembleProgram } from './disasm.ts';

describe('disasm', () => {
  it('puts each source line before the instructions that it became, and a heading before each function', () => {
    expect(disassembleProgram(fixtureProgram(), PLAIN)).toEqual([
      'main (xdp, xdp):',
      '; void *data = (void *)(long)ctx->data; @ fixture.bpf.c:10',
      '  0: (61) r6 = *(u32 *)(r1 +0)',
      '  1: (bf) r1 = r6',
      '; check(data); @ fixture.bpf.c:12',
      '  2: (85) call pc+2#check',
      '; return XDP_PASS; @ fixture.bpf.c:13',
      '  3: (b7) r0 = 2',
      '  4: (95) exit',
      '',
      'check (static function):',
      '; if (value > 63) @ fixture.bpf.c:4',
      '  5: (25) if r1 > 0x3f goto pc+1',
      '; return 0; @ fixture.bpf.c:5',
      '  6: (b7) r0 = 0',
      '  7: (95) exit',
    ]);
  });

  it('names maps, functions, helpers and kfuncs', () => {
    const host = testHost();
    disasm({ command: 'disasm', file: 'examples/callback-by-call.bpf.o' }, host);
    const text = host.text();
    expect(text).toContain('r1 = func[on_exception]');
    expect(text).toContain('call bpf_set_exception_callback#');
    expect(text).toContain('call bpf_map_lookup_elem#1');
    expect(text).toContain('r1 = map[thrown]');
  });

  it('shows one program when one is asked for', () => {
    const host = testHost();
    disasm({ command: 'disasm', file: 'examples/rejected.bpf.o', program: 'accepted' }, host);
    expect(host.text()).toContain('accepted (xdp, xdp):');
    expect(host.text()).not.toContain('rejected (xdp, xdp):');
  });
});
