// The network of the recipe in view: the summary that the engine gives as text in columns, as a table.

import { byId, make, setText } from './dom';
import type { Engine } from './engine';
import * as format from './format';
import type { ModelInfo } from './protocol';

export class NetworkPanel {
  private readonly box = byId('summary', HTMLElement);
  private readonly note = byId('network-note', HTMLElement);
  private facts = '';
  private previewed = '';

  constructor(private readonly engine: Engine) {}

  show(model: ModelInfo): void {
    this.box.replaceChildren(table(model.summary));
    const parts = [`${format.count(model.parameters)} parameters`];
    const flops = /[\d,]+ FLOPs a sample/.exec(model.summary);
    if (flops) parts.push(flops[0]);
    if (model.planBytes > 0) parts.push(`a training step needs ${format.bytes(model.planBytes)} of GPU memory`);
    this.facts = parts.join(' · ');
    this.outdated(false);
  }

  // What was shown may be out of date: there are other files.
  forget(): void {
    this.previewed = '';
  }

  // Whether the recipe in view has an error, so that the network shown is an older one's.
  outdated(on: boolean): void {
    this.box.classList.toggle('outdated', on);
    setText(this.note, on && this.facts ? 'This is the network from before the error.' : this.facts);
  }

  // The summary of a recipe that is not trained yet; `text` tells the recipe in view.
  async preview(text: () => string): Promise<void> {
    const recipe = text();
    if (recipe === this.previewed) return;
    this.previewed = recipe;
    try {
      const model = await this.engine.call('preview', recipe);
      if (model && recipe === text()) this.show(model);
      if (!model) this.previewed = '';
    } catch (error) {
      const { kind } = error as { kind?: string };
      // Another reading took its place.
      if (kind === 'stopped') return this.forget();
      // Beside the files it is said what is wrong with them.
      if (kind === 'data') return this.box.replaceChildren();
      this.box.replaceChildren(make('p', 'error', (error as Error).message));
      byId('network-details', HTMLDetailsElement).open = true;
      this.facts = '';
      this.outdated(false);
    }
  }
}

// Layers, outputs and parameters. The operations of each layer would not fit beside them; their sum stands below.
function table(text: string): HTMLElement {
  const lines = text.split('\n').filter((line) => line.trim() && !/^[─-]+$/.test(line.trim()));
  // Columns are two blanks apart. The last line sums up.
  const rows = lines.slice(0, -1).map((line) => ({ depth: (/^ */.exec(line)?.[0].length ?? 0) / 2, cells: line.trim().split(/\s{2,}/) }));
  // As it is, where it is laid out otherwise. A layer that holds others has no numbers of its own.
  if (rows.length < 2 || rows.some(({ cells }) => cells.length < 2 || cells.length > 4)) return make('pre', '', text);
  const table = make('table');
  rows.forEach(({ depth, cells: [layer, ...cells] }, i) => {
    const row = make('tr');
    const head = make('th', '', layer);
    head.scope = i === 0 ? 'col' : 'row';
    head.style.paddingLeft = `${depth}em`;
    row.append(head, ...[0, 1].map((n) => make(i === 0 ? 'th' : 'td', '', cells[n] ?? '')));
    (i === 0 ? table.createTHead() : (table.tBodies[0] ?? table.createTBody())).append(row);
  });
  return table;
}
