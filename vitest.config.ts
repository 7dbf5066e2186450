import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{core,main,preload,renderer,examples,scripts,test}/**/*.test.ts'],
    exclude: ['**/node_modules/**', 'dist/**'],
    environment: 'node',
    // Two cores are the common size of a CI machine; more workers than that only fight over the caches.
    maxWorkers: 2,
    testTimeout: 30_000,
  },
});
