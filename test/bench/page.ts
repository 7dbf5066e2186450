/**
 * The page in headless Chromium, on a recording of 100 M steps, a program of 100,000 instructions and its log: how soon it can be
 * used, how soon a step is seen, how smoothly pictures and lists move, and what it takes in memory. All times are taken in the
 * page itself.
 */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from '@playwright/test';
import { chromium } from '@playwright/test';
import { ObjectBuilder } from '../../core/object/testing/object-builder.ts';
import { loopSource } from '../../core/trace/testing/recordings.ts';
import { FileWriter } from '../../core/trace/file.ts';
import { record } from '../../core/trace/recording.ts';
import { bundledKernelBtf } from '../../main/kernel-btf.ts';
import { zstd } from '../../main/compression.ts';
import type { Row } from './report.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CHROMIUM = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';
/** About 8,200 steps each: 100 M in all. */
const ROUNDS = 12_200;
const INSNS = 100_000;
const STEPS = 120;
/** Besides the one that is measured on; the median counts. */
const OPENINGS = 4;
const MOVING_MS = 3000;

/** What the project promises of the page. */
const LIMITS = {
  open: 2000,
  step: 50,
  frames: 30,
  rects: 20_000,
  memory: 300,
  search: 200,
} as const;

export function whyNoPage(): string | undefined {
  return existsSync(CHROMIUM) ? undefined : `no Chromium at ${CHROMIUM} (apt-get install chromium)`;
}

export async function benchPage(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'bailout-bench-'));
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-sync', '--no-first-run'],
  });
  try {
    const recording = join(folder, 'loop.bailout');
    writeRecordingOf(recording);
    const program = join(folder, 'large.bpf.o');
    writeFileSync(program, largeObject());
    return [...(await onRecording(browser, recording)), ...(await onProgram(browser, program))];
  } finally {
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

// ---- what is looked at --------------------------------------------------------------------------------------------------

function writeRecordingOf(path: string): void {
  const parts: Uint8Array[] = [];
  const writer = new FileWriter((bytes) => parts.push(bytes.slice()), zstd);
  record(loopSource(ROUNDS), { kernelBtf: bundledKernelBtf(), writer });
  writeFileSync(path, Buffer.concat(parts));
}

/** A program with as many instructions as asked; its log at level 2 has a line and more for each. */
function largeObject(): Uint8Array {
  const object = new ObjectBuilder();
  const body = Array.from({ length: INSNS - 3 }, (_, i) => (i % 5 === 4 ? 'r6 = r7' : `r7 += ${i}`));
  object.function('xdp', 'large', ['r7 = 0', ...body, 'r0 = 2', 'exit'].join('\n'));
  return object.bytes();
}

async function serve(file: string): Promise<{ readonly address: string; readonly child: ChildProcess }> {
  const child = spawn(process.execPath, [join(ROOT, 'dist/bailout.mjs'), 'serve', '--port', '0', file], { cwd: ROOT });
  const address = await new Promise<string>((resolve, reject) => {
    let said = '';
    child.stdout.on('data', (data: Buffer) => {
      said += data.toString();
      const match = /(http:\/\/\S+)/.exec(said);
      if (match?.[1] !== undefined) resolve(match[1]);
    });
    child.on('exit', () => reject(new Error(`bailout serve ended:\n${said}`)));
  });
  return { address, child };
}

async function open(browser: Browser, address: string): Promise<{ readonly page: Page; readonly interactive: number }> {
  const context = await browser.newContext({ viewport: { width: 1600, height: 1000 } });
  const page = await context.newPage();
  await page.goto(address);
  // From the beginning of the navigation until code and timeline are drawn.
  const interactive = await page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        const look = (): void => {
          const canvas = document.querySelector<HTMLElement>('[data-panel="timeline"] canvas');
          const rows = document.querySelectorAll('[data-panel="code"] [role="row"]').length;
          const isReady =
            document.querySelector('[data-session="open"]') !== null &&
            rows > 5 &&
            Number(canvas?.dataset['rects']) > 0;
          if (isReady) requestAnimationFrame(() => setTimeout(() => resolve(performance.now())));
          else requestAnimationFrame(look);
        };
        look();
      }),
  );
  return { page, interactive };
}

// ---- measuring ----------------------------------------------------------------------------------------------------------

