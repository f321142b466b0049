// The files that a recipe needs: which are here, how far their reading is, and what was left out.

import { lacking } from '../../npm/src/names';
import { byId, make, onPress, setText } from './dom';
import { chosen, dropped } from './drop';
import type { Engine } from './engine';
import { canonical, missing } from './files';
import * as format from './format';
import type { FileStatus, Given, News, ReadFacts, RecipeInfo } from './protocol';

const NOTHING: FileStatus = { have: [], kept: false, refused: [], refusedCount: 0, named: [], own: null };
const CIFAR = 'cifar-10-binary.tar.gz, or cifar10-train.tar.gz with cifar10-test.tar.gz';

export class FilesPanel {
  private info: RecipeInfo | null = null;
  private status = NOTHING;
  private readonly box = byId('files', HTMLElement);
  private readonly input = byId('files-input', HTMLInputElement);
  private readonly folder = byId('folder-input', HTMLInputElement);
  private readonly forget = byId('forget-files', HTMLButtonElement);
  private readonly note = byId('files-status', HTMLElement);
  private readonly bar = byId('reading', HTMLElement);
  private readonly skipped = byId('skipped', HTMLElement);

  constructor(private readonly engine: Engine) {
    for (const [button, input] of [['choose-files', this.input], ['choose-folder', this.folder]] as const) {
      onPress(byId(button, HTMLButtonElement), () => input.click());
      input.addEventListener('change', () => {
        this.add(chosen(input.files));
        input.value = '';
      });
    }
    onPress(this.forget, () => void engine.call('forgetFiles'));
    this.acceptDrops();
  }

  // Names of the files that are still to come.
  get missing(): string[] {
    const { info, status } = this;
    if (!info) return [];
    if (!this.pictures) return missing(info.files, status.have);
    return lacking(info.source, info.files, this.any ? (status.own?.paths ?? []) : status.named);
  }

  // The same for people.
  get missingWords(): string[] {
    if (this.any && this.missing.length > 0) return ['pictures, in a folder or an archive'];
    return this.missing;
  }

  // Whether the recipe is on pictures, and on any set of them.
  private get pictures(): boolean {
    return this.info?.source === 'images' || this.info?.source === 'cifar10';
  }

  private get any(): boolean {
    return this.pictures && (this.info?.files.includes('.') ?? false);
  }

  // The recipe in view is another one.
  want(info: RecipeInfo | null): void {
    const same = info?.source === this.info?.source && info?.files.join() === this.info?.files.join();
    this.info = info;
    if (!same) this.clear();
    this.list();
  }

  show(status: FileStatus): void {
    this.status = status;
    this.forget.hidden = status.have.length + status.named.length === 0 && !status.own;
    this.clear();
    this.list();
  }

  // How far the reading of pictures is.
  reading({ done, of, place, skipped }: Extract<News, { news: 'reading' }>['event']): void {
    this.bar.hidden = false;
    byId('reading-fill', HTMLElement).style.transform = `scaleX(${of > 0 ? done / of : 0})`;
    this.bar.setAttribute('aria-valuenow', String(of > 0 ? Math.floor((100 * done) / of) : 0));
    const left = skipped > 0 ? `, ${format.count(skipped)} left out` : '';
    this.say(of > 0 ? `Reading ${place}: ${format.count(done)} of ${format.count(of)} pictures${left}` : `Looking through ${place} …`);
  }

  read(report: ReadFacts | null, problem: string | null): void {
    this.bar.hidden = true;
    this.skipped.replaceChildren();
    if (!report) {
      // It begins with a file's name.
      this.say(problem ?? '', problem ? 'bad' : 'plain');
      return;
    }
    const { train, validation, test } = report.samples;
    const parts = [`${format.count(train)} train`, ...(validation > 0 ? [`${format.count(validation)} validate`] : []), `${format.count(test)} test`];
    const classes = report.classes.length <= 12 ? report.classes.join(', ') : `${report.classes.length} of them`;
    this.say(`All is read: ${parts.join(', ')}. Classes: ${classes}.`, 'good');
    if (report.beside > 0) this.skipped.append(make('li', '', `${format.count(report.beside)} in no class folder: not used.`));
    if (report.skippedCount === 0) return;
    this.skipped.append(make('li', '', `Left out: ${format.count(report.skippedCount)} that cannot be read.`), ...report.skipped.map((line) => make('li', 'one', line)));
    const more = report.skippedCount - report.skipped.length;
    if (more > 0) this.skipped.append(make('li', 'one', `and ${format.count(more)} more`));
  }

