/** Which of two colours can be read on a third: for words on bars, whose colours differ between themes. */

/** Relative luminance of `#rrggbb` or `#rgb`, as WCAG 2 defines it. What is no such colour counts as black. */
export function luminance(colour: string): number {
  // Built style sheets have the short form wherever there is one.
  const long = colour.replace(/^#([0-9a-f])([0-9a-f])([0-9a-f])$/i, '#$1$1$2$2$3$3');
  const match = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(long);
  if (match === null) return 0;
  const [red, green, blue] = match.slice(1).map((part) => {
    const share = Number.parseInt(part, 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}

/** From 1, the same, to 21, black and white; 4.5 can be read. */
export function contrast(a: string, b: string): number {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light! + 0.05) / (dark! + 0.05);
}

/** The one that can be read best. */
export function readableOn(background: string, colours: readonly string[]): string {
  return colours.reduce((best, colour) => (contrast(colour, background) > contrast(best, background) ? colour : best));
}
