// The drawing area: strokes by mouse, finger, pen or keyboard, or a test sample.

import { byId, coalesced, colour, onStale } from './dom';
import { type Spot, type Stroke, rasterise } from './digit';

// One press of an arrow key moves by a pixel of a 28 × 28 image.
const STEP = 1 / 28;
// The pen's width as a share of the pad.
const PEN = 0.075;

export class Pad {
  private strokes: Stroke[] = [];
  private sample: Float32Array | null = null;
  private drawing = false;
  // The pen of the keyboard.
  private pen: Spot = { x: 0.5, y: 0.5 };
  private penDown = false;
  private byKeyboard = false;
  private height = 28;
  private width = 28;
  private readonly canvas = byId('pad', HTMLCanvasElement);
  private readonly seen = byId('seen', HTMLCanvasElement);
  private readonly redraw = coalesced(() => this.draw());

  // `changed` gets what the network is to see; null where there is nothing.
  constructor(private readonly changed: (x: Float32Array | null) => void) {
    const { canvas } = this;
    canvas.addEventListener('pointerdown', (event) => this.down(event));
    canvas.addEventListener('pointermove', (event) => this.move(event));
    for (const end of ['pointerup', 'pointercancel'] as const) canvas.addEventListener(end, () => (this.drawing = false));
    canvas.addEventListener('keydown', (event) => this.key(event));
    canvas.addEventListener('blur', () => {
      this.penDown = this.byKeyboard = false;
      this.redraw();
    });
    onStale(canvas, this.redraw);
    onStale(this.seen, this.redraw);
    this.redraw();
  }

  shape(height: number, width: number): void {
    if (height === this.height && width === this.width) return;
    [this.height, this.width] = [height, width];
    [this.seen.height, this.seen.width] = [height, width];
    this.clear();
  }

  clear(): void {
    this.strokes = [];
    this.sample = null;
    this.penDown = false;
    this.change();
  }

  show(sample: Float32Array): void {
    this.strokes = [];
    this.sample = sample;
    this.change();
  }

  // What is on the pad now, for a network that has learned since.
  image(): Float32Array | null {
    if (this.sample) return this.sample;
    return this.strokes.length > 0 ? rasterise(this.strokes, this.height, this.width) : null;
  }

  private change(): void {
    this.redraw();
    this.changed(this.image());
  }

  private down(event: PointerEvent): void {
    if (event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.drawing = true;
    this.byKeyboard = false;
    this.begin(this.spot(event));
  }

  private move(event: PointerEvent): void {
    if (!this.drawing) return;
    const all = event.getCoalescedEvents?.() ?? [];
    for (const one of all.length > 0 ? all : [event]) this.extend(this.spot(one));
    this.change();
  }

  private begin(spot: Spot): void {
    this.sample = null;
    this.strokes.push([spot]);
    this.change();
  }

  private extend(spot: Spot): void {
    const stroke = this.strokes[this.strokes.length - 1];
    const last = stroke?.[stroke.length - 1];
    // Spots that lie closer than half a pixel of the image say nothing.
    if (stroke && last && Math.hypot(spot.x - last.x, spot.y - last.y) > STEP / 2) stroke.push(spot);
  }

  private spot(event: PointerEvent): Spot {
    const box = this.canvas.getBoundingClientRect();
    const inside = (v: number): number => Math.min(1, Math.max(0, v));
    return { x: inside((event.clientX - box.left) / box.width), y: inside((event.clientY - box.top) / box.height) };
  }

  private key(event: KeyboardEvent): void {
    const moves: { [key: string]: [number, number] } = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const move = moves[event.key];
    if (move) {
      const inside = (v: number): number => Math.min(1 - STEP, Math.max(STEP, v));
      this.pen = { x: inside(this.pen.x + move[0] * STEP), y: inside(this.pen.y + move[1] * STEP) };
      if (this.penDown) {
        this.extend(this.pen);
        this.change();
      }
    } else if (event.key === ' ') {
      this.penDown = !this.penDown;
      if (this.penDown) this.begin(this.pen);
    } else if (event.key === 'Delete' || event.key === 'Backspace') {
      this.clear();
    } else {
      return;
    }
    this.byKeyboard = true;
    event.preventDefault();
    this.redraw();
  }

  private draw(): void {
    const image = this.image();
    this.drawSeen(image);
    const context = this.canvas.getContext('2d');
    if (!context) return;
    const side = this.canvas.width;
    context.fillStyle = colour('paper');
    context.fillRect(0, 0, side, side);
    context.fillStyle = context.strokeStyle = colour('ink');
    if (this.sample) {
      this.drawPixels(context, this.sample, side);
    } else {
      context.lineWidth = PEN * side;
      context.lineCap = context.lineJoin = 'round';
      for (const stroke of this.strokes) {
        context.beginPath();
        const first = stroke[0] as Spot;
        context.moveTo(first.x * side, first.y * side);
        for (const spot of stroke) context.lineTo(spot.x * side, spot.y * side);
        context.stroke();
      }
    }
    if (!image && !this.byKeyboard) this.drawInvitation(context, side);
    if (!this.byKeyboard) return;
    context.strokeStyle = colour(this.penDown ? 'validation' : 'train');
    context.lineWidth = 4;
    context.beginPath();
    context.arc(this.pen.x * side, this.pen.y * side, (PEN * side) / 1.6, 0, 2 * Math.PI);
    context.stroke();
  }

  private drawInvitation(context: CanvasRenderingContext2D, side: number): void {
    context.fillStyle = colour('muted');
    context.font = `${side / 14}px ${getComputedStyle(this.canvas).fontFamily}`;
    context.textAlign = 'center';
    context.fillText('Draw a digit here', side / 2, side / 2);
  }

  private drawPixels(context: CanvasRenderingContext2D, image: Float32Array, side: number): void {
    const [w, h] = [side / this.width, side / this.height];
    image.forEach((ink, i) => {
      context.globalAlpha = Math.min(1, Math.max(0, ink));
      if (ink > 0) context.fillRect((i % this.width) * w, Math.floor(i / this.width) * h, w + 0.5, h + 0.5);
    });
    context.globalAlpha = 1;
  }

  // White on black, as the data are.
  private drawSeen(image: Float32Array | null): void {
    const context = this.seen.getContext('2d');
    if (!context) return;
    const pixels = context.createImageData(this.width, this.height);
    for (let i = 0; i < this.width * this.height; i++) {
      const grey = Math.round(255 * Math.min(1, Math.max(0, image?.[i] ?? 0)));
      pixels.data.set([grey, grey, grey, 255], 4 * i);
    }
    context.putImageData(pixels, 0, 0);
  }
}