  private clear(): void {
    this.bar.hidden = true;
    this.skipped.replaceChildren();
    const { refused, refusedCount, kept } = this.status;
    const names = refusedCount > refused.length ? `${refused.join(', ')} and ${format.count(refusedCount - refused.length)} more` : refused.join(', ');
    let text = refusedCount > 0 ? `Not used: ${names}. This recipe takes the files with the names above.` : '';
    if (this.info && this.info.files.length > 0 && this.missing.length === 0 && !this.pictures) {
      text += kept ? ' All are here, and kept in this browser.' : ' All are here, for this visit: the browser has no room to keep them.';
    }
    this.say(text.trim());
  }

  private say(text: string, tone: 'plain' | 'good' | 'bad' = 'plain'): void {
    setText(this.note, text);
    this.note.dataset['tone'] = tone;
  }

  private list(): void {
    const wanted = this.info?.files ?? [];
    this.box.hidden = wanted.length === 0;
    byId('choose-folder', HTMLElement).hidden = !this.pictures;
    byId('files-list', HTMLElement).replaceChildren(...(this.any ? this.own() : wanted.map((name) => this.item(name))));
    setText(byId('files-intro', HTMLElement), this.intro());
  }

  private own(): HTMLElement[] {
    const { own } = this.status;
    if (!own) return [line(false, 'your pictures')];
    return [line(true, own.files === 1 ? own.name : `${own.name}, ${format.count(own.files)} files`)];
  }

  private item(name: string): HTMLElement {
    const here = this.pictures ? !this.missing.includes(name) && this.missing.length < (this.info?.files.length ?? 0) : this.status.have.includes(canonical(name));
    return line(here || this.missing.length === 0, this.info?.source === 'cifar10' ? CIFAR : name);
  }

  private intro(): string {
    const wanted = this.info?.files ?? [];
    const visit = 'They are read in this tab and stay in its memory for this visit.';
    if (this.any) return `Drop a folder of pictures with a folder for each class in it, or the same as .zip, .tar or .tar.gz. ${visit}`;
    if (this.pictures) return `Drop ${wanted.length === 1 ? 'this archive' : 'these archives'} of pictures, or the folders. ${visit}`;
    return `Drop the ${wanted.length === 4 ? 'four' : wanted.length} files here, plain or .gz. They stay in this browser.`;
  }

  private add(files: Given[]): void {
    if (files.length > 0 && this.info) void this.engine.call('addFiles', files, this.info);
  }

  // Files may be dropped anywhere: a miss by a few pixels must not make the browser open the file instead of the page.
  private acceptDrops(): void {
    addEventListener('dragover', (event) => {
      event.preventDefault();
      if (event.dataTransfer) event.dataTransfer.dropEffect = this.box.hidden ? 'none' : 'copy';
      this.box.classList.add('over');
    });
    addEventListener('dragleave', (event) => {
      if (!event.relatedTarget) this.box.classList.remove('over');
    });
    addEventListener('drop', (event) => {
      event.preventDefault();
      this.box.classList.remove('over');
      if (!this.box.hidden) void dropped(event.dataTransfer).then((files) => this.add(files));
    });
  }
}

function line(here: boolean, name: string): HTMLElement {
  const item = make('li', here ? 'here' : 'lacking');
  item.append(make('span', 'mark', here ? '✓' : '·'), make('code', '', name), make('span', 'note', here ? 'here' : 'missing'));
  return item;
}
