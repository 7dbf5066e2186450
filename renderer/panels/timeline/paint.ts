/** Puts a scene onto a canvas. Everything has been decided before; here are only colours, lines and letters. */
import type { TimelineMark } from '../../../core/protocol/timeline.ts';
import { readableOn } from '../../common/contrast.ts';
import type { Palette } from '../../common/palette.ts';
import type { Lanes } from './picture.ts';
import { AXIS_HEIGHT, LEFT, RIGHT } from './picture.ts';
import type { Range } from './scale.ts';
import { axisTicks, xOf } from './scale.ts';
import type { Label, Paint, PointShape, Scene } from './scene.ts';
import { OUTLINED } from './scene.ts';

export const COLOURS = [
  'panel',
  'line',
  'line2',
  'text',
  'dim',
  'faint',
  'here',
  'throw',
  'held',
  'warn',
  'call-0',
  'call-1',
  'call-2',
  'on-bar',
  'mono',
  'ui',
] as const;

export type Colours = Palette<(typeof COLOURS)[number]>;

export interface Drawing {
  readonly scene: Scene;
  readonly lanes: Lanes;
  readonly view: Range;
  readonly width: number;
  readonly height: number;
  readonly scrolled: number;
  readonly now: number | undefined;
  readonly isUnwinding: boolean;
  readonly selected: Range | undefined;
  readonly marks: readonly TimelineMark[];
}

/** Letters of the bars, and of the axis. */
export const fontOf = (colours: Colours): string => `11px ${colours.mono}`;

const FILL: Readonly<Record<Paint, keyof Colours>> = {
  'call-0': 'call-0',
  'call-1': 'call-1',
  'call-2': 'call-2',
  exception: 'throw',
  held: 'held',
  later: 'held',
  released: 'held',
  unwound: 'held',
  cap: 'throw',
  counted: 'faint',
  highlight: 'text',
};

/** In this order: what comes later lies above. */
const ORDER: readonly Paint[] = [
  'counted',
  'call-0',
  'call-1',
  'call-2',
  'exception',
  'later',
  'held',
  'released',
  'unwound',
  'cap',
  'highlight',
];

const LATER = 0.3;
const COUNTED = 0.5;
const BAND = 0.2;
const SELECTION = 0.16;
/** Round corners are for bars that are looked at one by one. */
const ROUND_BELOW = 1500;

export function paint(context: CanvasRenderingContext2D, drawing: Drawing, colours: Colours): void {
  const { scene, width, height, scrolled, lanes } = drawing;
  context.fillStyle = colours.panel;
  context.fillRect(0, 0, width, height);
  context.save();
  context.beginPath();
  context.rect(LEFT - 1, 0, width - LEFT - RIGHT + 2, height);
  context.clip();
  paintGrid(context, drawing, colours);
  context.translate(0, AXIS_HEIGHT);
  context.save();
  context.beginPath();
  context.rect(0, 0, width, height - AXIS_HEIGHT);
  context.clip();
  paintZones(context, drawing, colours);
  paintBands(context, drawing, colours);
  for (const kind of ORDER) paintRects(context, scene, kind, colours);
  paintPoints(context, scene, colours);
  paintLabels(context, scene, colours);
  paintZoneTexts(context, drawing, colours);
  context.restore();
  context.translate(0, -AXIS_HEIGHT);
  paintSelection(context, drawing, colours);
  paintMarks(context, drawing, colours);
  paintPlayhead(context, drawing, colours);
  context.restore();
  paintNames(context, lanes, scrolled, height, colours);
}

function paintGrid(context: CanvasRenderingContext2D, { view, width, height }: Drawing, colours: Colours): void {
  const plot = width - LEFT - RIGHT;
  context.font = `11px ${colours.ui}`;
  context.textAlign = 'left';
  context.textBaseline = 'middle';
  const ticks = axisTicks(view, plot);
  context.fillStyle = colours.line;
  for (const { tick } of ticks) context.fillRect(Math.round(xOf(tick, view, LEFT, plot)), 18, 1, height - 18);
  context.fillStyle = colours.faint;
  for (const { tick, label } of ticks) {
    const x = Math.round(xOf(tick, view, LEFT, plot)) + 3;
    // A number of which the end is missing would be another number.
    if (x + context.measureText(label).width <= width - RIGHT) context.fillText(label, x, 10);
  }
}

const STRIPES = 9;

