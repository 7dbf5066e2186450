export { deflate } from './compression.ts';
