/**
 * What a frame draws, in pixels: rectangles by colour, labels, points. Whatever is narrower than a pixel is joined with its
 * neighbours, so that the number of rectangles depends on the window and not on the run.
 */
import type { CallSpan, PointMark, ResourceSpan } from '../../../core/protocol/timeline.ts';
import { resourceState } from './hit.ts';
import type { Lane, Lanes, Picture } from './picture.ts';
import { LEFT, RIGHT, ROW_GAP, endOf, lowerBound, spansIn } from './picture.ts';
import type { Range } from './scale.ts';
import { xOf } from './scale.ts';

export type Paint =
  | 'call-0'
  | 'call-1'
  | 'call-2'
  | 'exception'
  | 'held'
  | 'later'
  | 'released'
  | 'unwound'
  | 'cap'
  | 'counted'
  | 'highlight';

/** Drawn as a line around; the others are filled. */
export const OUTLINED: ReadonlySet<Paint> = new Set(['released', 'unwound', 'highlight']);

/** Rectangles in one array, four numbers each: x, y, width, height. */
export class Rects {
  data = new Float32Array(256);
  length = 0;

  add(x: number, y: number, width: number, height: number): void {
    if (this.length * 4 === this.data.length) {
      const more = new Float32Array(this.data.length * 2);
      more.set(this.data);
      this.data = more;
    }
    this.data.set([x, y, width, height], this.length++ * 4);
  }
}

export interface Label {
  /** Middle of the text, and middle of the line. */
  readonly x: number;
  readonly y: number;
  readonly text: string;
  /** What it stands on. */
  readonly on: Paint | 'panel';
}

export type PointShape = 'dot' | 'acquire' | 'square' | 'triangle';

export interface Scene {
  readonly rects: Map<Paint, Rects>;
  readonly labels: Label[];
  readonly points: { readonly x: number; readonly y: number; readonly shape: PointShape; readonly count: number }[];
  /** Throws: x and width of bands from top to bottom. */
  readonly bands: { readonly x: number; readonly width: number }[];
  /** Where single events were only counted: nothing that is not drawn there has not happened. */
  readonly zones: readonly { readonly x: number; readonly width: number; readonly text: string }[];
  /** All rectangles. */
  count: number;
}

export interface SceneOptions {
  readonly view: Range;
  /** Of the canvas, in CSS pixels. */
  readonly width: number;
  /** Of the part with the lanes. */
  readonly height: number;
  readonly scrolled: number;
  /** The present tick. */
  readonly now: number | undefined;
  /** The resource that the pointer is on. */
  readonly highlighted: number | undefined;
  /** Pixels of a letter: all are equally wide. */
  readonly glyph: number;
  /** Nothing better is on its way. */
  readonly isFinal: boolean;
}

/** More than this is not drawn in a frame: then rectangles are joined over two pixels, or four, … */
export const MOST_RECTS = 20_000;
const LABEL_LEAST = 26;
const LABEL_PADDING = 8;

interface Plot extends SceneOptions {
  readonly lanes: Lanes;
  readonly left: number;
  readonly right: number;
  /** What is narrower, in pixels, is joined. */
  readonly grain: number;
}

/** `pictures` from the back to the front: each is drawn where none of those after it knows better. */
export function sceneOf(pictures: readonly Picture[], lanes: Lanes, options: SceneOptions): Scene {
  for (let grain = 1; ; grain *= 2) {
    const plot = { ...options, lanes, left: LEFT, right: options.width - RIGHT, grain };
    const parts = partsOf(pictures, options.view);
    const zones = zonesOf(parts, plot);
    const scene: Scene = { rects: new Map(), labels: [], points: [], bands: [], zones, count: 0 };
    for (const { picture, range } of parts) addPicture(scene, picture, range, plot);
    if (scene.count <= MOST_RECTS || grain >= 64) return scene;
  }
}

/** Which picture is drawn where: the last one that covers a place. */
export function partsOf(
  pictures: readonly Picture[],
  view: Range,
): { readonly picture: Picture; readonly range: Range }[] {
  const front = pictures.at(-1);
  if (front === undefined) return [];
  const from = Math.max(view.from, front.view.from);
  // Beyond the run's last moment nobody knows more.
  const to = front.view.to >= front.view.last ? view.to : Math.min(view.to, front.view.to);
  const rest = pictures.slice(0, -1);
  if (from >= to) return partsOf(rest, view);
  return [
    ...(view.from < from ? partsOf(rest, { from: view.from, to: from }) : []),
    { picture: front, range: { from, to } },
    ...(to < view.to ? partsOf(rest, { from: to, to: view.to }) : []),
  ];
}

/** What a zone says, from the longest to the shortest. */
const ZONE_TEXTS = [
  'single calls were only counted here · zoom in to see them',
  'only counted here · zoom in',
  'zoom in',
] as const;