/** What is only counted is hatched, but for the lane that says how much it is. */
function paintZones(
  context: CanvasRenderingContext2D,
  { scene, lanes, scrolled, height }: Drawing,
  colours: Colours,
): void {
  const { calls, counted } = lanes;
  context.strokeStyle = colours.line2;
  context.lineWidth = 1;
  for (const { x, width } of scene.zones) {
    context.save();
    context.beginPath();
    context.rect(x, calls.top + calls.rowHeight - scrolled, width, counted.top - calls.top - calls.rowHeight);
    context.rect(x, counted.top + counted.rowHeight - scrolled, width, Math.max(height, lanes.height));
    context.clip();
    context.beginPath();
    // Stripes stand still on the picture while it is moved over them.
    for (let at = Math.floor((x - height) / STRIPES) * STRIPES; at < x + width; at += STRIPES) {
      context.moveTo(at, height);
      context.lineTo(at + height, 0);
    }
    context.stroke();
    context.restore();
  }
}

function paintZoneTexts(
  context: CanvasRenderingContext2D,
  { scene, lanes, scrolled }: Drawing,
  colours: Colours,
): void {
  const y = lanes.points.top + lanes.points.rowHeight / 2 - scrolled;
  context.font = `11px ${colours.mono}`;
  context.textAlign = 'center';
  for (const { x, width, text } of scene.zones) {
    if (text === '') continue;
    const half = context.measureText(text).width / 2 + 8;
    context.fillStyle = colours.panel;
    context.fillRect(x + width / 2 - half, y - 9, half * 2, 18);
    context.fillStyle = colours.dim;
    context.fillText(text, x + width / 2, y + 0.5);
  }
}

function paintBands(context: CanvasRenderingContext2D, { scene, height }: Drawing, colours: Colours): void {
  context.fillStyle = colours.throw;
  context.globalAlpha = BAND;
  for (const { x, width } of scene.bands) context.fillRect(x, 0, width, height);
  context.globalAlpha = 1;
}

function paintRects(context: CanvasRenderingContext2D, scene: Scene, kind: Paint, colours: Colours): void {
  const rects = scene.rects.get(kind);
  if (rects === undefined) return;
  const { data, length } = rects;
  const colour = colours[FILL[kind]];
  if (OUTLINED.has(kind)) {
    context.strokeStyle = colour;
    context.lineWidth = kind === 'highlight' ? 2 : 1.5;
    for (let i = 0; i < length * 4; i += 4) {
      context.strokeRect(data[i]! + 0.75, data[i + 1]! + 0.75, Math.max(0.5, data[i + 2]! - 1.5), data[i + 3]! - 1.5);
    }
    return;
  }
  context.fillStyle = colour;
  context.globalAlpha = kind === 'later' ? LATER : kind === 'counted' ? COUNTED : 1;
  const isRound = scene.count < ROUND_BELOW && kind !== 'cap' && kind !== 'counted';
  for (let i = 0; i < length * 4; i += 4) {
    const [x, y, width, height] = [data[i]!, data[i + 1]!, data[i + 2]!, data[i + 3]!];
    if (!isRound || width < 8) {
      context.fillRect(x, y, width, height);
      continue;
    }
    context.beginPath();
    context.roundRect(x, y, width, height, 2);
    context.fill();
  }
  context.globalAlpha = 1;
}

const POINT_PAINT: Readonly<Record<PointShape, keyof Colours>> = {
  dot: 'dim',
  square: 'dim',
  triangle: 'warn',
  acquire: 'held',
};

/** What acquires something is a diamond, and larger. */
function paintPoints(context: CanvasRenderingContext2D, { points }: Scene, colours: Colours): void {
  for (const { x, y, shape } of points) {
    context.fillStyle = colours[POINT_PAINT[shape]];
    context.beginPath();
    switch (shape) {
      case 'dot':
        context.arc(x, y, 3.5, 0, Math.PI * 2);
        break;
      case 'square':
        context.rect(x - 3, y - 3, 6, 6);
        break;
      case 'triangle':
        context.moveTo(x, y - 4);
        context.lineTo(x + 4, y + 3.5);
        context.lineTo(x - 4, y + 3.5);
        break;
      case 'acquire':
        context.moveTo(x, y - 5);
        context.lineTo(x + 5, y);
        context.lineTo(x, y + 5);
        context.lineTo(x - 5, y);
        break;
    }
    context.fill();
  }
}

