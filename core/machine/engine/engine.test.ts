import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

describe('the committed engine', () => {
  it('is what its sources compile to', async () => {
    const build: unknown = await import(new URL('build.mjs', import.meta.url).href);
    const { compile } = build as { compile: () => Promise<string> };
    const committed = readFileSync(new URL('engine.generated.ts', import.meta.url), 'utf8');
    expect(committed).toBe(await compile());
  }, 60_000);
});
