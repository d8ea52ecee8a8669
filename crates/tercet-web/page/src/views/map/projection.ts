// Principal components: the two directions along which images differ most, by power iteration.

/** How often a direction is multiplied with the covariance. */
const ITERATIONS = 30;

/** A projection of images onto two directions. */
export interface Projection {
  mean: Float32Array;
  directions: [Float32Array, Float32Array];
  /** The coordinates of the images: x and y in turn. */
  points: Float32Array;
  /** The share of the variance that the two directions have. */
  variance: number;
}

/** Projects (count, width) values without blocking the page. `progress` is called with a share. */
export async function project(
  rows: Uint8Array,
  width: number,
  progress: (share: number) => void,
): Promise<Projection> {
  const count = rows.length / width;
  const mean = new Float32Array(width);
  for (let i = 0; i < rows.length; i++) mean[i % width] = (mean[i % width] ?? 0) + (rows[i] ?? 0) / count;
  const centred = new Float32Array(rows.length);
  let total = 0;
  for (let i = 0; i < rows.length; i++) {
    const value = (rows[i] ?? 0) - (mean[i % width] ?? 0);
    centred[i] = value;
    total += value * value;
  }
  const directions: Float32Array[] = [];
  const points = new Float32Array(2 * count);
  let explained = 0;
  for (const axis of [0, 1]) {
    // Any direction will do that is not orthogonal to the component.
    let direction = orthogonal(
      Float32Array.from({ length: width }, (_, p) => Math.sin(p + 1)),
      directions,
    );
    for (let i = 0; i < ITERATIONS; i++) {
      direction = orthogonal(covarianceTimes(centred, width, direction), directions);
      progress((axis * ITERATIONS + i + 1) / (2 * ITERATIONS));
      await new Promise((resolve) => setTimeout(resolve));
    }
    directions.push(direction);
    for (let row = 0; row < count; row++) {
      const coordinate = dot(centred, row * width, direction);
      points[2 * row + axis] = coordinate;
      explained += coordinate * coordinate;
    }
  }
  const [first = mean, second = mean] = directions;
  return { mean, directions: [first, second], points, variance: explained / total };
}

/** The coordinates of another image. */
export function coordinates({ mean, directions }: Projection, pixels: Uint8Array): [number, number] {
  const centred = mean.map((value, p) => (pixels[p] ?? 0) - value);
  return [dot(centred, 0, directions[0]), dot(centred, 0, directions[1])];
}

/** The indices of the nearest images, by the distance between all their pixels. */
export function nearest(rows: Uint8Array, pixels: Uint8Array, count: number): number[] {
  const width = pixels.length;
  const distances = Array.from({ length: rows.length / width }, (_, row): [number, number] => {
    let sum = 0;
    for (let p = 0; p < width; p++) sum += ((rows[row * width + p] ?? 0) - (pixels[p] ?? 0)) ** 2;
    return [row, sum];
  });
  return distances
    .sort((a, b) => a[1] - b[1])
    .slice(0, count)
    .map(([row]) => row);
}

/** Xᵀ(X · v), without the factor 1 / N. */
function covarianceTimes(centred: Float32Array, width: number, v: Float32Array): Float32Array {
  const result = new Float32Array(width);
  for (let start = 0; start < centred.length; start += width) {
    const along = dot(centred, start, v);
    for (let p = 0; p < width; p++) result[p] = (result[p] ?? 0) + along * (centred[start + p] ?? 0);
  }
  return result;
}

/** A vector of length 1 without its parts along others. */
function orthogonal(vector: Float32Array, others: Float32Array[]): Float32Array {
  let rest = vector;
  for (const other of others) {
    const part = dot(rest, 0, other);
    rest = rest.map((value, p) => value - part * (other[p] ?? 0));
  }
  const length = Math.sqrt(dot(rest, 0, rest)) || 1;
  return rest.map((value) => value / length);
}

function dot(values: Float32Array, start: number, v: Float32Array): number {
  let sum = 0;
  for (let p = 0; p < v.length; p++) sum += (values[start + p] ?? 0) * (v[p] ?? 0);
  return sum;
}
