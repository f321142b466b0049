// A training as it goes on: readouts, bar, curves, epochs and log.

import { Chart } from './chart';
import { byId, make, setText } from './dom';
import * as format from './format';
import type { EpochRow, ModelInfo, Progress } from './protocol';

const LOG_LINES = 200;

export class RunPanel {
  private readonly status = byId('status', HTMLElement);
  private readonly log = byId('log', HTMLElement);
  private readonly rows = byId('epoch-rows', HTMLElement);
  private readonly bar = byId('progress', HTMLElement);
  private readonly fill = byId('progress-fill', HTMLElement);
  private readonly loss: Chart;
  private readonly accuracy: Chart;

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
    line.append(make('time', '', time), ` ${text}`);
    // Who has scrolled up to read stays there.
    const atEnd = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 20;
    this.log.append(line);
    while (this.log.childElementCount > LOG_LINES) this.log.firstElementChild?.remove();
    if (atEnd) this.log.scrollTop = this.log.scrollHeight;
  }

  clear(): void {
    this.loss.clear();
    this.accuracy.clear();
    this.loss.explain('Curves appear here when a training runs.');
    this.rows.replaceChildren();
    for (const id of ['step', 'rate', 'loss', 'accuracy', 'memory']) setText(byId(id, HTMLElement), format.NONE);
    this.setBar(0, '');
  }

  // A model that starts, goes on or was loaded: its past is drawn from its history where this page did not see it.
  begin(model: ModelInfo): void {
    if (model.step === 0) this.clear();
    this.loss.explain('');
    this.accuracy.explain(model.classes.length > 0 ? '' : 'This recipe’s loss has no accuracy.');
    if (model.step === 0) return;
    for (const chart of [this.loss, this.accuracy]) {
      for (const series of [chart.dots, chart.line]) chart.cut(series, model.step + 1);
    }
    this.rows.replaceChildren();
    for (const row of model.history) {
      const seen = this.loss.line.steps.length > 0 && (this.loss.line.steps[0] as number) < row.step;
      this.epoch(row, seen);
    }
    setText(byId('step', HTMLElement), format.count(model.step));
  }

  progress(p: Progress): void {
    const all = p.epochs * p.steps;
    for (const chart of [this.loss, this.accuracy]) chart.domain(all, p.steps);
    for (const point of p.points) {
      this.loss.add(this.loss.line, point.step, point.loss);
      if (point.batch !== null) this.loss.add(this.loss.dots, point.step, point.batch);
      if (point.accuracy !== null) this.accuracy.add(this.accuracy.line, point.step, point.accuracy);
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

  // One epoch has ended. `drawn` where the curve of its steps is there already.
  epoch(row: EpochRow, drawn = true): void {
    if (!drawn) {
      this.loss.add(this.loss.line, row.step, row.loss);
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
    // Newest first, so that it is seen without scrolling. A run that went back writes an epoch again.
    this.rows.querySelector(`[data-epoch="${row.epoch}"]`)?.remove();
    line.dataset['epoch'] = String(row.epoch);
    this.rows.prepend(line);
    while (this.rows.childElementCount > LOG_LINES) this.rows.lastElementChild?.remove();
  }

  private setBar(share: number, text: string): void {
    this.fill.style.transform = `scaleX(${Math.min(1, share)})`;
    this.bar.setAttribute('aria-valuenow', String(Math.floor(100 * share)));
    if (text) this.bar.setAttribute('aria-valuetext', text);
    else this.bar.removeAttribute('aria-valuetext');
    setText(byId('progress-text', HTMLElement), text);
  }
}
