import { loadWorld, toProgram } from './world.ts';
import { generate } from './generate.ts';
import { verify } from '../../../core/verifier/verify.ts';
const w = loadWorld();
const g = generate(Number(process.argv[2]));
const p = toProgram(w, g);
const v = verify(p, { profile: 'proposal', logLevel: 1 });
console.log(p.subprograms.map((s) => `${s.name} ${s.start}`).join(' '));
console.log(
  v.log
    .split('\n')
    .slice(-Number(process.argv[3] ?? 60))
    .join('\n'),
  v.message,
);
