/** The parts of the `electron` module that the desktop's main process uses, over Chromium's DevTools protocol. */
'use strict';
const { EventEmitter } = require('node:events');
const { readFileSync } = require('node:fs');
const { createServer } = require('node:http');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { script } = require('./preload.cjs');

const encode = (value) =>
  value instanceof Uint8Array ? { base64: Buffer.from(value).toString('base64') } : { json: value };
const decode = ({ json, base64 }) => (base64 === undefined ? json : new Uint8Array(Buffer.from(base64, 'base64')));

function makeElectron(chromium, root) {
  let nextId = 1;
  const windows = new Set();
  const handlers = new Map();
  const ipcMain = new EventEmitter();
  let server;
  let port = 0;

  // ---- a scheme of the application's own, over loopback ---------------------------------------------------------------
  /** `bailout://page/index.html` is `http://127.0.0.1:PORT/bailout/page/index.html` here. */
  const outside = (address) => {
    const url = new URL(address);
    const scheme = url.protocol.slice(0, -1);
    return handlers.has(scheme)
      ? `http://127.0.0.1:${port}/${scheme}/${url.host}${url.pathname}${url.search}`
      : address;
  };
  const inside = (address) => {
    const match = new RegExp(`^http://127\\.0\\.0\\.1:${port}/([a-z]+)/(.*)$`).exec(address);
    return match === null ? address : `${match[1]}://${match[2]}`;
  };
  const serve = async (request, response) => {
    const [, scheme, rest] = /^\/([a-z]+)\/(.*)$/.exec(request.url) ?? [];
    const handler = handlers.get(scheme);
    if (handler === undefined) return void response.writeHead(404).end();
    const answer = await handler(new Request(new URL(`${scheme}://${rest}`)));
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    response.end(Buffer.from(await answer.arrayBuffer()));
  };

  // ---- windows --------------------------------------------------------------------------------------------------------
  class WebContents extends EventEmitter {
    constructor(window, options) {
      super();
      this.id = nextId++;
      this.window = window;
      this.address = '';
      this.session = electron.session.defaultSession;
      this.opened = this.open(options);
    }

    async open({ width = 800, height = 600, webPreferences = {} }) {
      const { targetId } = await chromium.send('Target.createTarget', {
        url: 'about:blank',
        width,
        height,
        newWindow: true,
      });
      this.targetId = targetId;
      const { sessionId } = await chromium.send('Target.attachToTarget', { targetId, flatten: true });
      this.sessionId = sessionId;
      chromium.on(
        'Runtime.bindingCalled',
        ({ name, payload }) => name === '__toMain' && this.hear(JSON.parse(payload)),
        sessionId,
      );
      chromium.on(
        'Page.frameNavigated',
        ({ frame }) => frame.parentId === undefined && (this.address = inside(frame.url)),
        sessionId,
      );
      chromium.on('Page.loadEventFired', () => this.loaded(), sessionId);
      await chromium.send('Page.enable', {}, sessionId);
      await chromium.send('Runtime.enable', {}, sessionId);
      await chromium.send('Runtime.addBinding', { name: '__toMain' }, sessionId);
      if (webPreferences.preload !== undefined) {
        const source = script(readFileSync(webPreferences.preload, 'utf8'));
        await chromium.send('Page.addScriptToEvaluateOnNewDocument', { source }, sessionId);
      }
    }

    loaded() {
      if (this.address === 'about:blank') return;
      this.emit('did-finish-load');
      this.window.emit('ready-to-show');
    }

    hear({ channel, args }) {
      const event = { sender: this, senderFrame: { url: this.address } };
      ipcMain.emit(channel, event, ...args.map(decode));
    }

    send(channel, ...args) {
      const text = JSON.stringify(JSON.stringify({ channel, args: args.map(encode) }));
      void this.opened.then(() =>
        chromium
          .send('Runtime.evaluate', { expression: `globalThis.__fromMain?.(${text})` }, this.sessionId)
          .catch(() => undefined),
      );
    }

    getURL() {
      return this.address;
    }

    get mainFrame() {
      return { url: this.address };
    }

    setWindowOpenHandler(handler) {
      this.openHandler = handler;
    }

    isDestroyed() {
      return !windows.has(this.window);
    }

    close() {
      this.window.close();
    }

    static fromDevToolsTargetId(targetId) {
      return [...windows].find(({ webContents }) => webContents.targetId === targetId)?.webContents;
    }

    static getAllWebContents() {
      return [...windows].map(({ webContents }) => webContents);
    }
  }

  class BrowserWindow extends EventEmitter {
    constructor(options = {}) {
      super();
      windows.add(this);
      this.options = options;
      this.visible = options.show !== false;
      this.webContents = new WebContents(this, options);
      this.id = this.webContents.id;
      electron.app.emit('browser-window-created', {}, this);
    }

    async loadURL(address) {
      const { webContents } = this;
      await webContents.opened;
      await chromium.send('Page.navigate', { url: outside(address) }, webContents.sessionId);
    }

    show() {
      this.visible = true;
    }

    focus() {
      BrowserWindow.focused = this;
    }

    isMinimized() {
      return false;
    }

    restore() {}

    isDestroyed() {
      return !windows.has(this);
    }

    close() {
      if (!windows.delete(this)) return;
      this.webContents.emit('destroyed');
      this.emit('closed');
      // Chromium may have ended before it: with the last window the application does.
      void this.webContents.opened
        .then(() => chromium.send('Target.closeTarget', { targetId: this.webContents.targetId }))
        .catch(() => undefined);
      if (windows.size === 0) electron.app.emit('window-all-closed');
    }

    destroy() {
      this.close();
    }

    static getAllWindows() {
      return [...windows];
    }

    static getFocusedWindow() {
      return windows.has(BrowserWindow.focused) ? BrowserWindow.focused : ([...windows].at(-1) ?? null);
    }

    static fromWebContents(contents) {
      return contents?.window ?? null;
    }
  }

  // ---- the rest -------------------------------------------------------------------------------------------------------
  class App extends EventEmitter {
    name = 'Bailout';
    isPackaged = false;
    commandLine = { appendSwitch: () => undefined };
    #ready;

    constructor() {
      super();
      this.setMaxListeners(0);
      this.#ready = new Promise((resolve) => {
        this.begin = resolve;
      });
    }

    whenReady() {
      return this.#ready;
    }

    isReady() {
      return true;
    }

    getPath(name) {
      return process.env.BAILOUT_TEST_USER_DATA ?? join(tmpdir(), `bailout-${name}`);
    }

    getAppPath() {
      return root;
    }

    getVersion() {
      return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;
    }

    requestSingleInstanceLock() {
      return true;
    }

    addRecentDocument() {}

    clearRecentDocuments() {}

    setAppUserModelId() {}

    quit() {
      this.emit('before-quit', { preventDefault: () => undefined });
      this.emit('will-quit', { preventDefault: () => undefined });
      this.exit(0);
    }

    exit(code = 0) {
      this.emit('quit', {}, code);
      server?.close();
      void chromium.stop().then(() => process.exit(code));
    }
  }

  class Menu {
    static application = null;

    constructor(items) {
      this.items = items;
    }

    getMenuItemById(id) {
      for (const item of this.items) {
        if (item.id === id) return item;
        const found = item.submenu?.getMenuItemById(id);
        if (found != null) return found;
      }
      return null;
    }

    static buildFromTemplate(template) {
      return new Menu(
        template.map((item) => ({
          ...item,
          ...(item.submenu === undefined ? {} : { submenu: Menu.buildFromTemplate(item.submenu) }),
        })),
      );
    }

    static setApplicationMenu(menu) {
      Menu.application = menu;
    }

    static getApplicationMenu() {
      return Menu.application;
    }
  }

  const electron = {
    app: new App(),
    BrowserWindow,
    webContents: WebContents,
    ipcMain,
    Menu,
    dialog: {
      // Tests put answers of their own in place of these.
      showOpenDialog: async () => ({ canceled: true, filePaths: [] }),
      showErrorBox: (title, content) => console.error(`${title}: ${content}`),
    },
    shell: { openExternal: async () => undefined },
    session: {
      defaultSession: { setPermissionRequestHandler: () => undefined, setPermissionCheckHandler: () => undefined },
    },
    protocol: {
      registerSchemesAsPrivileged: () => undefined,
      handle: (scheme, handler) => handlers.set(scheme, handler),
    },
  };

  /** Opens the port that stands for schemes of the application's own; then the application may begin. */
  electron.start = async () => {
    server = createServer((request, response) => {
      serve(request, response).catch(() => response.writeHead(500).end());
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = server.address().port;
    electron.app.begin();
    electron.app.emit('ready', {});
  };
  return electron;
}

module.exports = { makeElectron };
