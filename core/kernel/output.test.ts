/** What programs say is kept as far as it is new, whatever the order in which one goes to its moments. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PrintedLine } from './output.ts';
import { Output, outputBytes } from './output.ts';

function line(step: number, text = `line ${step}`): PrintedLine {
  return { kind: 'trace', text, at: { program: 'main', insn: 0, frame: 0 }, run: 0, step };
}

describe('output', () => {
  it('keeps the newest lines, and counts the others', () => {
    const output = new Output();
    for (let step = 0; step < 100_000; step++) output.push(line(step));
    const { lines, earlier } = output.newest();
    expect(output.total).toBe(100_000);
    expect(lines.length).toBeGreaterThan(7000);
    expect(lines.length).toBeLessThan(9000);
    expect(lines[0]?.step).toBe(earlier);
    expect(lines.at(-1)?.step).toBe(99_999);
  });

  it('takes bounded memory for lines of any length', () => {
    const output = new Output();
    for (let step = 0; step < 1000; step++) output.push(line(step, 'x'.repeat(100_000)));
    expect(outputBytes(output.checkpoint(), undefined)).toBeLessThan(4_000_000);
    expect(output.newest().lines.at(-1)?.step).toBe(999);
  });

  it('goes back, and on in another way, without touching what others remember', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { minLength: 1, maxLength: 60 }), (choices) => {
        const output = new Output();
        const taken = [{ state: output.checkpoint(), lines: [] as readonly PrintedLine[] }];
        let said: readonly PrintedLine[] = [];
        choices.forEach((choice, n) => {
          if (choice < 4) {
            const back = taken[n % taken.length]!;
            output.restore(back.state);
            said = back.lines;
          } else if (choice < 8) taken.push({ state: output.checkpoint(), lines: said });
          else {
            // Some at once, so that chunks become full.
            for (let i = 0; i < choice * 40; i++) {
              const next = line(n * 1000 + i);
              output.push(next);
              said = [...said.slice(-9000), next];
            }
          }
          const { lines } = output.newest();
          expect(lines).toEqual(said.slice(said.length - lines.length));
        });
      }),
      { numRuns: 20 },
    );
  });
});