function zonesOf(
  parts: readonly { readonly picture: Picture; readonly range: Range }[],
  { view, left, right, glyph, isFinal }: Plot,
): Scene['zones'] {
  const zones: { x: number; width: number }[] = [];
  for (const { picture, range } of parts) {
    const { countedFrom, last } = picture.view;
    const [from, to] = [Math.max(range.from, countedFrom ?? Infinity), Math.min(range.to, last)];
    if (from >= to) continue;
    const x = Math.max(left, xOf(from, view, left, right - left));
    const width = Math.min(right, xOf(to, view, left, right - left)) - x;
    const before = zones.at(-1);
    // Where two pictures meet there is one zone.
    if (before !== undefined && Math.abs(before.x + before.width - x) < 1) before.width += width;
    else if (width > 0) zones.push({ x, width });
  }
  return zones.map((zone) => {
    const letters = Math.floor((zone.width - 2 * LABEL_PADDING) / glyph);
    const texts = isFinal ? ZONE_TEXTS : (['looking closer …'] as const);
    return { ...zone, text: texts.find(({ length }) => length <= letters) ?? '' };
  });
}

function addRect(scene: Scene, paint: Paint, x: number, y: number, width: number, height: number): void {
  let rects = scene.rects.get(paint);
  if (rects === undefined) scene.rects.set(paint, (rects = new Rects()));
  rects.add(x, y, width, height);
  scene.count++;
}

function addPicture(scene: Scene, picture: Picture, range: Range, plot: Plot): void {
  const { lanes, scrolled, height } = plot;
  const inSight = (y: number, { rowHeight }: Lane): boolean => y + rowHeight > 0 && y < height;
  for (const [depth, row] of picture.calls.entries()) {
    const y = lanes.calls.top + depth * lanes.calls.rowHeight - scrolled;
    if (inSight(y, lanes.calls)) addCalls(scene, row, range, y, plot);
  }
  addPoints(scene, picture.points, range, lanes.points.top + lanes.points.rowHeight / 2 - scrolled, plot);
  if (lanes.counted.rows > 0) addCounted(scene, picture, range, lanes.counted.top - scrolled, plot);
  for (const [number, row] of picture.resources.entries()) {
    const y = lanes.resources.top + number * lanes.resources.rowHeight - scrolled;
    if (inSight(y, lanes.resources)) addResources(scene, row, range, y, plot);
  }
  const [first, end] = spansIn(picture.throws, range);
  let last = -Infinity;
  for (let i = first; i < end; i++) {
    const [x, right] = edges(picture.throws[i]!, range, plot);
    if (right - last < plot.grain) continue;
    scene.bands.push({ x, width: Math.max(1.5, right - x) });
    last = right;
    scene.count++;
  }
}

/** Left and right of a span, as far as it is inside of the range and of what is in sight. */
function edges(span: { readonly from: number; readonly to?: number }, range: Range, plot: Plot): [number, number] {
  const { view, left, right } = plot;
  const width = right - left;
  const from = xOf(Math.max(span.from, range.from), view, left, width);
  return [Math.max(from, left), Math.min(xOf(Math.min(endOf(span), range.to), view, left, width), right)];
}

/** Goes through a row, and tells wide spans one by one, and runs of narrow ones as a block. */
function addRow<Span extends { readonly from: number; readonly to?: number }>(
  row: readonly Span[],
  range: Range,
  plot: Plot,
  wide: (span: Span, x: number, right: number) => void,
  block: (first: Span, x: number, right: number) => void,
): void {
  const [first, end] = spansIn(row, range);
  const { grain } = plot;
  let open: Span | undefined;
  let openX = 0;
  let openRight = 0;
  const flush = (): void => {
    if (open !== undefined) block(open, openX, Math.max(openRight, openX + 1));
    open = undefined;
  };
  for (let i = first; i < end; i++) {
    const span = row[i]!;
    const [x, right] = edges(span, range, plot);
    if (right - x >= grain) {
      flush();
      wide(span, x, right);
      continue;
    }
    if (open !== undefined && x - openRight < grain) {
      openRight = Math.max(openRight, right, Math.floor(x) + 1);
      continue;
    }
    flush();
    open = span;
    openX = Math.floor(x);
    openRight = Math.max(right, openX + grain);
  }
  flush();
}

/** A pixel between neighbours that are wide enough to be told apart. */
const gap = (width: number): number => (width > 3 ? 1 : 0);

const CALL_PREFIX: Readonly<Record<CallSpan['kind'], string>> = {
  program: '',
  subprogram: '',
  callback: '↺ ',
  exception: 'ƒ ',
  attached: '@ ',
};

function callPaint({ kind, depth }: CallSpan): Paint {
  if (kind === 'exception') return 'exception';
  return depth % 3 === 0 ? 'call-0' : depth % 3 === 1 ? 'call-1' : 'call-2';
}

function addCalls(scene: Scene, row: readonly CallSpan[], range: Range, y: number, plot: Plot): void {
  const height = plot.lanes.calls.rowHeight - ROW_GAP;
  const add = (span: CallSpan, x: number, right: number): void =>
    addRect(scene, callPaint(span), x, y, Math.max(right - x - gap(right - x), 0.75), height);
  addRow(
    row,
    range,
    plot,
    (span, x, right) => {
      add(span, x, right);
      const name = `${CALL_PREFIX[span.kind]}${span.name}`;
      addLabel(
        scene,
        [span.count > 1 ? `${span.count.toLocaleString('en-US')} × ${name}` : name],
        x,
        right,
        y + height / 2,
        callPaint(span),
        plot,
      );
    },
    add,
  );
}

