// Strokes as an image that a network takes, made as MNIST was: the digit is scaled into a box of 20 of the 28 pixels,
// its proportions kept, and its centre of mass is put in the middle.
// Source: LeCun, Cortes and Burges, "The MNIST database of handwritten digits".
//
// The strokes are drawn anew at the small size, so that the pen is as wide as MNIST's however small somebody writes.

export interface Spot {
  x: number;
  y: number;
}

export type Stroke = Spot[];

const BOX = 20 / 28;
// Half of the pen's width in pixels of a 28 × 28 image.
const RADIUS = 1.15 / 28;
// A dot does not become as large as a digit: spots closer than this share of the pad keep their size.
const SMALLEST = 0.2;

// `strokes` in pads (0 to 1 each way); row-major pixels from 0, paper, to 1, ink. All zero where there is no stroke.
export function rasterise(strokes: Stroke[], height: number, width: number): Float32Array {
  const spots = strokes.flat();
  if (spots.length === 0) return new Float32Array(height * width);
  const [left, right] = [Math.min(...spots.map((s) => s.x)), Math.max(...spots.map((s) => s.x))];
  const [top, bottom] = [Math.min(...spots.map((s) => s.y)), Math.max(...spots.map((s) => s.y))];
  const side = Math.min(height, width);
  const scale = (side * (BOX - 2 * RADIUS)) / Math.max(right - left, bottom - top, SMALLEST);
  const place = (dx: number, dy: number): Stroke[] =>
    strokes.map((stroke) =>
      stroke.map((s) => ({
        x: width / 2 + (s.x - (left + right) / 2) * scale + dx,
        y: height / 2 + (s.y - (top + bottom) / 2) * scale + dy,
      })),
    );
  const first = draw(place(0, 0), height, width, side * RADIUS);
  const [x, y] = centreOfMass(first, height, width);
  return draw(place(width / 2 - x, height / 2 - y), height, width, side * RADIUS);
}

function draw(strokes: Stroke[], height: number, width: number, radius: number): Float32Array {
  const out = new Float32Array(height * width);
  for (const stroke of strokes) {
    stroke.forEach((to, i) => segment(out, stroke[Math.max(0, i - 1)] as Spot, to, height, width, radius));
  }
  return out;
}

// Each pixel is as dark as the pen covers it, judged by the distance from its centre to the line.
function segment(out: Float32Array, from: Spot, to: Spot, height: number, width: number, radius: number): void {
  const reach = radius + 1;
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const square = dx * dx + dy * dy;
  const rows = [Math.max(0, Math.floor(Math.min(from.y, to.y) - reach)), Math.min(height - 1, Math.ceil(Math.max(from.y, to.y) + reach))];
  const columns = [Math.max(0, Math.floor(Math.min(from.x, to.x) - reach)), Math.min(width - 1, Math.ceil(Math.max(from.x, to.x) + reach))];
  for (let row = rows[0] as number; row <= (rows[1] as number); row++) {
    for (let column = columns[0] as number; column <= (columns[1] as number); column++) {
      const [px, py] = [column + 0.5 - from.x, row + 0.5 - from.y];
      const along = square > 0 ? Math.min(1, Math.max(0, (px * dx + py * dy) / square)) : 0;
      const distance = Math.hypot(px - along * dx, py - along * dy);
      const ink = Math.min(1, Math.max(0, radius + 0.5 - distance));
      const at = row * width + column;
      if (ink > (out[at] as number)) out[at] = ink;
    }
  }
}

function centreOfMass(image: Float32Array, height: number, width: number): [number, number] {
  let [mass, x, y] = [0, 0, 0];
  image.forEach((ink, i) => {
    mass += ink;
    x += ink * ((i % width) + 0.5);
    y += ink * (Math.floor(i / width) + 0.5);
  });
  return mass > 0 ? [x / mass, y / mass] : [width / 2, height / 2];
}
