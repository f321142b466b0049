// Reading pictures: one set at a time, told to the page a few times a second.

import type { Data, ReadEvent, RecipeInfo } from 'wgrad';
import { Throttle } from './meter';
import type { News } from './protocol';

const MESSAGE_MS = 100;
// Files that were left out, told by name.
const NAMED = 5;

interface Run {
  key: string;
  abort: AbortController;
  done: Promise<void>;
}

export class Reading {
  private now: Run | null = null;

  constructor(private readonly tell: (news: News) => void) {}

  // Ends when the recipe's pictures are read; at once where they were.
  async read(data: Data, recipe: string, info: RecipeInfo, signal: AbortSignal | null): Promise<void> {
    // Another number of epochs is no reason to read anew.
    const section = /^\[data\][^]*?(?=^\[(?!data\])|$(?![^]))/m.exec(recipe)?.[0] ?? info.name;
    const key = `${section.trim()} ${info.seed}`;
    while (this.now && this.now.key !== key) await this.stop();
    this.now ??= this.start(key, data, recipe);
    const { abort, done } = this.now;
    const stop = (): void => abort.abort();
    signal?.addEventListener('abort', stop);
    try {
      await done;
    } finally {
      signal?.removeEventListener('abort', stop);
    }
  }

  async stop(): Promise<void> {
    this.now?.abort.abort();
    await this.now?.done.catch(() => undefined);
  }

  private start(key: string, data: Data, recipe: string): Run {
    const abort = new AbortController();
    let last: ReadEvent | null = null;
    const messages = new Throttle(MESSAGE_MS, () => last && this.tell({ news: 'reading', event: last }));
    const work = async (): Promise<void> => {
      try {
        const { skipped, ...report } = await data.read(recipe, {
          signal: abort.signal,
          onProgress: (event) => {
            last = event;
            messages.ask();
          },
        });
        messages.flush();
        this.tell({ news: 'read', report: { ...report, skipped: skipped.slice(0, NAMED), skippedCount: skipped.length }, problem: null });
      } catch (error) {
        messages.flush();
        const stopped = (error as { kind?: string }).kind === 'stopped';
        this.tell({ news: 'read', report: null, problem: stopped ? null : (error as Error).message });
        throw error;
      } finally {
        this.now = null;
      }
    };
    const done = work();
    // Who waits for it is told; nobody may.
    done.catch(() => undefined);
    return { key, abort, done };
  }
}