function addResources(scene: Scene, row: readonly ResourceSpan[], range: Range, y: number, plot: Plot): void {
  const { now, highlighted } = plot;
  const height = plot.lanes.resources.rowHeight - ROW_GAP - 1;
  const paintOf = (span: ResourceSpan): Paint => {
    const state = resourceState(span, now);
    return state === 'released' ? (span.unwound ? 'unwound' : 'released') : state;
  };
  const add = (span: ResourceSpan, x: number, right: number): Paint => {
    const paint = paintOf(span);
    const width = Math.max(right - x - gap(right - x), 0.75);
    // A line around something so narrow would be nothing but a line.
    const isNarrow = OUTLINED.has(paint) && width < 4;
    addRect(scene, isNarrow ? 'held' : paint, x, y, width, height);
    if (span.unwound && width >= 4 && endOf(span) <= range.to) addRect(scene, 'cap', x + width - 3, y, 3, height);
    if (span.id === highlighted) addRect(scene, 'highlight', x - 1, y - 1, width + 2, height + 2);
    return paint;
  };
  addRow(
    row,
    range,
    plot,
    (span, x, right) => {
      const paint = add(span, x, right);
      const name = span.count > 1 ? `${span.count.toLocaleString('en-US')} × ${span.name}` : span.name;
      const texts = OUTLINED.has(paint) && span.endsAfter === undefined ? [`${name} · released`, name] : [name];
      addLabel(scene, texts, x, right, y + height / 2, paint === 'held' ? paint : 'panel', plot);
    },
    add,
  );
}

/** The first of the texts that there is room for, else as much of the last one as there is; centred in what is in sight of the bar. */
function addLabel(
  scene: Scene,
  texts: readonly string[],
  x: number,
  right: number,
  /** Middle of the line. */
  y: number,
  on: Label['on'],
  { glyph }: Plot,
): void {
  const room = right - x - LABEL_PADDING;
  if (room + LABEL_PADDING < LABEL_LEAST) return;
  const letters = Math.floor(room / glyph);
  const text = texts.find(({ length }) => length <= letters) ?? shortened(texts.at(-1) ?? '', letters);
  if (text !== '') scene.labels.push({ x: (x + right) / 2, y, text, on });
}

export function shortened(text: string, letters: number): string {
  if (text.length <= letters) return text;
  return letters < 3 ? '' : `${text.slice(0, letters - 1)}…`;
}

function shapeOf({ kind, acquires }: PointMark): PointShape {
  if (acquires) return 'acquire';
  if (kind === 'print') return 'triangle';
  return kind === 'lock' || kind === 'map' ? 'square' : 'dot';
}

/** Points that nobody could tell apart are one. */
const POINT_GRAIN = 3;

function addPoints(scene: Scene, points: readonly PointMark[], range: Range, y: number, plot: Plot): void {
  const { view, left, right, grain } = plot;
  const end = lowerBound(points, ({ tick }) => tick > range.to);
  const last = new Map<PointShape, number>();
  for (let i = lowerBound(points, ({ tick }) => tick >= range.from); i < end; i++) {
    const point = points[i]!;
    const shape = shapeOf(point);
    const x = xOf(point.tick, view, left, right - left);
    if (x - (last.get(shape) ?? -Infinity) < POINT_GRAIN * grain) continue;
    last.set(shape, x);
    scene.points.push({ x, y, shape, count: point.count });
    scene.count++;
  }
}

/** Bars of how much happened, of a run in which single events were only counted. */
function addCounted(scene: Scene, { view: { from, to, density } }: Picture, range: Range, y: number, plot: Plot): void {
  if (density.length === 0) return;
  const most = Math.max(1, ...density);
  const stretch = (to - from) / density.length;
  const first = Math.max(0, Math.floor((range.from - from) / stretch));
  const end = Math.min(density.length, Math.ceil((range.to - from) / stretch));
  const { height, width } = { height: plot.lanes.counted.rowHeight, width: plot.right - plot.left };
  // Columns of a pixel at least, each as high as the densest stretch in it.
  let column = -Infinity;
  let tallest = 0;
  const flush = (right: number): void => {
    if (tallest > 0) addRect(scene, 'counted', column, y + height - tallest, Math.max(1, right - column), tallest);
    tallest = 0;
  };
  for (let i = first; i < end; i++) {
    const x = Math.round(Math.max(plot.left, xOf(from + i * stretch, plot.view, plot.left, width)));
    if (x - column >= 2 * plot.grain) {
      flush(x);
      column = x;
    }
    tallest = Math.max(tallest, Math.sqrt((density[i] ?? 0) / most) * height);
  }
  flush(Math.min(plot.right, xOf(from + end * stretch, plot.view, plot.left, width)));
}
