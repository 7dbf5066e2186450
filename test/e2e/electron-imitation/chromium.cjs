/** Debian's Chromium without a window, spoken to over its DevTools protocol. */
'use strict';
const { spawn } = require('node:child_process');
const { mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const WebSocket = require('ws');

const EXECUTABLE = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';

class Chromium {
  static async start() {
    const profile = mkdtempSync(join(tmpdir(), 'bailout-chromium-'));
    const child = spawn(
      EXECUTABLE,
      [
        '--headless=new',
        '--no-sandbox',
        '--no-startup-window',
        '--no-first-run',
        '--disable-gpu',
        '--disable-quic',
        '--disable-sync',
        '--disable-background-networking',
        '--disable-component-update',
        '--remote-debugging-port=0',
        `--user-data-dir=${profile}`,
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    const address = await new Promise((resolve, reject) => {
      let text = '';
      child.stderr.on('data', (data) => {
        text += data;
        const match = /DevTools listening on (ws:\/\/\S+)/.exec(text);
        if (match !== null) resolve(match[1]);
      });
      child.on('exit', () => reject(new Error(`Chromium did not start:\n${text}`)));
    });
    const socket = new WebSocket(address, { perMessageDeflate: false });
    await new Promise((resolve, reject) => {
      socket.on('open', resolve);
      socket.on('error', reject);
    });
    return new Chromium(child, profile, address, socket);
  }

  constructor(child, profile, address, socket) {
    this.address = address;
    this.child = child;
    this.profile = profile;
    this.socket = socket;
    this.next = 1;
    this.waiting = new Map();
    this.listeners = new Map();
    socket.on('message', (data) => this.hear(JSON.parse(String(data))));
  }

  hear({ id, result, error, method, params, sessionId }) {
    if (id !== undefined) {
      const { resolve, reject } = this.waiting.get(id);
      this.waiting.delete(id);
      if (error === undefined) resolve(result);
      else reject(new Error(error.message));
      return;
    }
    for (const listener of this.listeners.get(`${sessionId ?? ''} ${method}`) ?? []) listener(params);
  }

  send(method, params = {}, sessionId = undefined) {
    const id = this.next++;
    this.socket.send(JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) }));
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
  }

  on(method, listener, sessionId = '') {
    const key = `${sessionId} ${method}`;
    this.listeners.set(key, [...(this.listeners.get(key) ?? []), listener]);
  }

  /** Ends it, and takes away what it left on the disk. */
  async stop() {
    const gone = new Promise((resolve) => this.child.once('exit', resolve));
    void this.send('Browser.close').catch(() => undefined);
    const patience = setTimeout(() => this.child.kill('SIGKILL'), 2000);
    await gone;
    clearTimeout(patience);
    this.tidy();
  }

  tidy() {
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

module.exports = { Chromium };
