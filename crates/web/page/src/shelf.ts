// What outlives the page: the last checkpoint of the training, which is kept by itself, and the models that people keep.

import type { Model, RecipeInfo } from 'wgrad';
import { throttled } from './meter';
import { AUTOSAVE, type Kept, type News } from './protocol';
import * as storage from './storage';

const TELL_MS = 300;

export class Shelf {
  // From here a training can go on.
  checkpoint: storage.Record | null = null;
  // What the browser's storage holds, newest first.
  private list: Kept[] = [];
  private problem: string | null = null;
  private deleted: storage.Record | null = null;
  private saving: Promise<void> = Promise.resolve();
  private unsaved = false;
  private failed = false;

  constructor(private readonly tell: (news: News) => void) {}

  async restore(): Promise<void> {
    try {
      const last = (await storage.get(AUTOSAVE)) ?? null;
      // Somebody may have loaded a model meanwhile.
      this.checkpoint ??= last;
      this.list = await storage.list();
    } catch (error) {
      this.problem = (error as Error).message;
    }
    this.say();
  }

  async put(record: storage.Record): Promise<void> {
    await storage.put(record);
    const { content: _, ...kept } = record;
    this.list = [kept, ...this.list.filter((other) => other.id !== kept.id)];
    this.say();
  }

  // Writes the last checkpoint; one write at a time, and where several wait only the newest.
  persist(): Promise<void> {
    if (this.unsaved) return this.saving;
    this.unsaved = true;
    this.saving = this.saving.then(async () => {
      this.unsaved = false;
      if (!this.checkpoint) return;
      try {
        await this.put(this.checkpoint);
      } catch (error) {
        if (!this.failed) this.tell({ news: 'note', text: `Checkpoints are not kept in this browser: ${(error as Error).message}.` });
        this.failed = true;
      }
    });
    return this.saving;
  }

  async remove(id: string): Promise<void> {
    this.deleted = (await storage.get(id)) ?? null;
    await storage.remove(id);
    this.list = this.list.filter((kept) => kept.id !== id);
    this.say();
  }

  async undelete(): Promise<void> {
    const record = this.deleted;
    this.deleted = null;
    if (record) await this.put(record);
  }

  // Short epochs write many checkpoints.
  private readonly say = throttled(TELL_MS, () => {
    this.tell({ news: 'kept', list: this.list, problem: this.problem, deleted: this.deleted?.name ?? null });
  });
}

export function recordOf(id: string, model: Model, recipe: string, info: RecipeInfo, content: Uint8Array): storage.Record {
  const { name, step, epoch, finished } = model;
  return { id, name, recipe, step, epoch, epochs: info.epochs, finished, bytes: content.length, date: Date.now(), content };
}
