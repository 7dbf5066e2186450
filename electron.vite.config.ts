/**
 * Builds the desktop: its main process, the preload script, and the page, which is the one that `bailout serve` serves.
 * What the main process needs besides Electron is bundled, so that no package is shipped.
 */
import { defineConfig } from 'electron-vite';
import { fileURLToPath } from 'node:url';
import { mergeConfig } from 'vite';
import page from './renderer/vite.config.ts';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  main: {
    build: {
      target: 'node20',
      outDir: at('dist/desktop'),
      emptyOutDir: false,
      externalizeDeps: false,
      rolldownOptions: {
        input: { main: at('main/electron/main.ts') },
        output: { format: 'cjs', entryFileNames: '[name].cjs', chunkFileNames: '[name]-[hash].cjs' },
      },
    },
  },
  preload: {
    build: {
      target: 'node20',
      outDir: at('dist/desktop'),
      emptyOutDir: false,
      externalizeDeps: false,
      rolldownOptions: {
        input: { preload: at('preload/preload.ts') },
        // A sandboxed preload script is CommonJS.
        output: { format: 'cjs', entryFileNames: '[name].cjs' },
      },
    },
  },
  renderer: mergeConfig(page, { build: { rolldownOptions: { input: at('renderer/index.html') } } }),
});