async function onRecording(browser: Browser, file: string): Promise<Row[]> {
  const { address, child } = await serve(file);
  try {
    const opened: number[] = [];
    for (let i = 0; i < OPENINGS; i++) {
      const { page, interactive } = await open(browser, address);
      opened.push(interactive);
      await page.context().close();
    }
    const { page, interactive } = await open(browser, address);
    opened.push(interactive);
    const steps = await stepTimes(page);
    const moved = await timelineFrames(page);
    const memory = await privateMegabytes(browser, page);
    await page.close();
    return [
      atMost(
        'page opens',
        percentile(opened, 0.5),
        'ms',
        LIMITS.open,
        'from the navigation to code and timeline drawn, a recording of 100 M steps',
      ),
      atMost(
        'a step is seen',
        percentile(steps, 0.95),
        'ms',
        LIMITS.step,
        `key to paint, p95 of ${steps.length} steps both ways; p50 ${percentile(steps, 0.5).toFixed(1)} ms`,
      ),
      atLeast(
        'timeline moves',
        moved.frames,
        'frames/s',
        LIMITS.frames,
        'panning and zooming by turns over 100 M steps, software rendering',
      ),
      atMost('rectangles in a frame', moved.rects, '', LIMITS.rects, 'the most in one frame meanwhile'),
      atMost('page in memory', memory, 'MB', LIMITS.memory, 'private memory of the renderer process after all of it'),
    ];
  } finally {
    child.kill();
  }
}

async function onProgram(browser: Browser, file: string): Promise<Row[]> {
  const { address, child } = await serve(file);
  try {
    const context = await browser.newContext({ viewport: { width: 1600, height: 1000 } });
    const page = await context.newPage();
    await page.goto(address);
    await page.locator('[data-panel="code"] [role="row"]').nth(5).waitFor();
    const codeFrames = await scrollFrames(page, '[data-panel="code"]');
    await page.locator('[data-panel="code"] [data-panel-focus]').first().focus();
    await page.keyboard.press('Control+f');
    const codeSearch = await searchTime(page, '[data-panel="code"]', 'Search source and instructions', 'r7 += 99991');

    await page.keyboard.press('Alt+1');
    // The layout shows the log twice; this one is on the screen.
    const lines = '[data-panel="log@2"]';
    await page.locator(lines).getByRole('button', { name: '2', exact: true }).click();
    await page.locator(lines).getByText('Live regs before insn').first().waitFor();
    const logFrames = await scrollFrames(page, lines);
    const logSearch = await searchTime(page, lines, 'Search the log', 'r7 += 99991');
    await page.close();
    return [
      atLeast(
        'code scrolls',
        codeFrames,
        'frames/s',
        LIMITS.frames,
        '100,000 instructions, from the first to the last',
      ),
      atMost(
        'code is searched',
        codeSearch,
        'ms',
        LIMITS.search,
        'from the last letter to the number of hits, 100,000 instructions',
      ),
      atLeast('log scrolls', logFrames, 'frames/s', LIMITS.frames, 'log of level 2, more than 100,000 lines'),
      atMost('log is searched', logSearch, 'ms', LIMITS.search, 'from the last letter to the number of hits'),
    ];
  } finally {
    child.kill();
  }
}

/** Milliseconds from a key to the paint of what it changed: forwards and backwards in turns. */
async function stepTimes(page: Page): Promise<number[]> {
  await page.keyboard.press('Alt+2');
  await page.waitForTimeout(500);
  return page.evaluate(async (count) => {
    const root = document.querySelector<HTMLElement>('[data-moment]');
    if (root === null) throw new Error('there is no page');
    const times: number[] = [];
    for (let i = 0; i < count; i++) {
      const altKey = i % 4 === 3;
      const started = performance.now();
      window.dispatchEvent(
        new KeyboardEvent('keydown', {
          key: 'F11',
          code: 'F11',
          altKey,
          ctrlKey: true,
          bubbles: true,
          cancelable: true,
        }),
      );
      // Once panels show the moment, to the end of the frame that paints them.
      await new Promise<void>((resolve) => {
        const painted = new MessageChannel();
        painted.port1.onmessage = () => resolve();
        const observer = new MutationObserver(() => {
          observer.disconnect();
          requestAnimationFrame(() => painted.port2.postMessage(undefined));
        });
        observer.observe(root, { attributes: true, attributeFilter: ['data-moment'] });
      });
      times.push(performance.now() - started);
    }
    return times;
  }, STEPS);
}

