/** Builds the page, for the desktop and for browsers alike: one folder of static files, no address in it that is not its own. */
import { fileURLToPath } from 'node:url';
import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'vite';

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  // Relative addresses: the desktop loads the page from a file.
  base: './',
  plugins: [vue()],
  build: {
    outDir: fileURLToPath(new URL('../dist/page', import.meta.url)),
    emptyOutDir: true,
    target: 'chrome120',
    // Said here because the desktop's build would leave it out, and both make the same page.
    minify: true,
    // Fonts and icons stay files: a content security policy without data: is the stricter one.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 2000,
  },
});
