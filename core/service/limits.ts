/** Larger files are refused before anybody looks at them: no object or recording that a page can show has as many bytes. */
export const MAX_FILE = 256 * 1024 * 1024;