function inkOn(on: Label['on'], colours: Colours): string {
  return on === 'panel' ? colours.text : readableOn(colours[FILL[on]], [colours['on-bar'], colours.panel]);
}

function paintLabels(context: CanvasRenderingContext2D, { labels }: Scene, colours: Colours): void {
  context.font = fontOf(colours);
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  const inks = new Map<Label['on'], string>();
  for (const { on, text, x, y } of labels) {
    let ink = inks.get(on);
    if (ink === undefined) inks.set(on, (ink = inkOn(on, colours)));
    context.fillStyle = ink;
    context.fillText(text, x, y + 0.5);
  }
}

function paintSelection(
  context: CanvasRenderingContext2D,
  { selected, view, width, height }: Drawing,
  colours: Colours,
): void {
  if (selected === undefined) return;
  const plot = width - LEFT - RIGHT;
  const x = xOf(selected.from, view, LEFT, plot);
  const right = xOf(selected.to, view, LEFT, plot);
  context.fillStyle = colours.here;
  context.globalAlpha = SELECTION;
  context.fillRect(x, 0, right - x, height);
  context.globalAlpha = 1;
  context.fillRect(x, 0, 1, height);
  context.fillRect(right - 1, 0, 1, height);
}

/** A shape for each kind, since colours alone do not tell them apart. */
function paintMarks(
  context: CanvasRenderingContext2D,
  { marks, view, width, height }: Drawing,
  colours: Colours,
): void {
  const plot = width - LEFT - RIGHT;
  for (const { tick, kind } of marks) {
    if (tick < view.from || tick > view.to) continue;
    const x = Math.round(xOf(tick, view, LEFT, plot)) + 0.5;
    const y = AXIS_HEIGHT - 7;
    context.fillStyle = kind === 'bookmark' ? colours.here : kind === 'exit' ? colours.dim : colours.throw;
    context.globalAlpha = 0.5;
    context.fillRect(x - 0.5, y, 1, height - y);
    context.globalAlpha = 1;
    context.beginPath();
    switch (kind) {
      case 'bookmark':
        context.moveTo(x - 4, y - 5);
        context.lineTo(x + 4, y - 5);
        context.lineTo(x + 4, y + 5);
        context.lineTo(x, y + 1.5);
        context.lineTo(x - 4, y + 5);
        break;
      case 'breakpoint':
        context.arc(x, y, 4.5, 0, Math.PI * 2);
        break;
      case 'fault':
        context.moveTo(x, y - 5);
        context.lineTo(x + 5.5, y + 5);
        context.lineTo(x - 5.5, y + 5);
        break;
      case 'exit':
        context.rect(x - 2, y - 5, 4, 10);
        break;
    }
    context.fill();
  }
}

function paintPlayhead(context: CanvasRenderingContext2D, drawing: Drawing, colours: Colours): void {
  const { now, view, width, height, isUnwinding } = drawing;
  if (now === undefined) return;
  const x = Math.round(xOf(now, view, LEFT, width - LEFT - RIGHT));
  context.fillStyle = isUnwinding ? colours.throw : colours.here;
  context.fillRect(x - 1, 18, 2, height - 18);
  context.beginPath();
  context.moveTo(x - 5, 15);
  context.lineTo(x + 5, 15);
  context.lineTo(x, 21);
  context.fill();
}

function paintNames(
  context: CanvasRenderingContext2D,
  lanes: Lanes,
  scrolled: number,
  height: number,
  colours: Colours,
): void {
  context.save();
  context.beginPath();
  context.rect(0, AXIS_HEIGHT, LEFT, height - AXIS_HEIGHT);
  context.clip();
  context.font = `11px ${colours.ui}`;
  context.textAlign = 'left';
  context.textBaseline = 'middle';
  context.fillStyle = colours.dim;
  const name = (text: string, y: number): void => context.fillText(text, 12, AXIS_HEIGHT + y - scrolled);
  name('calls', lanes.calls.top + lanes.calls.rowHeight / 2 - 1);
  name('kfuncs', lanes.points.top + lanes.points.rowHeight / 2);
  if (lanes.counted.rows > 0) name('how much', lanes.counted.top + lanes.counted.rowHeight / 2);
  name('resources', lanes.resources.top + lanes.resources.rowHeight / 2 - 1);
  context.restore();
}
