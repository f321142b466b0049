// A training as it goes on: readouts, bar, curves, epochs and log.

import { Chart } from './chart';
import { byId, make, setText } from './dom';
import * as format from './format';
import { Looks } from './looks';
import type { EpochRow, ModelInfo, Progress } from './protocol';

const LOG_LINES = 200;
// Shorter epochs would flood the log; the table has them.
const LONG_EPOCH_S = 0.3;
// Points of a curve, at most.
const LOOKS = 150;

export class RunPanel {
  private readonly status = byId('status', HTMLElement);
  private readonly log = byId('log', HTMLElement);
  private readonly rows = byId('epoch-rows', HTMLElement);
  private readonly bar = byId('progress', HTMLElement);
  private readonly fill = byId('progress-fill', HTMLElement);
  private readonly loss: Chart;
  private readonly accuracy: Chart;
  private looks = new Looks();

  constructor() {
    const legend = (name: string) => ({
      line: byId(`${name}-train`, HTMLElement),
      marks: byId(`${name}-validation`, HTMLElement),
      step: byId(`${name}-step`, HTMLElement),
    });
    this.loss = new Chart(byId('loss-chart', HTMLCanvasElement), legend('loss'), 'loss');
    this.accuracy = new Chart(byId('accuracy-chart', HTMLCanvasElement), legend('accuracy'), 'share');
    const log = byId('log-scale', HTMLInputElement);
    log.addEventListener('change', () => this.loss.setLogarithmic(log.checked));
    this.clear();
  }

  say(status: string, tone: 'plain' | 'busy' | 'good' | 'bad' = 'plain'): void {
    setText(this.status, status);
    this.status.dataset['tone'] = tone;
  }

  note(text: string): void {
    const time = new Date().toTimeString().slice(0, 8);
    const line = make('li');
    line.append(make('time', '', time), make('span', '', text));
    keepEnd(this.log, () => {
      this.log.append(line);
      while (this.log.childElementCount > LOG_LINES) this.log.firstElementChild?.remove();
    });
  }

  clear(): void {
    this.looks = new Looks();
    this.loss.clear();
    this.accuracy.clear();
    this.loss.explain('The loss is drawn here while a training runs.');
    this.accuracy.explain('The accuracy is drawn here while a training runs.');
    this.rows.replaceChildren();
    for (const id of ['step', 'rate', 'loss', 'accuracy', 'memory']) setText(byId(id, HTMLElement), format.NONE);
    this.setBar(0, '');
  }

  // A model that starts, goes on or was loaded: its past is drawn from its history where this page did not see it.
  begin(model: ModelInfo, history: EpochRow[]): void {
    if (model.step === 0) this.clear();
    const none = model.step > 0 && history.length === 0 ? 'No curves came with this model.' : '';
    this.loss.explain(none);
    this.accuracy.explain(model.classes.length > 0 ? none : 'This recipe’s loss has no accuracy.');
    if (model.step === 0) return;
    const last = history[history.length - 1];
    if (last) for (const chart of [this.loss, this.accuracy]) chart.reach(model.step, Math.round(last.step / last.epoch));
    for (const chart of [this.loss, this.accuracy]) {
      for (const series of [chart.dots, chart.line]) chart.cut(series, model.step + 1);
    }
    for (const row of [...this.rows.children]) {
      if (Number((row as HTMLElement).dataset['epoch']) > model.epoch) row.remove();
    }
    for (const row of history) {
      const seen = this.loss.line.steps.length > 0 && (this.loss.line.steps[0] as number) < row.step;
      this.epoch(row, seen);
    }
    setText(byId('step', HTMLElement), format.count(model.step));
  }

  progress(p: Progress): void {
    const all = p.epochs * p.steps;
    for (const chart of [this.loss, this.accuracy]) chart.domain(all, p.steps);
    for (const point of p.points) {
      if (point.batch !== null) this.loss.add(this.loss.dots, point.step, point.batch);
      const look = this.looks.take(point, p.steps, all / LOOKS);
      if (look) this.loss.add(this.loss.line, look.step, look.loss);
      if (look && look.accuracy !== null) this.accuracy.add(this.accuracy.line, look.step, look.accuracy);
    }
    for (const row of p.rows) {
      this.epoch(row);
      if (row.seconds >= LONG_EPOCH_S) this.note(`Epoch ${format.count(row.epoch)} took ${format.seconds(row.seconds)}`);
    }
    const last = p.points[p.points.length - 1];
    if (last) {
      setText(byId('loss', HTMLElement), format.loss(last.loss));
      setText(byId('accuracy', HTMLElement), last.accuracy === null ? format.NONE : format.percent(last.accuracy));
    }
    setText(byId('step', HTMLElement), format.count(p.step));
    if (p.rate !== null) setText(byId('rate', HTMLElement), format.rate(p.rate));
    if (p.memory) setText(byId('memory', HTMLElement), format.bytes(p.memory.live));
    const text = `Epoch ${format.count(p.epoch)} of ${format.count(p.epochs)} · step ${format.count(p.done)} of ${format.count(p.steps)}`;
    this.setBar(all > 0 ? p.step / all : 0, text);
  }

  // `drawn` where the curve of its steps is there already.
  private epoch(row: EpochRow, drawn = true): void {
    if (!drawn) {
      this.loss.add(this.loss.line, row.step, row.loss ?? NaN);
      if (row.accuracy !== null) this.accuracy.add(this.accuracy.line, row.step, row.accuracy);
    }
    if (row.val_loss !== null) this.loss.add(this.loss.marks, row.step, row.val_loss);
    if (row.val_accuracy !== null) this.accuracy.add(this.accuracy.marks, row.step, row.val_accuracy);
    const shown = (n: number | null, as: (n: number) => string): string => (n === null ? format.NONE : as(n));
    const cells = [
      shown(row.loss, format.loss),
      shown(row.accuracy, format.percent),
      shown(row.val_loss, format.loss),
      shown(row.val_accuracy, format.percent),
      format.seconds(row.seconds),
    ];
    const line = make('tr');
    const head = make('th', '', format.count(row.epoch));
    head.scope = 'row';
    line.append(head, ...cells.map((text) => make('td', '', text)));
    // A run that went back writes an epoch again.
    this.rows.querySelector(`[data-epoch="${row.epoch}"]`)?.remove();
    line.dataset['epoch'] = String(row.epoch);
    keepEnd(byId('epochs-view', HTMLElement), () => {
      this.rows.append(line);
      while (this.rows.childElementCount > LOG_LINES) this.rows.firstElementChild?.remove();
    });
  }

  private setBar(share: number, text: string): void {
    this.fill.style.transform = `scaleX(${Math.min(1, share)})`;
    this.bar.setAttribute('aria-valuenow', String(Math.floor(100 * share)));
    if (text) this.bar.setAttribute('aria-valuetext', text);
    else this.bar.removeAttribute('aria-valuetext');
    setText(byId('progress-text', HTMLElement), text);
  }
}

// Shows the newest line; but who has scrolled up to read stays there.
function keepEnd(view: HTMLElement, change: () => void): void {
  const atEnd = view.scrollHeight - view.scrollTop - view.clientHeight < 20;
  change();
  if (atEnd) view.scrollTop = view.scrollHeight;
}
