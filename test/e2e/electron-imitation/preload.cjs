/**
 * What a preload script sees of Electron, in the page: evaluated before the page's own scripts, with the preload script's text in
 * place of PRELOAD. Bytes cross as base64.
 */
'use strict';

/** Runs in the page. */
function page(runPreload) {
  const listeners = new Map();
  const encode = (value) => {
    if (!(value instanceof Uint8Array)) return { json: value };
    let text = '';
    for (let i = 0; i < value.length; i += 32768) text += String.fromCharCode(...value.subarray(i, i + 32768));
    return { base64: btoa(text) };
  };
  const decode = ({ json, base64 }) =>
    base64 === undefined ? json : Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const ipcRenderer = {
    send: (channel, ...args) => globalThis.__toMain(JSON.stringify({ channel, args: args.map(encode) })),
    on: (channel, listener) => {
      listeners.set(channel, [...(listeners.get(channel) ?? []), listener]);
      return ipcRenderer;
    },
  };
  Object.defineProperty(globalThis, '__fromMain', {
    value: (text) => {
      const { channel, args } = JSON.parse(text);
      for (const listener of listeners.get(channel) ?? []) listener({}, ...args.map(decode));
    },
  });
  const electron = {
    ipcRenderer,
    contextBridge: {
      exposeInMainWorld: (name, value) =>
        Object.defineProperty(globalThis, name, { value: Object.freeze(value), configurable: false }),
    },
  };
  const require = (name) => {
    if (name !== 'electron') throw new Error(`A sandboxed preload cannot require ${name}.`);
    return electron;
  };
  runPreload(require);
}

/** The script for Chromium to evaluate in each new document. */
const script = (preload) =>
  `(${page})((require) => { const module = { exports: {} }, exports = module.exports;\n${preload}\n});`;

module.exports = { script };
