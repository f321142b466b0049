// A line chart over steps, drawn on a canvas: dots for single steps, a line for running means, marks for validation.

import { BOTTOM, type Frame, LEFT, RIGHT, type Scale, TOP, drawSteps, drawValues, frame, range } from './axes';
import { coalesced, colour, onStale, setText } from './dom';
import * as format from './format';

export interface Series {
  steps: number[];
  values: number[];
}

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
    onStale(canvas, this.redraw);
    canvas.addEventListener('pointermove', (event) => this.point(event.offsetX));
    canvas.addEventListener('pointerleave', () => this.point(null));
  }

  clear(): void {
    for (const series of [this.dots, this.line, this.marks]) series.steps.length = series.values.length = 0;
    this.empty = '';
    this.last = 0;
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

  // The steps up to here are shown too.
  reach(step: number, epochSteps: number): void {
    if (step > this.last) this.domain(step, epochSteps);
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

    const log = this.logarithmic && this.scale === 'loss';
    const values = [...this.line.values, ...this.marks.values].filter(Number.isFinite);
    const at = frame(context, [width, height], range(values, this.scale, log), log, this.last);
    if (values.length === 0 && this.empty) this.drawEmpty(at);
    else drawValues(at, this.scale);
    if (this.last > 0) drawSteps(at, this.last, this.epochSteps);
    this.drawSeries(at);
    this.tellValues(at);
  }

  private drawEmpty({ context, width, height }: Frame): void {
    context.strokeStyle = colour('grid');
    context.strokeRect(LEFT + 0.5, TOP + 0.5, width - LEFT - RIGHT - 1, height - TOP - BOTTOM - 1);
    context.fillStyle = colour('muted');
    context.textAlign = 'center';
    context.fillText(this.empty, (LEFT + width - RIGHT) / 2, (TOP + height - BOTTOM) / 2 + 4);
  }

  private drawSeries(at: Frame): void {
    const { context, width, height, share, x, y } = at;
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
    this.stroke(at, this.line, 'train');
    this.stroke(at, this.marks, 'validation');
    context.fillStyle = colour('validation');
    const marked = this.marks.steps.length <= MOST_MARKS ? this.marks.steps : [];
    marked.forEach((step, i) => {
      context.beginPath();
      context.arc(x(step), y(this.marks.values[i] as number), 3, 0, 2 * Math.PI);
      context.fill();
    });
    context.restore();
  }

  private stroke({ context, width, x, y }: Frame, series: Series, name: string): void {
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

  private tellValues({ context, height, x }: Frame): void {
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
