/** The pointer on the timeline: dragging moves, with shift it selects; the wheel zooms; what is neither is a click. */
import type { Ref } from 'vue';
import { onScopeDispose, ref } from 'vue';

export interface GestureTarget {
  /** By so many pixels. */
  pan(dx: number, dy: number): void;
  /** `factor` below 1 looks closer; around the pixel `x`. */
  zoom(factor: number, x: number): void;
  /** A range between two pixels is marked; `done` when the pointer was let go. */
  select(from: number, to: number, done: boolean): void;
  click(x: number, y: number): void;
  fit(x: number, y: number): void;
  hover(x: number, y: number): void;
  leave(): void;
}

/** What moves less than this is a click. */
const CLICK = 4;
/** A notch of a wheel, 100 pixels, zooms by a fifth or so. */
const WHEEL = 0.0022;
const LINE = 20;
const PAGE = 400;

export interface Gestures {
  readonly dragging: Ref<'pan' | 'select' | undefined>;
  down(event: PointerEvent): void;
  move(event: PointerEvent): void;
  up(event: PointerEvent): void;
  cancel(): void;
  leave(): void;
  wheel(event: WheelEvent): void;
  double(event: MouseEvent): void;
}

export function useGestures(target: GestureTarget): Gestures {
  const dragging = ref<'pan' | 'select'>();
  let start: { readonly x: number; readonly y: number; readonly shift: boolean } | undefined;
  let last = { x: 0, y: 0 };
  const cancel = (): void => {
    start = undefined;
    dragging.value = undefined;
  };
  onScopeDispose(cancel);
  return {
    dragging,
    down(event) {
      if (event.button !== 0 || !(event.currentTarget instanceof Element)) return;
      event.currentTarget.setPointerCapture(event.pointerId);
      start = { x: event.offsetX, y: event.offsetY, shift: event.shiftKey };
      last = { x: event.offsetX, y: event.offsetY };
    },
    move(event) {
      const { offsetX: x, offsetY: y } = event;
      if (start === undefined) {
        target.hover(x, y);
        return;
      }
      if (dragging.value === undefined) {
        if (Math.hypot(x - start.x, y - start.y) < CLICK) return;
        dragging.value = start.shift ? 'select' : 'pan';
        target.leave();
      }
      if (dragging.value === 'pan') target.pan(x - last.x, y - last.y);
      else target.select(start.x, x, false);
      last = { x, y };
    },
    up(event) {
      if (start === undefined) return;
      const { offsetX: x, offsetY: y } = event;
      if (dragging.value === 'select') target.select(start.x, x, true);
      // The second click of two is part of a double click.
      else if (dragging.value === undefined && event.detail < 2) target.click(x, y);
      cancel();
    },
    cancel,
    leave: () => target.leave(),
    wheel(event) {
      const unit = event.deltaMode === 1 ? LINE : event.deltaMode === 2 ? PAGE : 1;
      const [dx, dy] = [event.deltaX * unit, event.deltaY * unit];
      if (event.altKey) target.pan(0, -dy);
      else if (event.shiftKey || Math.abs(dx) > Math.abs(dy)) target.pan(-(dx === 0 ? dy : dx), 0);
      else target.zoom(Math.exp(Math.max(-300, Math.min(300, dy)) * WHEEL), event.offsetX);
    },
    double: (event) => target.fit(event.offsetX, event.offsetY),
  };
}
