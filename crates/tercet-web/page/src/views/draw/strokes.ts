// Strokes: a drawing as points, so that an address can hold it.

/** Points are whole numbers from 0 to SIDE. */
export const SIDE = 280;

export interface Stroke {
  /** The width of the pen. */
  width: number;
  /** x and y in turn. */
  points: number[];
}

/** Draws strokes, scaled, as smooth curves through the midpoints between points. */
export function paint(
  context: CanvasRenderingContext2D,
  strokes: Stroke[],
  scale: number,
  ink: string,
): void {
  context.strokeStyle = ink;
  context.fillStyle = ink;
  context.lineCap = "round";
  context.lineJoin = "round";
  for (const { width, points } of strokes) {
    const at = (i: number): [number, number] => [
      (points[2 * i] ?? 0) * scale,
      (points[2 * i + 1] ?? 0) * scale,
    ];
    const count = points.length / 2;
    const [x, y] = at(0);
    context.beginPath();
    if (count === 1) {
      context.arc(x, y, (width * scale) / 2, 0, 2 * Math.PI);
      context.fill();
      continue;
    }
    context.lineWidth = width * scale;
    context.moveTo(x, y);
    for (let i = 1; i < count - 1; i++) {
      const [cx, cy] = at(i);
      const [nx, ny] = at(i + 1);
      context.quadraticCurveTo(cx, cy, (cx + nx) / 2, (cy + ny) / 2);
    }
    const [lx, ly] = at(count - 1);
    context.lineTo(lx, ly);
    context.stroke();
  }
}

/** Strokes as text for an address: widths, then steps from point to point, as zigzag varints in base64. */
export function encode(strokes: Stroke[]): string {
  const bytes: number[] = [];
  const put = (value: number) => {
    let left = value < 0 ? -2 * value - 1 : 2 * value;
    while (left > 127) {
      bytes.push((left & 127) | 128);
      left >>= 7;
    }
    bytes.push(left);
  };
  for (const { width, points } of strokes) {
    put(width);
    put(points.length / 2);
    let [x, y] = [0, 0];
    for (let i = 0; i < points.length; i += 2) {
      const [nx, ny] = [points[i] ?? 0, points[i + 1] ?? 0];
      put(nx - x);
      put(ny - y);
      [x, y] = [nx, ny];
    }
  }
  return btoa(String.fromCharCode(...bytes))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");
}

/** The strokes in a text, up to the first error. */
export function decode(text: string): Stroke[] {
  let bytes: number[];
  try {
    bytes = Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
  } catch {
    return [];
  }
  let at = 0;
  const take = (): number => {
    let [value, shift] = [0, 0];
    for (;;) {
      const byte = bytes[at++];
      if (byte === undefined) throw new RangeError("the text ends too early");
      value |= (byte & 127) << shift;
      if (byte < 128) return value & 1 ? -(value + 1) / 2 : value / 2;
      shift += 7;
    }
  };
  const strokes: Stroke[] = [];
  const inside = (v: number) => Math.min(SIDE, Math.max(0, v));
  try {
    while (at < bytes.length) {
      const stroke: Stroke = { width: Math.min(80, Math.max(1, take())), points: [] };
      const count = take();
      let [x, y] = [0, 0];
      for (let i = 0; i < count; i++) {
        x += take();
        y += take();
        stroke.points.push(inside(x), inside(y));
      }
      if (stroke.points.length) strokes.push(stroke);
    }
  } catch {
    // The strokes before the error are kept.
  }
  return strokes;
}

/** An example of each digit. */
export const EXAMPLES: Stroke[][] = [
  [[140, 60, 105, 75, 85, 120, 85, 165, 105, 215, 142, 226, 178, 210, 196, 165, 192, 115, 172, 72, 136, 60]],
  [[118, 92, 142, 66, 142, 140, 140, 222]],
  [[88, 104, 104, 70, 144, 58, 180, 78, 182, 112, 156, 150, 118, 190, 88, 220, 130, 216, 196, 218]],
  [[92, 76, 130, 58, 172, 72, 176, 106, 140, 132, 116, 136, 150, 138, 186, 164, 180, 208, 136, 226, 88, 210]],
  [
    [118, 60, 104, 110, 88, 152, 140, 152, 200, 148],
    [164, 96, 158, 150, 154, 226],
  ],
  [[184, 62, 140, 62, 106, 64, 102, 104, 98, 134, 136, 122, 176, 142, 184, 180, 160, 218, 118, 224, 88, 206]],
  [[166, 58, 122, 98, 96, 150, 96, 196, 124, 226, 164, 218, 184, 184, 164, 152, 128, 154, 102, 184]],
  [[84, 72, 130, 68, 192, 66, 170, 112, 146, 160, 130, 226]],
  [
    [
      172, 82, 140, 58, 104, 76, 106, 112, 142, 136, 178, 164, 180, 206, 144, 226, 104, 208, 102, 168, 136,
      138, 170, 112, 172, 82,
    ],
  ],
  [[178, 96, 152, 60, 112, 70, 98, 108, 118, 138, 154, 132, 178, 98, 176, 150, 166, 226]],
].map((strokes) => strokes.map((points) => ({ width: 20, points })));
