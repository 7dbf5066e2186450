/**
 * Programs that only calculate: numbers of which nothing is known go through arithmetic of both widths, comparisons, and the stack. Each is
 * accepted, so that everything the verifier concludes from its bounds can be compared with what comes out.
 */
import { Random } from './unwind/random.ts';

const REGISTERS = [0, 1, 2, 3, 4, 6, 7, 8];
const EDGES = [
  0, 1, -1, 2, 3, 7, 8, 15, 31, 32, 63, 64, 127, 128, 255, 256, -128, -129, 4095, 0x7fff, 0x8000, -0x8000, 0xffff,
  0x10000, 0x7fff_ffff, -0x8000_0000, -0x7fff_ffff,
];
const OPERATORS = ['+=', '-=', '*=', '/=', '%=', '|=', '&=', '^=', '<<=', '>>=', 's>>=', 's/=', 's%='];
const COMPARISONS = ['==', '!=', '>', '>=', '<', '<=', 's>', 's>=', 's<', 's<=', '&'];
const SIZES = ['u8', 'u16', 'u32', 'u64', 's8', 's16', 's32'];

/** The program of a seed, as assembly. */
export function arithmeticProgram(seed: number): string {
  const random = new Random(seed);
  const register = (): number => random.pick(REGISTERS);
  const immediate = (): number => (random.chance(0.7) ? random.pick(EDGES) : random.below(2 ** 16) - 2 ** 15);
  const lines: string[] = [];
  for (const slot of [-8, -16, -24]) {
    lines.push('call 7', 'r6 = r0', 'r6 <<= 32', 'call 7', 'r6 |= r0');
    if (random.chance(0.5)) lines.push(`r6 s>>= ${random.below(64)}`);
    lines.push(`*(u64 *)(r10 ${slot}) = r6`);
  }
  for (const [i, target] of REGISTERS.entries()) {
    lines.push(`r${target} = *(${random.pick(SIZES)} *)(r10 ${[-8, -16, -24][i % 3]!})`);
    if (random.chance(0.4)) lines.push(`r${target} &= ${random.pick([1, 3, 7, 15, 63, 255, 0xf0, 0xff00])}`);
  }
  const count = 8 + random.below(40);
  for (let i = 0; i < count; i++) {
    const dst = register();
    const wide = random.chance(0.6) ? 'r' : 'w';
    const pick = random.below(20);
    if (pick < 9) lines.push(arithmetic(random, wide, dst, register(), immediate()));
    else if (pick < 11) lines.push(`${wide}${dst} = ${random.chance(0.7) ? `${wide}${register()}` : immediate()}`);
    else if (pick < 12) lines.push(`r${dst} = (${random.pick(['s8', 's16', 's32'])})r${register()}`);
    else if (pick < 13)
      lines.push(
        random.pick([
          `r${dst} = -r${dst}`,
          `w${dst} = -w${dst}`,
          `r${dst} = bswap${random.pick([16, 32, 64])} r${dst}`,
          `r${dst} = ${random.pick(['be', 'le'])}${random.pick([16, 32, 64])} r${dst}`,
        ]),
      );
    else if (pick < 15) {
      const size = random.pick([1, 2, 4, 8]);
      const at = -8 * (1 + random.below(3)) + (random.chance(0.7) ? 0 : size * random.below(8 / size));
      lines.push(
        random.chance(0.5)
          ? `*(u${size * 8} *)(r10 ${at}) = r${dst}`
          : `r${dst} = *(${random.chance(0.3) && size < 8 ? 's' : 'u'}${size * 8} *)(r10 ${at})`,
      );
    } else {
      const other = random.chance(0.6) ? String(immediate()) : `${wide}${register()}`;
      const label = `l${i}_${seed}`;
      lines.push(`if ${wide}${dst} ${random.pick(COMPARISONS)} ${other} goto ${label}`);
      for (let inside = random.below(3); inside > 0; inside--)
        lines.push(arithmetic(random, random.chance(0.5) ? 'r' : 'w', register(), register(), immediate()));
      lines.push(`${label}:`);
    }
  }
  lines.push('r0 = 0', 'exit');
  return lines.join('\n');
}

function arithmetic(random: Random, wide: 'r' | 'w', dst: number, src: number, immediate: number): string {
  const operator = random.pick(OPERATORS);
  if (random.chance(0.5)) return `${wide}${dst} ${operator} ${wide}${src}`;
  if (operator.includes('<<') || operator.includes('>>'))
    return `${wide}${dst} ${operator} ${random.below(wide === 'r' ? 64 : 32)}`;
  const divides = operator.includes('/') || operator.includes('%');
  return `${wide}${dst} ${operator} ${divides && immediate === 0 ? 3 : immediate}`;
}
