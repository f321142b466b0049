// The axes of a chart: where a step and a value lie on the canvas, the grid and its labels.

import { colour } from './dom';
import * as format from './format';

export type Scale = 'loss' | 'share';

// Room around the curves, in CSS pixels.
export const LEFT = 46;
export const RIGHT = 10;
export const TOP = 8;
export const BOTTOM = 20;

export interface Frame {
  context: CanvasRenderingContext2D;
  width: number;
  height: number;
  // Values at the bottom and at the top.
  low: number;
  high: number;
  log: boolean;
  // How high a value lies: 0 at the bottom, 1 at the top.
  share(value: number): number;
  x(step: number): number;
  y(value: number): number;
}

// The lowest and highest value to show.
export function range(values: number[], scale: Scale, log: boolean): [number, number] {
  if (scale === 'share') {
    const least = values.length > 0 ? Math.min(...values) : 0;
    return [[0.95, 0.9, 0.8, 0.6].find((bound) => least > bound) ?? 0, 1];
  }
  if (values.length === 0) return log ? [0.01, 10] : [0, 2];
  // Single steps scatter; what is far out is cut off, not the curve squeezed.
  const most = Math.max(...values, 1e-9);
  if (!log) return [0, Math.ceil((most * 1.02) / distance(most)) * distance(most)];
  const least = Math.min(...values.filter((v) => v > 0), most);
  return [10 ** Math.floor(Math.log10(least)), 10 ** Math.ceil(Math.log10(most) + 1e-9)];
}

export function frame(context: CanvasRenderingContext2D, size: [number, number], bounds: [number, number], log: boolean, last: number): Frame {
  const [width, height] = size;
  const [low, high] = bounds;
  const share = (v: number): number => (log ? Math.log(Math.max(v, low) / low) / Math.log(high / low) : (v - low) / (high - low));
  const x = (step: number): number => LEFT + ((width - LEFT - RIGHT) * step) / Math.max(1, last);
  const y = (v: number): number => TOP + (height - TOP - BOTTOM) * (1 - Math.min(1, Math.max(0, share(v))));
  return { context, width, height, low, high, log, share, x, y };
}

// Lines across at round values.
export function drawValues({ context, width, low, high, log, y }: Frame, scale: Scale): void {
  context.strokeStyle = colour('grid');
  context.fillStyle = colour('muted');
  context.lineWidth = 1;
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  for (const tick of log ? decades(low, high) : evenly(low, high, scale)) {
    const at = Math.round(y(tick)) + 0.5;
    context.beginPath();
    context.moveTo(LEFT, at);
    context.lineTo(width - RIGHT, at);
    context.stroke();
    context.fillText(scale === 'share' ? `${+(100 * tick).toFixed(1)} %` : label(tick), LEFT - 6, at);
  }
  context.textBaseline = 'alphabetic';
}

// Ticks at the ends of epochs, as many as there is room for; at round steps where a run has no epochs to speak of.
export function drawSteps({ context, width, height, x }: Frame, last: number, epochSteps: number): void {
  const epochs = epochSteps > 0 ? Math.round(last / epochSteps) : 0;
  const room = Math.max(2, Math.floor((width - LEFT - RIGHT) / 70));
  const unit = epochs > 1 ? Math.ceil(epochs / room) * epochSteps : nice(last / Math.min(room, 5));
  // The last label says what they count, and has its place before the others.
  const final = Math.floor(last * 1.0001 / unit) * unit;
  const words = `${format.count(Math.round(final))} steps`;
  const rightmost = x(final) > width - 40;
  const free = x(final) - context.measureText(words).width / (rightmost ? 1 : 2) - 10;
  for (let step = 0; step <= last * 1.0001; step += unit) {
    const at = Math.round(x(step)) + 0.5;
    context.beginPath();
    context.moveTo(at, height - BOTTOM);
    context.lineTo(at, height - BOTTOM + 4);
    context.stroke();
    const end = step > final - unit / 2;
    const text = end ? words : format.count(Math.round(step));
    context.textAlign = step === 0 ? 'left' : end && rightmost ? 'right' : 'center';
    if (end || x(step) + context.measureText(text).width / 2 < free) context.fillText(text, at, height - 4);
  }
}

// The next number of 1, 2, 5 times a power of ten.
function nice(n: number): number {
  const power = 10 ** Math.floor(Math.log10(n));
  return ([1, 2, 5, 10].find((m) => m * power >= n * 0.9999) ?? 10) * power;
}

// The distance of the lines where about four fit below `most`.
function distance(most: number): number {
  return nice(most / 5);
}

function evenly(low: number, high: number, scale: Scale): number[] {
  const apart = scale === 'share' ? (high - low) / (low === 0.6 || low === 0.8 ? 4 : 5) : distance(high * 0.98);
  const ticks: number[] = [];
  for (let i = 0; low + i * apart <= high * 1.0001; i++) ticks.push(low + i * apart);
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
