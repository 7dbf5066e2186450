/** The terminal: one for the page, so that what it shows outlives a change of the layout. */
import { FitAddon } from '@xterm/addon-fit';
import { SearchAddon } from '@xterm/addon-search';
import { WebLinksAddon } from '@xterm/addon-web-links';
import type { ITheme } from '@xterm/xterm';
import { Terminal } from '@xterm/xterm';
import { watch } from 'vue';
import { readList, write } from '../../session/kept.ts';
import type { useSession } from '../../session/store.ts';
import { theme } from '../../theme/theme.ts';
import { screenReader, terminalInput } from './input.ts';
import type { Line } from './line.ts';
import { EMPTY_LINE, completed, drawn, edit, lineOf, promptOf, remember } from './line.ts';
import { coloured, columnsOf, linksIn, paint } from './output.ts';

type SessionStore = ReturnType<typeof useSession>;

const SCROLLBACK = 10_000;
/** Output is written in parts, so that a long one does not stop the page. */
const PART = 64 * 1024;

/** Colours by what they mean: see `SGR` in output.ts. */
function terminalTheme(): ITheme {
  const style = getComputedStyle(document.documentElement);
  const of = (name: string): string => style.getPropertyValue(name).trim();
  return {
    background: of('--panel'),
    foreground: of('--dim'),
    cursor: of('--text'),
    cursorAccent: of('--panel'),
    overviewRulerBorder: of('--panel'),
    scrollbarSliderBackground: of('--line'),
    scrollbarSliderHoverBackground: of('--line2'),
    scrollbarSliderActiveBackground: of('--line2'),
    selectionBackground: `${of('--here')}55`,
    black: of('--line2'),
    white: of('--text'),
    brightWhite: of('--text'),
    brightBlack: of('--faint'),
    red: of('--throw'),
    green: of('--ok'),
    yellow: of('--warn'),
    blue: of('--here'),
    magenta: of('--claim'),
    cyan: of('--held'),
  };
}

export class CommandTerminal {
  readonly #session: SessionStore;
  readonly #element = document.createElement('div');
  readonly #xterm: Terminal;
  readonly #fit = new FitAddon();
  readonly #search = new SearchAddon();
  #opened = false;
  #line: Line = EMPTY_LINE;
  /** The row of the cursor below the prompt's. */
  #row = 0;
  #history = readList('history');
  /** Pressed while a command was carried out. */
  #waiting: string[] = [];
  #working = false;
  /** Ctrl+F was pressed. */
  onFind: () => void = () => undefined;