/** Frames per second while the wheel zooms and a drag pans, and the most rectangles that one of them drew. */
async function timelineFrames(page: Page): Promise<{ readonly frames: number; readonly rects: number }> {
  return page.evaluate(async (duration) => {
    const canvas = document.querySelector<HTMLCanvasElement>('[data-panel="timeline"] canvas');
    if (canvas === null) throw new Error('there is no timeline');
    const { left, top, width, height } = canvas.getBoundingClientRect();
    const started = performance.now();
    let frames = 0;
    let rects = 0;
    while (performance.now() - started < duration) {
      const turn = Math.floor((performance.now() - started) / 500) % 4;
      const place = { clientX: left + width * (0.3 + 0.1 * turn), clientY: top + height / 3 };
      const isPan = turn === 1 || turn === 3;
      canvas.dispatchEvent(
        new WheelEvent('wheel', {
          ...place,
          deltaY: isPan ? (turn === 1 ? 40 : -40) : turn === 0 ? -60 : 60,
          shiftKey: isPan,
          bubbles: true,
          cancelable: true,
        }),
      );
      await new Promise(requestAnimationFrame);
      frames++;
      rects = Math.max(rects, Number(canvas.dataset['rects'] ?? 0));
    }
    return { frames: (frames * 1000) / (performance.now() - started), rects };
  }, MOVING_MS);
}

/** Frames per second while a list is scrolled from its beginning to its end. */
async function scrollFrames(page: Page, panel: string): Promise<number> {
  return page.evaluate(
    async ([selector, duration]) => {
      const boxes = [...document.querySelectorAll<HTMLElement>(`${selector} *`)];
      const box = boxes.find(({ scrollHeight, clientHeight }) => scrollHeight > clientHeight * 20 && clientHeight > 50);
      if (box === undefined) throw new Error(`nothing scrolls in ${selector}`);
      const started = performance.now();
      let frames = 0;
      for (let gone = 0; gone < duration; gone = performance.now() - started) {
        // Slowly at first, as one reads; then over all of it.
        box.scrollTop = gone < duration / 2 ? gone : ((gone - duration / 2) / (duration / 2)) * box.scrollHeight;
        await new Promise(requestAnimationFrame);
        frames++;
      }
      return (frames * 1000) / (performance.now() - started);
    },
    [panel, MOVING_MS] as const,
  );
}

async function searchTime(page: Page, panel: string, label: string, text: string): Promise<number> {
  const field = page.locator(panel).getByLabel(label);
  await field.waitFor();
  return page.evaluate(
    async ([selector, name, wanted]) => {
      const input = document.querySelector<HTMLInputElement>(`${selector} input[aria-label="${name}"]`);
      const said = document.querySelector(`${selector} [role="status"]`);
      if (input === null) throw new Error(`there is no field ${name}`);
      input.focus();
      const started = performance.now();
      input.value = wanted;
      input.dispatchEvent(new Event('input', { bubbles: true }));
      input.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true }));
      input.form?.requestSubmit();
      await new Promise<void>((resolve, reject) => {
        const look = (): void => {
          if (/\d/.test((said ?? document.querySelector(`${selector} [role="status"]`))?.textContent ?? '')) resolve();
          else if (performance.now() - started > 10_000) reject(new Error('nothing was found'));
          else requestAnimationFrame(look);
        };
        look();
      });
      return performance.now() - started;
    },
    [panel, label, text] as const,
  );
}

/** What only the page's process has, in MB: code shared with other processes is not the page's. */
async function privateMegabytes(browser: Browser, page: Page): Promise<number> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = (await session.send('SystemInfo.getProcessInfo')) as {
    processInfo: { type: string; id: number; cpuTime: number }[];
  };
  await page.bringToFront();
  const renderers = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => privateOf(id));
  return Math.max(...renderers);
}

function privateOf(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kilobytes = [...rollup.matchAll(/^Private_\w+:\s+(\d+) kB$/gm)].reduce(
    (sum, match) => sum + Number(match[1]),
    0,
  );
  return kilobytes / 1024;
}

// ---- rows ---------------------------------------------------------------------------------------------------------------

function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0;
}

function atMost(name: string, value: number, unit: string, limit: number, what: string): Row {
  return {
    name,
    value,
    text: said(value, unit),
    limit: { kind: 'at most', value: limit, text: said(limit, unit) },
    what,
  };
}

function atLeast(name: string, value: number, unit: string, limit: number, what: string): Row {
  return {
    name,
    value,
    text: said(value, unit),
    limit: { kind: 'at least', value: limit, text: said(limit, unit) },
    what,
  };
}

function said(value: number, unit: string): string {
  const digits = value < 100 && !Number.isInteger(value) ? 1 : 0;
  const number = value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return unit === '' ? number : `${number} ${unit}`;
}
