// The recipe: which one, its text, epochs and seed, and the files that its data need. The text is the truth; the fields
// edit it, and the engine judges it at every change.

import { byId, setText } from './dom';
import { type Engine, EngineError } from './engine';
import { FilesPanel } from './files_panel';
import type { FileStatus, RecipeInfo } from './protocol';
import { lineOf, withNumber } from './recipe_text';

const OWN = 'own';
const TYPING_MS = 200;

const TITLES: { [name: string]: string } = {
  quickstart: 'quickstart: digits drawn by wgrad, no files',
  'mnist-mlp': 'mnist-mlp: the MNIST digits, from your files',
  linear: 'linear: a line through five points',
  'mnist-cnn': 'mnist-cnn: the MNIST digits by two convolutions',
  'cifar10-cnn': 'cifar10-cnn: the photographs of CIFAR-10',
  'cifar10-resnet': 'cifar10-resnet: the same by a residual network',
  'images-cnn': 'images-cnn: pictures of your own',
  'cats-dogs': 'cats-dogs: cats and dogs, one convolution',
  'cats-dogs-vgg': 'cats-dogs-vgg: cats and dogs, a deeper network',
};

export class RecipePanel {
  // What the engine read of the text; null while there is an error in it.
  info: RecipeInfo | null = null;
  private builtIn: RecipeInfo[] = [];
  private timer = 0;
  private asked = 0;
  private readonly select = byId('recipe', HTMLSelectElement);
  private readonly area = byId('recipe-text', HTMLTextAreaElement);
  private readonly error = byId('recipe-error', HTMLElement);
  private readonly epochs = byId('epochs', HTMLInputElement);
  private readonly seed = byId('seed', HTMLInputElement);
  readonly files: FilesPanel;

  constructor(
    private readonly engine: Engine,
    // The text, its judgement or the files changed.
    private readonly changed: () => void,
  ) {
    this.select.addEventListener('change', () => this.choose());
    this.area.addEventListener('input', () => {
      clearTimeout(this.timer);
      this.timer = window.setTimeout(() => void this.judge(), TYPING_MS);
    });
    this.field(this.epochs, 'epochs');
    this.field(this.seed, 'seed');
    this.files = new FilesPanel(engine);
  }

  get text(): string {
    return this.area.value;
  }

  get typing(): boolean {
    const at = document.activeElement;
    return at === this.area || at === this.epochs || at === this.seed;
  }

  // Names of the files that are still to come.
  get missing(): string[] {
    return this.files.missingWords;
  }

  // The built-in recipes are known; the address may choose one.
  start(recipes: RecipeInfo[], query: URLSearchParams): void {
    this.builtIn = recipes;
    const options = recipes.map(({ name }) => [name, TITLES[name] ?? name]);
    this.select.replaceChildren(...[...options, [OWN, 'a recipe of your own']].map(([value, title]) => new Option(title, value)));
    const wanted = query.get('recipe') ?? '';
    this.select.value = recipes.some((r) => r.name === wanted) ? wanted : (recipes[0]?.name ?? OWN);
    let text = recipes.find((r) => r.name === this.select.value)?.toml ?? '';
    for (const key of ['epochs', 'seed']) {
      const value = Number(query.get(key) ?? NaN);
      if (Number.isSafeInteger(value) && value >= 0) text = withNumber(text, key, value);
    }
    this.set(text);
  }

  set(text: string): void {
    this.area.value = text;
    this.area.scrollTop = 0;
    void this.judge();
  }

  showFiles(status: FileStatus): void {
    this.files.show(status);
    this.changed();
  }

  private choose(): void {
    const chosen = this.builtIn.find((r) => r.name === this.select.value);
    if (chosen) this.set(chosen.toml);
    else this.area.select();
    if (!chosen) {
      byId('recipe-details', HTMLDetailsElement).open = true;
      this.area.focus();
    }
  }

  private field(input: HTMLInputElement, key: string): void {
    input.addEventListener('input', () => {
      const value = input.valueAsNumber;
      // An empty field, or 1.5, is somebody still typing.
      if (!Number.isSafeInteger(value) || value < Number(input.min)) return;
      this.area.value = withNumber(this.area.value, key, value);
      void this.judge();
    });
    input.addEventListener('change', () => void this.judge());
  }

  private async judge(): Promise<void> {
    const asked = ++this.asked;
    const text = this.text;
    try {
      const info = await this.engine.call('describe', text);
      if (asked !== this.asked) return;
      this.info = info;
      setText(this.error, '');
      this.area.removeAttribute('aria-invalid');
      if (document.activeElement !== this.epochs) this.epochs.value = String(info.epochs);
      if (document.activeElement !== this.seed) this.seed.value = String(info.seed);
      this.name(text);
    } catch (error) {
      if (asked !== this.asked) return;
      this.info = null;
      this.fail(error);
    }
    this.files.want(this.info);
    this.changed();
  }

  private fail(error: unknown): void {
    const message = error instanceof EngineError ? error.message : String(error);
    const line = lineOf(message);
    setText(this.error, message);
    this.area.setAttribute('aria-invalid', 'true');
    byId('recipe-details', HTMLDetailsElement).open = true;
    // Shows the line, unless somebody is typing.
    if (line !== null && document.activeElement !== this.area) {
      const height = parseFloat(getComputedStyle(this.area).lineHeight);
      this.area.scrollTop = Math.max(0, (line - 4) * height);
    }
  }

  // The text of a built-in recipe with another seed or number of epochs still bears its name.
  private name(text: string): void {
    const plain = (t: string): string => withNumber(withNumber(t, 'epochs', 1), 'seed', 1).trim();
    const same = this.builtIn.find((r) => plain(r.toml) === plain(text));
    this.select.value = same?.name ?? OWN;
  }
}
