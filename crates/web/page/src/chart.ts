// A line chart over steps, drawn on a canvas: dots for single steps, a line for running means, marks for validation.

import { coalesced, colour, onSchemeChange, setText } from './dom';
import * as format from './format';

export interface Series {
  steps: number[];
  values: number[];
}

export type Scale = 'loss' | 'share';

const LEFT = 46;
const RIGHT = 10;
const TOP = 8;
const BOTTOM = 20;
const DOT = 2;
// More would run into each other; then the line alone is drawn.
const MOST_MARKS = 40;

export class Chart {
  readonly dots: Series = { steps: [], values: [] };
  readonly line: Series = { steps: [], values: [] };
  readonly marks: Series = { steps: [], values: [] };
  // The last step of the run; 0 before one is known.
  private last = 0;
  private epochSteps = 0;
  private logarithmic = false;
  private empty = '';
  private hover: number | null = null;
  // `draw` runs once a frame at most.
  readonly redraw = coalesced(() => this.draw());

  constructor(
    private readonly canvas: HTMLCanvasElement,
    // Where the values stand: under the pointer, else the latest.
    private readonly legend: { line: HTMLElement; marks: HTMLElement; step: HTMLElement },
    private readonly scale: Scale,
  ) {
    new ResizeObserver(this.redraw).observe(canvas);
    onSchemeChange(this.redraw);
    canvas.addEventListener('pointermove', (event) => this.point(event.offsetX));
    canvas.addEventListener('pointerleave', () => this.point(null));
  }

  clear(): void {
    for (const series of [this.dots, this.line, this.marks]) series.steps.length = series.values.length = 0;
    this.empty = '';
    this.redraw();
  }

  // What stands in a chart that has no values.
  explain(text: string): void {
    this.empty = text;
    this.redraw();
  }

  domain(last: number, epochSteps: number): void {
    this.last = Math.max(1, last);
    this.epochSteps = epochSteps;
  }

  setLogarithmic(on: boolean): void {
    this.logarithmic = on;
    this.redraw();
  }

  // A run that went back to a checkpoint is drawn once.
  add(series: Series, step: number, value: number): void {
    this.cut(series, step);
    series.steps.push(step);
    series.values.push(value);
    this.redraw();
  }

  // Forgets what comes from `step` on.
  cut(series: Series, step: number): void {
    while (series.steps.length > 0 && (series.steps[series.steps.length - 1] as number) >= step) {
      series.steps.pop();
      series.values.pop();
    }
  }

  private point(x: number | null): void {
    const width = this.canvas.clientWidth - LEFT - RIGHT;
    this.hover = x === null ? null : Math.min(1, Math.max(0, (x - LEFT) / width)) * this.last;
    this.redraw();
  }

  private format(value: number): string {
    return this.scale === 'share' ? format.percent(value) : format.loss(value);
  }

  private range(): [number, number] {
    const values = [...this.line.values, ...this.marks.values].filter(Number.isFinite);
    if (this.scale === 'share') {
      const least = values.length > 0 ? Math.min(...values) : 0;
      return [[0.95, 0.9, 0.8, 0.6].find((bound) => least > bound) ?? 0, 1];
    }
    // Single steps scatter; what is far out is cut off, not the curve squeezed.
    const most = Math.max(...values, 1e-9);
    if (!this.logarithmic) return [0, values.length > 0 ? Math.ceil((most * 1.02) / step(most)) * step(most) : 2];
    const least = Math.min(...values.filter((v) => v > 0), most);
    return [10 ** Math.floor(Math.log10(least)), 10 ** Math.ceil(Math.log10(most) + 1e-9)];
  }

  private draw(): void {
    const { canvas } = this;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    const context = canvas.getContext('2d');
    if (!context || width === 0) return;
    const density = devicePixelRatio;
    if (canvas.width !== Math.round(width * density) || canvas.height !== Math.round(height * density)) {
      canvas.width = Math.round(width * density);
      canvas.height = Math.round(height * density);
    }
    context.setTransform(density, 0, 0, density, 0, 0);
    context.clearRect(0, 0, width, height);
    context.font = `11px ${getComputedStyle(canvas).fontFamily}`;

    const [low, high] = this.range();
    const log = this.logarithmic && this.scale === 'loss';
    const share = (v: number): number => (log ? Math.log(Math.max(v, low) / low) / Math.log(high / low) : (v - low) / (high - low));
    const x = (step: number): number => LEFT + ((width - LEFT - RIGHT) * step) / Math.max(1, this.last);
    const y = (v: number): number => TOP + (height - TOP - BOTTOM) * (1 - Math.min(1, Math.max(0, share(v))));

    this.axes(context, width, height, low, high, log, x, y);
    if (this.line.steps.length + this.marks.steps.length === 0 && this.empty) {
      context.fillStyle = colour('muted');
      context.textAlign = 'center';
      context.fillText(this.empty, (LEFT + width - RIGHT) / 2, height / 2 - 6);
    }

    context.save();
    context.beginPath();
    context.rect(LEFT, TOP - 4, width - LEFT - RIGHT + 5, height - TOP - BOTTOM + 8);
    context.clip();
    // Not more dots than there are pixels for them.
    const stride = Math.max(1, Math.ceil(this.dots.steps.length / width));
    context.fillStyle = colour('dots');
    for (let i = 0; i < this.dots.steps.length; i += stride) {
      const value = this.dots.values[i] as number;
      if (share(value) <= 1) context.fillRect(x(this.dots.steps[i] as number) - DOT / 2, y(value) - DOT / 2, DOT, DOT);
    }
    this.stroke(context, this.line, 'train', x, y, width);
    this.stroke(context, this.marks, 'validation', x, y, width);
    context.fillStyle = colour('validation');
    const marked = this.marks.steps.length <= MOST_MARKS ? this.marks.steps : [];
    marked.forEach((step, i) => {
      context.beginPath();
      context.arc(x(step), y(this.marks.values[i] as number), 3, 0, 2 * Math.PI);
      context.fill();
    });
    context.restore();
    this.tellValues(context, height, x);
  }

