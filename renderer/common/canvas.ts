/** A canvas that fills its box, sharp on any display, drawn at most once a frame and only when something has changed. */
import type { ShallowRef } from 'vue';
import { onBeforeUnmount, onMounted, shallowRef } from 'vue';

export interface CanvasSize {
  /** CSS pixels. */
  readonly width: number;
  readonly height: number;
}

export interface Canvas {
  readonly size: Readonly<ShallowRef<CanvasSize>>;
  /** Draws with the next frame. */
  invalidate(): void;
}

/** `draw` works in CSS pixels; what was there before is still there when it is called. */
export function useCanvas(
  element: Readonly<ShallowRef<HTMLCanvasElement | null>>,
  draw: (context: CanvasRenderingContext2D, size: CanvasSize) => void,
): Canvas {
  const size = shallowRef<CanvasSize>({ width: 0, height: 0 });
  let context: CanvasRenderingContext2D | null = null;
  let frame = 0;
  const now = (): void => {
    frame = 0;
    const canvas = element.value;
    const { width, height } = size.value;
    if (canvas === null || width === 0 || height === 0) return;
    const ratio = window.devicePixelRatio;
    const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== wide || canvas.height !== high) [canvas.width, canvas.height] = [wide, high];
    // Nothing shines through, which saves blending the whole area in each frame.
    context ??= canvas.getContext('2d', { alpha: false });
    if (context === null) return;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    // Words are code: `!=` stays two letters. It is the fast way to draw them, too.
    context.textRendering = 'optimizeSpeed';
    draw(context, size.value);
  };
  const invalidate = (): void => {
    if (frame === 0) frame = requestAnimationFrame(now);
  };
  const observer = new ResizeObserver(([entry]) => {
    if (entry === undefined) return;
    const { width, height } = entry.contentRect;
    size.value = { width, height };
    // At once: a canvas that has got another size is empty until it is drawn.
    cancelAnimationFrame(frame);
    now();
  });
  onMounted(() => {
    if (element.value !== null) observer.observe(element.value);
  });
  onBeforeUnmount(() => {
    observer.disconnect();
    cancelAnimationFrame(frame);
  });
  return { size, invalidate };
}
