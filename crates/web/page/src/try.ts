// "Try it": what the network says to a drawing, a picture or a test sample, at each stroke, while it trains too.

import { byId, make, onPress, setText } from './dom';
import type { Engine } from './engine';
import * as format from './format';
import { Pad } from './pad';
import { PictureView } from './picture';
import type { ModelInfo } from './protocol';

// More bars than this do not fit; then the likeliest are shown.
const MOST_BARS = 26;
const SPEAK_MS = 700;
const WATCH_MS = 250;

export class TryPanel {
  private readonly pad: Pad;
  private readonly picture: PictureView;
  private readonly list = byId('probabilities', HTMLElement);
  private readonly guess = byId('guess', HTMLElement);
  private readonly note = byId('guess-note', HTMLElement);
  private readonly said = byId('said', HTMLElement);
  private classes: string[] = [];
  private bars: { fill: HTMLElement; value: HTMLElement; row: HTMLElement }[] = [];
  private model: ModelInfo | null = null;
  private next: Float32Array | null = null;
  private asking = false;
  private samples = 0;
  // What is given to the model: a drawing, a picture, or test samples only.
  private mode: 'pad' | 'picture' | 'values' = 'pad';
  private label: number | null = null;
  private watched = 0;
  private speaking = 0;

  constructor(private readonly engine: Engine) {
    this.pad = new Pad((x) => {
      this.label = null;
      this.ask(x);
    });
    this.picture = new PictureView(
      (file) => engine.call('picture', file),
      (x) => {
        this.label = null;
        if (this.mode === 'picture') this.ask(x);
      },
      (message) => setText(this.note, message),
    );
    onPress(byId('clear', HTMLButtonElement), () => this.pad.clear());
    onPress(byId('sample', HTMLButtonElement), () => void this.takeSample());
    this.build('0123456789'.split(''));
  }

  setModel(model: ModelInfo | null): void {
    const same = model?.recipe === this.model?.recipe && model?.step === this.model?.step;
    this.model = model;
    byId('sample', HTMLButtonElement).setAttribute('aria-disabled', String(!model));
    if (same && model) return;
    const shape = model?.inputShape ?? [];
    const image = this.imageShape();
    this.mode = !model ? this.mode : image ? 'pad' : pictureShape(shape) ? 'picture' : 'values';
    if (model && model.classes.join() !== this.classes.join()) this.build(model.classes);
    if (image) this.pad.shape(...image);
    byId('try', HTMLElement).dataset['mode'] = this.mode;
    for (const [id, mode] of [['picture-box', 'picture'], ['choose-picture', 'picture'], ['pad', 'pad'], ['clear', 'pad'], ['pad-help', 'pad'], ['seen', 'pad']] as const) {
      byId(id, HTMLElement).hidden = this.mode !== mode;
    }
    const trained = !model ? 'No model yet.' : model.step === 0 ? 'Not trained yet: it guesses.' : `After ${format.count(model.step)} steps.`;
    setText(byId('try-state', HTMLElement), this.mode !== 'values' ? trained : `This model takes [${shape.join(', ')}], which cannot be drawn.`);
    if (model && this.mode === 'picture') this.picture.use(shape as [number, number, number]);
    this.again();
  }

  // The network has learned since: the drawing is judged again, a few times a second.
  learned(step: number): void {
    const now = performance.now();
    if (now - this.watched < WATCH_MS) return;
    this.watched = now;
    if (this.model) this.model = { ...this.model, step };
    setText(byId('try-state', HTMLElement), `After ${format.count(step)} steps.`);
    this.again();
  }

  private again(): void {
    const x = this.given();
    if (x && this.model) this.ask(x);
  }

  // What is on the pad, or the picture.
  private given(): Float32Array | null {
    return this.mode === 'pad' ? this.pad.image() : this.mode === 'picture' ? this.picture.x : null;
  }

