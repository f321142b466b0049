// The model as a thing to have: download, load, keep in the browser's storage.

import { byId, download, enable, make, onPress, setText } from './dom';
import type { Engine } from './engine';
import * as format from './format';
import { AUTOSAVE, type Kept, type Loaded, type ModelInfo, type State } from './protocol';

export class ModelPanel {
  private readonly status = byId('model-status', HTMLElement);
  private readonly input = byId('model-input', HTMLInputElement);
  private readonly buttons = {
    download: byId('download-model', HTMLButtonElement),
    keep: byId('keep', HTMLButtonElement),
    load: byId('load-model', HTMLButtonElement),
    undelete: byId('undelete', HTMLButtonElement),
  };
  private idle = false;
  private model: ModelInfo | null = null;

  constructor(
    private readonly engine: Engine,
    private readonly recipe: () => string,
    // A model came from a file or from the storage.
    private readonly loaded: (loaded: Loaded) => void,
  ) {
    onPress(this.buttons.download, () => void this.run(() => this.download()));
    onPress(this.buttons.keep, () => void this.run(() => this.keep()));
    onPress(this.buttons.load, () => this.input.click());
    onPress(this.buttons.undelete, () => void this.run(() => engine.call('undelete')));
    this.input.addEventListener('change', () => {
      const file = this.input.files?.[0];
      if (file) void this.run(() => this.load(file));
      // The same file may be chosen again.
      this.input.value = '';
    });
  }

  update(state: State, device: boolean): void {
    this.model = state.model;
    this.idle = state.job === 'none' || state.job === 'evaluate';
    enable(this.buttons.download, this.model !== null && (this.idle || state.resume !== null));
    enable(this.buttons.keep, this.model !== null && (this.idle || state.resume !== null));
    enable(this.buttons.load, device && this.idle);
    for (const button of document.querySelectorAll<HTMLButtonElement>('#kept-rows .load')) enable(button, device && this.idle);
  }

  show(list: Kept[], problem: string | null, deleted: string | null, device: boolean): void {
    const table = byId('kept', HTMLTableElement);
    table.hidden = list.length === 0;
    const rows = byId('kept-rows', HTMLElement);
    // The focus stays where it was when the list is written anew; from what is gone it moves to what undoes that.
    const focused = document.activeElement?.getAttribute('data-key');
    const undoing = document.activeElement === this.buttons.undelete;
    rows.replaceChildren(...list.map((kept) => this.row(kept, device)));
    const again = focused ? rows.querySelector<HTMLElement>(`[data-key="${focused}"]`) : null;
    let text = 'Nothing is kept yet. Checkpoints are kept by themselves while a training runs.';
    if (problem) text = `This browser keeps no models here: ${problem}.`;
    else if (deleted) text = `Deleted ${deleted}.`;
    else if (list.length > 0) text = '';
    setText(byId('kept-text', HTMLElement), text);
    this.buttons.undelete.hidden = deleted === null;
    if (focused) (again ?? this.buttons.undelete).focus();
    else if (undoing && deleted === null) rows.querySelector<HTMLElement>('.load')?.focus();
  }

  private row(kept: Kept, device: boolean): HTMLTableRowElement {
    const row = make('tr');
    const name = make('th', '', kept.name);
    name.scope = 'row';
    if (kept.id === AUTOSAVE) name.append(make('span', 'tag', 'last checkpoint'));
    const load = make('button', 'small load', 'Load');
    const remove = make('button', 'small quiet', 'Delete');
    for (const [button, verb] of [[load, 'Load'], [remove, 'Delete']] as const) {
      button.type = 'button';
      button.dataset['key'] = `${verb} ${kept.id}`;
      button.setAttribute('aria-label', `${verb} ${kept.name}, step ${kept.step}`);
    }
    enable(load, device && this.idle);
    onPress(load, () => void this.run(() => this.loadKept(kept)));
    onPress(remove, () => void this.run(() => this.engine.call('deleteKept', kept.id)));
    const actions = make('td', 'actions');
    actions.append(load, remove);
    row.append(
      name,
      cell('step', format.count(kept.step)),
      cell('epoch', `${format.count(kept.epoch)} of ${format.count(kept.epochs)}`),
      cell('', format.date(kept.date)),
      cell('', format.bytes(kept.bytes)),
      actions,
    );
    return row;
  }

  private async download(): Promise<void> {
    const name = `${this.model?.name ?? 'model'}.safetensors`;
    const bytes = this.idle ? await this.engine.call('save') : await this.engine.call('checkpoint');
    if (!bytes) return;
    download(name, bytes, 'application/octet-stream');
    setText(this.status, `${name}, ${format.bytes(bytes.length)}${this.idle ? '' : ', the last checkpoint'}`);
  }

  private async keep(): Promise<void> {
    await this.engine.call('keep');
    setText(this.status, 'Kept in this browser.');
  }

  private async load(file: File): Promise<void> {
    setText(this.status, `Loading ${file.name} …`);
    const loaded = await this.engine.call('load', this.recipe(), file);
    const own = loaded.recipe === this.recipe() ? '' : ' The recipe is the file’s own.';
    setText(this.status, `Loaded ${file.name}: step ${format.count(loaded.model.step)}.${own}`);
    this.loaded(loaded);
  }

  private async loadKept(kept: Kept): Promise<void> {
    setText(this.status, `Loading ${kept.name} …`);
    const loaded = await this.engine.call('loadKept', kept.id);
    setText(this.status, `Loaded ${kept.name}: step ${format.count(loaded.model.step)}.`);
    this.loaded(loaded);
  }

  private async run(action: () => Promise<void>): Promise<void> {
    delete this.status.dataset['tone'];
    try {
      await action();
    } catch (error) {
      setText(this.status, (error as Error).message);
      this.status.dataset['tone'] = 'bad';
    }
  }
}

// `label` stands in for the head of the column where there is no room for columns.
function cell(label: string, text: string): HTMLTableCellElement {
  const cell = make('td', '', text);
  cell.dataset['label'] = label;
  return cell;
}
