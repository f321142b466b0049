// The data files that people gave, for recipes that need some. Those of MNIST's kind are kept in the browser's storage, where it has
// room; pictures stay where they are on the disk, and what was read of them is in memory for this visit.

import { Data, type RecipeInfo } from 'wgrad';
import { accepts, base, isArchive, lacking } from '../../npm/src/names';
import { canonical, missing as missingFiles } from './files';
import { Refusal } from './jobs';
import type { Given, News } from './protocol';
import { Reading } from './reading';
import * as storage from './storage';

export const onPictures = (info: RecipeInfo): boolean => info.source === 'images' || info.source === 'cifar10';
// A recipe on whatever set of pictures there is.
const onOwn = (info: RecipeInfo): boolean => info.files.includes('.');

type Shelf = 'bytes' | 'named' | 'own';

export class DataFiles {
  private bytes = new Map<string, Uint8Array>();
  // Pictures that a recipe asks for by name, and the visitor's own.
  private named = new Map<string, File>();
  private own = new Map<string, File>();
  private kept = false;
  // What was read last; another one makes it free its memory first.
  private current: { shelf: Shelf; data: Data } | null = null;
  private readonly reading: Reading;

  constructor(private readonly tell: (news: News) => void) {
    this.reading = new Reading(tell);
  }

  async restore(): Promise<void> {
    try {
      const last = await storage.getFiles();
      // Somebody may have given files meanwhile.
      if (this.bytes.size === 0) [this.bytes, this.kept] = [last, last.size > 0];
    } catch {
      // The list of kept models tells what is wrong with the storage.
    }
    this.say([]);
  }

  async add(given: Given[], recipe: RecipeInfo): Promise<void> {
    const refused = onPictures(recipe) ? this.addPictures(given, recipe) : await this.addBytes(given, recipe);
    if (refused.length < given.length) await this.free();
    this.say(refused);
  }

  private addPictures(given: Given[], recipe: RecipeInfo): string[] {
    if (onOwn(recipe)) {
      // Another set takes the place of the one before.
      this.own = new Map(given.map(({ path, file }) => [path, file]));
      return [];
    }
    const taken = given.filter(({ path }) => accepts(recipe.source, recipe.files, path));
    for (const { path, file } of taken) this.named.set(path, file);
    return given.filter((one) => !taken.includes(one)).map(({ path }) => path);
  }

  private async addBytes(given: Given[], recipe: RecipeInfo): Promise<string[]> {
    const names = recipe.files.map(canonical);
    const refused: string[] = [];
    for (const { path, file } of given) {
      const name = canonical(path);
      if (names.includes(name)) this.bytes.set(name, new Uint8Array(await file.arrayBuffer()));
      else refused.push(path);
    }
    try {
      if (refused.length < given.length) await storage.putFiles(this.bytes);
      this.kept = this.bytes.size > 0;
    } catch {
      // They stay for this visit.
      this.kept = false;
    }
    return refused;
  }

  async forget(): Promise<void> {
    this.bytes = new Map();
    this.named = new Map();
    this.own = new Map();
    this.kept = false;
    await this.free();
    this.say([]);
    await storage.removeFiles();
  }

  // Names of the files that a recipe still lacks.
  lacking(info: RecipeInfo): string[] {
    if (!onPictures(info)) return missingFiles(info.files, [...this.bytes.keys()]);
    return lacking(info.source, info.files, [...(onOwn(info) ? this.own : this.named).keys()]);
  }

  // What a recipe needs, read; null where it needs none. One reading at a time: who wants the same waits for it with the others.
  async of(recipe: string, info: RecipeInfo, signal: AbortSignal | null = null): Promise<Data | null> {
    if (info.files.length === 0) return null;
    const missing = this.lacking(info);
    if (missing.length > 0) throw new Refusal('data', missing.includes('.') ? 'The pictures are still missing: give a folder or an archive of them.' : `These files are still missing: ${missing.join(', ')}.`);
    const shelf = !onPictures(info) ? 'bytes' : onOwn(info) ? 'own' : 'named';
    if (this.current?.shelf !== shelf) {
      await this.free();
      this.current = { shelf, data: new Data(Object.fromEntries<Uint8Array | File>(this[shelf])) };
    }
    const { data } = this.current as { data: Data };
    if (shelf !== 'bytes') await this.reading.read(data, recipe, info, signal);
    return data;
  }

  // All that is here, for a recipe that is not known yet.
  all(): Data | null {
    const all = [...this.bytes, ...this.named, ...this.own];
    return all.length > 0 ? new Data(Object.fromEntries(all)) : null;
  }

  private async free(): Promise<void> {
    await this.reading.stop();
    this.current?.data.free();
    this.current = null;
  }

  private say(refused: string[]): void {
    const { own } = this;
    const [first] = own.keys();
    const top = first?.includes('/') ? (first.split('/')[0] as string) : first;
    this.tell({
      news: 'files',
      files: {
        have: [...this.bytes.keys()],
        kept: this.kept,
        refused: refused.slice(0, 5),
        refusedCount: refused.length,
        named: places([...this.named.keys()]),
        own: first === undefined ? null : { name: own.size === 1 ? base(first) : (top as string), files: own.size, paths: places([...own.keys()]) },
      },
    });
  }
}

// Archives, and one file of each folder: enough to tell what is there.
function places(paths: string[]): string[] {
  const folders = new Map<string, string>();
  const single: string[] = [];
  for (const path of paths) {
    if (isArchive(path) || path.endsWith('.bin') || !path.includes('/')) single.push(path);
    else folders.set(path.slice(0, path.lastIndexOf('/')), path);
  }
  return [...single, ...folders.values()];
}
