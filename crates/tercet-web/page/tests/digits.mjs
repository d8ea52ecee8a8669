// Sixty drawn digits: two handwritings, and six variations of each digit. Points are in a square of 100.

const HANDS = [
  [
    [[50, 8, 28, 16, 18, 45, 22, 78, 45, 94, 70, 84, 82, 52, 76, 20, 56, 8, 46, 9]],
    [[36, 24, 54, 8, 53, 50, 52, 94]],
    [[20, 30, 30, 10, 56, 6, 76, 20, 72, 44, 48, 68, 18, 92, 48, 90, 86, 92]],
    [[22, 14, 48, 6, 74, 16, 74, 34, 46, 46, 72, 54, 82, 74, 62, 92, 34, 94, 18, 84]],
    [
      [40, 6, 30, 32, 18, 58, 52, 58, 88, 56],
      [68, 28, 66, 60, 62, 96],
    ],
    [[78, 8, 52, 8, 32, 8, 29, 26, 26, 42, 52, 38, 76, 50, 78, 72, 60, 92, 34, 94, 18, 84]],
    [[68, 6, 42, 28, 26, 58, 30, 84, 52, 95, 74, 84, 76, 64, 56, 52, 36, 60, 28, 74]],
    [[16, 12, 50, 10, 86, 8, 68, 40, 52, 68, 44, 95]],
    [[74, 18, 52, 6, 28, 16, 28, 34, 52, 48, 76, 66, 74, 86, 50, 95, 26, 84, 28, 66, 50, 48, 72, 34, 75, 20]],
    [[76, 24, 56, 6, 30, 14, 26, 36, 42, 50, 64, 42, 76, 24, 75, 56, 68, 95]],
  ],
  [
    [[58, 6, 34, 12, 22, 40, 28, 72, 46, 92, 66, 92, 80, 66, 80, 36, 68, 12, 52, 6]],
    [[50, 6, 50, 36, 50, 68, 50, 95]],
    [[24, 22, 40, 6, 64, 8, 74, 26, 64, 52, 40, 76, 24, 92, 36, 84, 52, 88, 80, 92]],
    [[26, 10, 54, 8, 76, 10, 58, 30, 46, 42, 66, 46, 80, 64, 74, 86, 48, 96, 22, 88]],
    [
      [26, 8, 24, 34, 24, 52, 48, 54, 78, 50],
      [76, 8, 74, 46, 72, 96],
    ],
    [
      [34, 10, 32, 30, 30, 46, 54, 42, 74, 54, 74, 78, 52, 94, 24, 90],
      [34, 10, 58, 10, 80, 8],
    ],
    [[56, 6, 36, 34, 26, 66, 36, 90, 58, 94, 74, 78, 66, 60, 44, 58, 30, 72]],
    [[18, 10, 52, 12, 82, 10, 70, 34, 58, 62, 50, 94]],
    [[52, 48, 32, 36, 28, 18, 50, 6, 72, 18, 68, 36, 50, 48, 30, 64, 26, 84, 50, 95, 74, 84, 70, 62, 52, 48]],
    [[72, 30, 54, 44, 32, 38, 28, 18, 48, 6, 70, 14, 74, 34, 72, 64, 58, 94]],
  ],
];

/** Position and rotation of the square of 100 in the pad of 280, and the width of the pen. */
const WAYS = [
  { name: "plain", hand: 0, left: 70, top: 60, size: 150, turn: 0, pen: 20 },
  { name: "off-centre", hand: 1, left: 8, top: 120, size: 130, turn: 0, pen: 18 },
  { name: "thin", hand: 0, left: 50, top: 40, size: 180, turn: 3, pen: 7 },
  { name: "thick", hand: 1, left: 60, top: 50, size: 170, turn: 0, pen: 38 },
  { name: "small", hand: 0, left: 190, top: 30, size: 62, turn: 0, pen: 9 },
  { name: "tilted", hand: 1, left: 70, top: 60, size: 150, turn: 14, pen: 20 },
];

/** Every drawing: its digit, variation and pen, and strokes as lists of points in the pad of 280. */
export const DRAWINGS = WAYS.flatMap((way, w) =>
  HANDS[way.hand].map((strokes, digit) => {
    const { left, top, size } = way;
    // Every other digit is slanted to the other side.
    const angle = ((digit % 2 ? -way.turn : way.turn) * Math.PI) / 180;
    const place = (x, y, i) => {
      const [a, b] = [x - 50, y - 50];
      // Some jitter.
      const wobble = (seed) => 1.2 * Math.sin(12.9 * (seed + digit + 7 * w));
      return [
        Math.round(left + size * (0.5 + (a * Math.cos(angle) - b * Math.sin(angle) + wobble(i)) / 100)),
        Math.round(top + size * (0.5 + (a * Math.sin(angle) + b * Math.cos(angle) + wobble(i + 0.5)) / 100)),
      ];
    };
    return {
      digit,
      way: way.name,
      pen: way.pen,
      strokes: strokes.map((points) =>
        Array.from({ length: points.length / 2 }, (_, i) => place(points[2 * i], points[2 * i + 1], i)),
      ),
    };
  }),
);

/** Drawings that are not digits. */
export const OTHERS = [
  {
    name: "a star",
    strokes: [
      [
        [140, 30],
        [190, 240],
        [40, 100],
        [240, 100],
        [80, 240],
        [140, 30],
      ],
    ],
  },
  {
    name: "hatching",
    strokes: [0, 1, 2, 3, 4].map((i) => [
      [40 + 50 * i, 40],
      [40 + 50 * i, 240],
    ]),
  },
  {
    name: "a house",
    strokes: [
      [
        [60, 240],
        [60, 130],
        [140, 50],
        [220, 130],
        [220, 240],
        [60, 240],
      ],
      [
        [60, 130],
        [220, 130],
      ],
    ],
  },
  {
    name: "a scribble",
    strokes: [
      [
        [40, 60],
        [240, 90],
        [50, 140],
        [230, 60],
        [60, 220],
        [240, 200],
        [100, 40],
        [200, 240],
        [40, 180],
      ],
    ],
  },
];