  // [height, width] where the model takes grey images that can be drawn.
  private imageShape(): [number, number] | null {
    const shape = this.model?.inputShape ?? [];
    if (this.model?.pictures) return null;
    if (shape.length === 3 && shape[0] === 1) return [shape[1] as number, shape[2] as number];
    if (shape.length === 2) return [shape[0] as number, shape[1] as number];
    return shape.length === 1 && shape[0] === 784 ? [28, 28] : null;
  }

  private async takeSample(): Promise<void> {
    try {
      // From the start again behind the last one.
      const next = (): Promise<{ x: Float32Array; label: number | null }> => this.engine.call('sample', this.samples++);
      const { x, label } = await next().catch((error: unknown) => {
        if (this.samples === 1) throw error;
        this.samples = 0;
        return next();
      });
      if (this.mode === 'pad') this.pad.show(x);
      else if (this.mode === 'picture') this.picture.show(x);
      else this.ask(x);
      this.label = this.classes.length > 0 ? label : null;
    } catch (error) {
      setText(this.note, (error as Error).message);
    }
  }

  // One question at a time; of those that come meanwhile the last one counts.
  private ask(x: Float32Array | null): void {
    this.next = x;
    if (!x) this.show(null, null);
    else if (!this.asking) void this.answer();
  }

  private async answer(): Promise<void> {
    this.asking = true;
    while (this.next) {
      const x = this.next;
      this.next = null;
      if (!this.model) {
        setText(this.note, 'There is no model yet: press Train.');
        break;
      }
      try {
        const out = await this.engine.call('predict', x);
        // Cleared meanwhile.
        if (this.given() || this.mode === 'values') this.show(out, x);
      } catch (error) {
        setText(this.note, (error as Error).message);
      }
    }
    this.asking = false;
  }

  private build(classes: string[]): void {
    this.classes = classes;
    this.bars = classes.slice(0, MOST_BARS).map((name, i) => {
      const row = make('li');
      const fill = make('span', 'fill');
      const track = make('span', 'track');
      const value = make('span', 'value', format.NONE);
      value.dataset['testid'] = `prob-${i}`;
      track.append(fill);
      row.append(make('span', 'name', name), track, value);
      return { fill, value, row };
    });
    this.list.replaceChildren(...this.bars.map((bar) => bar.row));
    this.show(null, null);
  }

  private show(out: Float32Array | null, x: Float32Array | null): void {
    const best = out && this.classes.length > 0 ? out.indexOf(Math.max(...out)) : -1;
    this.bars.forEach(({ fill, value, row }, i) => {
      const share = out?.[i] ?? 0;
      fill.style.transform = `scaleX(${share})`;
      value.dataset['value'] = out ? String(share) : '';
      setText(value, out ? format.percent(share, 1) : format.NONE);
      row.classList.toggle('best', i === best);
    });
    if (!out) {
      setText(this.guess, format.NONE);
      setText(this.note, { pad: 'what the network sees', picture: 'Choose a picture, or take a test sample.', values: 'Take a test sample to see what it answers.' }[this.mode]);
      return;
    }
    if (best < 0) {
      setText(this.guess, [...out].map((v) => v.toPrecision(5)).join(', '));
      setText(this.note, x ? `for the input ${[...x].join(', ')}` : '');
      return;
    }
    const name = this.classes[best] ?? '';
    setText(this.guess, name);
    const truth = this.label === null ? '' : ` · it is ${this.classes[this.label] ?? ''}`;
    setText(this.note, `${format.percent(out[best] ?? 0, 1)}${truth}`);
    // Said when the drawing rests.
    clearTimeout(this.speaking);
    this.speaking = window.setTimeout(() => setText(this.said, `Most likely ${name}, ${format.percent(out[best] ?? 0, 0)}`), SPEAK_MS);
  }
}

const pictureShape = (shape: number[]): boolean => shape.length === 3 && (shape[0] === 1 || shape[0] === 3);
