// The data files that people gave, for recipes that need some: in memory, and in the browser's storage where it has room.

import type { RecipeInfo } from 'wgrad';
import { canonical, missing } from './files';
import type { News } from './protocol';
import * as storage from './storage';

export class DataFiles {
  private files = new Map<string, Uint8Array>();
  private kept = false;

  constructor(private readonly tell: (news: News) => void) {}

  async restore(): Promise<void> {
    try {
      this.files = await storage.getFiles();
      this.kept = this.files.size > 0;
    } catch {
      // The list of kept models tells what is wrong with the storage.
    }
    this.say([]);
  }

  async add(files: File[], wanted: string[]): Promise<void> {
    const names = wanted.map(canonical);
    const refused: string[] = [];
    for (const file of files) {
      const name = canonical(file.name);
      if (names.includes(name)) this.files.set(name, new Uint8Array(await file.arrayBuffer()));
      else refused.push(file.name);
    }
    try {
      if (refused.length < files.length) await storage.putFiles(this.files);
      this.kept = this.files.size > 0;
    } catch {
      // They stay for this visit.
      this.kept = false;
    }
    this.say(refused);
  }

  async forget(): Promise<void> {
    this.files = new Map();
    this.kept = false;
    this.say([]);
    await storage.removeFiles();
  }

  // Names of the files that a recipe still lacks.
  lacking(info: RecipeInfo): string[] {
    return missing(info.files, [...this.files.keys()]);
  }

  // What a recipe needs, by the names that it gives them; null where it needs none.
  of(info: RecipeInfo): { [name: string]: Uint8Array } | null {
    if (info.files.length === 0) return null;
    return Object.fromEntries(info.files.map((name) => [name, this.files.get(canonical(name)) ?? new Uint8Array()]));
  }

  all(): { [name: string]: Uint8Array } | null {
    return this.files.size > 0 ? Object.fromEntries(this.files) : null;
  }

  private say(refused: string[]): void {
    this.tell({ news: 'files', files: { have: [...this.files.keys()], kept: this.kept, refused } });
  }
}