  private axes(
    context: CanvasRenderingContext2D,
    width: number,
    height: number,
    low: number,
    high: number,
    log: boolean,
    x: (step: number) => number,
    y: (value: number) => number,
  ): void {
    context.strokeStyle = colour('grid');
    context.fillStyle = colour('muted');
    context.lineWidth = 1;
    context.textAlign = 'right';
    context.textBaseline = 'middle';
    for (const tick of log ? decades(low, high) : evenly(low, high, this.scale)) {
      const at = Math.round(y(tick)) + 0.5;
      context.beginPath();
      context.moveTo(LEFT, at);
      context.lineTo(width - RIGHT, at);
      context.stroke();
      context.fillText(this.scale === 'share' ? `${+(100 * tick).toFixed(1)} %` : label(tick), LEFT - 6, at);
    }
    context.textBaseline = 'alphabetic';
    if (this.last === 0) return;
    const epochs = this.epochSteps > 0 ? Math.round(this.last / this.epochSteps) : 0;
    // Ticks at the ends of epochs, as many as there is room for; steps where a run has no epochs to speak of.
    const room = Math.max(2, Math.floor((width - LEFT - RIGHT) / 70));
    const unit = epochs > 1 ? Math.ceil(epochs / room) * this.epochSteps : nice(this.last / Math.min(room, 5));
    for (let step = 0; step <= this.last * 1.0001; step += unit) {
      const at = Math.round(x(step)) + 0.5;
      context.beginPath();
      context.moveTo(at, height - BOTTOM);
      context.lineTo(at, height - BOTTOM + 4);
      context.stroke();
      context.textAlign = step === 0 ? 'left' : step + unit > this.last * 1.0001 && x(step) > width - 40 ? 'right' : 'center';
      context.fillText(format.count(Math.round(step)), at, height - 4);
    }
  }

  private stroke(
    context: CanvasRenderingContext2D,
    series: Series,
    name: string,
    x: (step: number) => number,
    y: (value: number) => number,
    width: number,
  ): void {
    const stride = Math.max(1, Math.floor(series.steps.length / (2 * width)));
    context.strokeStyle = colour(name);
    context.lineWidth = 1.75;
    context.lineJoin = 'round';
    context.beginPath();
    for (let i = 0; i < series.steps.length; i += stride) {
      if (Number.isFinite(series.values[i])) context.lineTo(x(series.steps[i] as number), y(series.values[i] as number));
    }
    context.stroke();
  }

  private tellValues(context: CanvasRenderingContext2D, height: number, x: (step: number) => number): void {
    const at = (series: Series): number | undefined => {
      if (this.hover === null) return series.values[series.values.length - 1];
      const next = series.steps.findIndex((step) => step >= (this.hover as number));
      return series.values[next < 0 ? series.values.length - 1 : next];
    };
    const [line, marks] = [at(this.line), at(this.marks)];
    setText(this.legend.line, line === undefined ? format.NONE : this.format(line));
    setText(this.legend.marks, marks === undefined ? format.NONE : this.format(marks));
    const step = this.hover === null ? '' : `step ${format.count(Math.round(this.hover))}`;
    setText(this.legend.step, step);
    if (this.hover === null) return;
    context.strokeStyle = colour('muted');
    context.beginPath();
    context.moveTo(Math.round(x(this.hover)) + 0.5, TOP);
    context.lineTo(Math.round(x(this.hover)) + 0.5, height - BOTTOM);
    context.stroke();
  }
}

// The next number of 1, 2, 5 times a power of ten.
function nice(n: number): number {
  const power = 10 ** Math.floor(Math.log10(n));
  return ([1, 2, 5, 10].find((m) => m * power >= n * 0.9999) ?? 10) * power;
}

// The distance of the lines where about four fit below `most`.
function step(most: number): number {
  return nice(most / 5);
}

function evenly(low: number, high: number, scale: Scale): number[] {
  const distance = scale === 'share' ? (high - low) / (low === 0.6 || low === 0.8 ? 4 : 5) : step(high * 0.98);
  const ticks: number[] = [];
  for (let i = 0; low + i * distance <= high * 1.0001; i++) ticks.push(low + i * distance);
  return ticks;
}

function decades(low: number, high: number): number[] {
  const ticks: number[] = [];
  const all = Math.round(Math.log10(high / low));
  for (let i = 0; i <= all; i += Math.max(1, Math.ceil(all / 5))) ticks.push(low * 10 ** i);
  return ticks;
}

function label(n: number): string {
  if (n === 0) return '0';
  return Math.abs(n) < 1e-3 || Math.abs(n) >= 1e5 ? n.toExponential(0) : `${+n.toPrecision(3)}`;
}
