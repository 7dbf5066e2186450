/** The bridge between the desktop's page and its host: passes messages of core/protocol, and nothing else. */
import { contextBridge, ipcRenderer } from 'electron';
import type { Channel } from '../core/protocol/wire.ts';

const CHANNEL = 'session';

const bridge: Channel = {
  post: (message) => ipcRenderer.send(CHANNEL, message),
  // The event itself stays here: it would give the page the sender.
  on: (listener) => void ipcRenderer.on(CHANNEL, (_event, message: Uint8Array) => listener(message)),
};

contextBridge.exposeInMainWorld('bailout', bridge);