  constructor(session: SessionStore) {
    this.#session = session;
    this.#element.className = 'command-terminal';
    this.#xterm = new Terminal({
      fontFamily: getComputedStyle(document.documentElement).getPropertyValue('--mono'),
      fontSize: 12,
      lineHeight: 1.35,
      scrollback: SCROLLBACK,
      cursorBlink: false,
      cursorStyle: 'block',
      cursorInactiveStyle: 'outline',
      theme: terminalTheme(),
      screenReaderMode: screenReader.value,
      // Colours of the theme have the contrast; this holds for what addons draw, too.
      minimumContrastRatio: 4.5,
      overviewRuler: { width: 8 },
      allowProposedApi: true,
    });
    this.#xterm.loadAddon(this.#fit);
    this.#xterm.loadAddon(this.#search);
    this.#xterm.loadAddon(new WebLinksAddon((_event, address) => void window.open(address, '_blank', 'noopener')));
    this.#xterm.attachCustomKeyEventHandler((event) => this.#handles(event));
    this.#xterm.onData((data) => this.#press(data));
    this.#xterm.onResize(({ cols }) => {
      this.#row = Math.floor((promptOf(this.#line).length + this.#line.cursor) / cols);
    });
    this.#linkOutput();
    watch(theme, () => requestAnimationFrame(() => (this.#xterm.options.theme = terminalTheme())));
    watch(screenReader, (on) => (this.#xterm.options.screenReaderMode = on));
    terminalInput.onBegin((text) => {
      this.#line = lineOf(text, this.#line);
      this.#draw();
      this.focus();
    });
  }

  /** Puts the terminal into a box, where it fills the room there is. */
  attach(box: HTMLElement): void {
    box.append(this.#element);
    if (this.#opened) return this.fit();
    this.#opened = true;
    this.#xterm.open(this.#element);
    this.#xterm.textarea?.setAttribute('data-panel-focus', '');
    this.#xterm.textarea?.setAttribute('aria-label', 'Command');
    this.fit();
    this.#write(`${paint('text', 'help')} lists the commands, Tab completes.\r\n`);
    this.#draw();
  }

  fit(): void {
    if (this.#element.clientHeight > 0) this.#fit.fit();
  }

  focus(): void {
    this.#xterm.focus();
  }

  find(text: string, direction: 'next' | 'previous', incremental = false): void {
    const style = getComputedStyle(document.documentElement);
    const of = (name: string): string => style.getPropertyValue(name).trim();
    const decorations = {
      matchBackground: of('--line2'),
      activeMatchBackground: of('--warn'),
      matchOverviewRuler: of('--warn'),
      activeMatchColorOverviewRuler: of('--warn'),
    };
    if (text === '') this.#search.clearDecorations();
    else if (direction === 'next') this.#search.findNext(text, { incremental, decorations });
    else this.#search.findPrevious(text, { decorations });
  }

  endFind(): void {
    this.#search.clearDecorations();
    this.focus();
  }

  clear(): void {
    this.#xterm.clear();
  }

  #write(data: string): void {
    for (let at = 0; at < data.length; at += PART) this.#xterm.write(data.slice(at, at + PART));
  }

  #draw(): void {
    const text = promptOf(this.#line);
    const { data, row } = drawn(
      this.#line,
      `${paint('faint', text.trimEnd())} \x1b[${37}m`,
      text.length,
      this.#xterm.cols,
      this.#row,
    );
    this.#row = row;
    this.#xterm.write(`${data}\x1b[0m`);
  }

  /** False: the key is not for the terminal. */
  #handles(event: KeyboardEvent): boolean {
    if (event.type !== 'keydown') return true;
    const control = event.ctrlKey || event.metaKey;
    if (control && event.key.toLowerCase() === 'f') {
      event.preventDefault();
      this.onFind();
      return false;
    }
    // What is selected is copied; with nothing selected the command is given up.
    if (control && event.key.toLowerCase() === 'c' && this.#xterm.hasSelection()) return false;
    return !(control && event.key.toLowerCase() === 'v');
  }

  #press(data: string): void {
    if (this.#working) {
      if (data === '\x03') this.#session.cancel();
      else this.#waiting.push(data);
      return;
    }
    // Pasted lines are commands, one after the other; the last is left to be finished.
    if (data.length > 1 && !data.startsWith('\x1b')) {
      const [first = '', ...rest] = data.split(/\r\n?|\n/);
      this.#line = edit(this.#line, first, this.#history).line;
      this.#draw();
      if (rest.length > 0) {
        this.#waiting.unshift('\r', rest.join('\r'));
        this.#next();
      }
      return;
    }
    const { line, action } = edit(this.#line, data, this.#history);
    this.#line = line;
    switch (action) {
      case 'submit':
        void this.#submit();
        return;
      case 'complete':
        void this.#complete();
        return;
      case 'interrupt':
        this.#write(`${paint('faint', '^C')}\r\n`);
        this.#line = lineOf('', this.#line);
        this.#row = 0;
        break;
      case 'clear':
        this.#xterm.clear();
        break;
      case 'bell':
      case undefined:
        break;
    }
    this.#draw();
  }

  #next(): void {
    const data = this.#waiting.shift();
    if (data !== undefined && data !== '') this.#press(data);
  }

  async #submit(): Promise<void> {
    const text = this.#line.text.trim();
    // The whole line stays to be read, and the answer begins below it.
    this.#line = { ...this.#line, cursor: this.#line.text.length };
    this.#draw();
    this.#write('\r\n');
    this.#row = 0;
    this.#history = remember(this.#history, text);
    write('history', JSON.stringify(this.#history));
    this.#line = lineOf('', this.#line);
    if (text !== '') await this.#execute(text);
    this.#draw();
    this.#next();
  }

  async #execute(text: string): Promise<void> {
    if (text === 'clear') return this.#xterm.clear();
    this.#working = true;
    try {
      const result = await this.#session.tell(this.#session.api.execute(text));
      if (result === undefined) return;
      const { failed, quit } = result;
      if (result.text !== '') this.#write(`${coloured(result.text.replace(/\n+$/, ''), failed)}\r\n`);
      if (quit) this.#write('The session goes on as long as this page is open.\r\n');
    } finally {
      this.#working = false;
    }
  }

  async #complete(): Promise<void> {
    const { text, cursor } = this.#line;
    this.#working = true;
    try {
      const fitting = await this.#session.tell(this.#session.api.complete(text.slice(0, cursor)));
      if (fitting === undefined) return;
      const { line, list } = completed(this.#line, fitting.word, fitting.words);
      this.#line = line;
      if (list.length > 0) {
        this.#write(`\r\n${columnsOf(list, this.#xterm.cols)}\r\n`);
        this.#row = 0;
      }
    } finally {
      this.#working = false;
      this.#draw();
      this.#next();
    }
  }

  #linkOutput(): void {
    this.#xterm.registerLinkProvider({
      provideLinks: (row, give) => {
        const text = this.#xterm.buffer.active.getLine(row - 1)?.translateToString(true) ?? '';
        const run = this.#session.state.position?.run ?? 0;
        give(
          linksIn(text, run).map((link) => ({
            text: text.slice(link.start, link.start + link.length),
            range: { start: { x: link.start + 1, y: row }, end: { x: link.start + link.length, y: row } },
            activate: () => {
              const { program } = this.#session.state;
              if (link.kind === 'position') void this.#session.goTo(link.position);
              else if (program !== undefined) this.#session.show(program, link.insn);
            },
          })),
        );
      },
    });
  }
}
