// The worker, as the page sees it: calls that return promises, and news.

import type { Arguments, CallName, Message, News, Problem, Request, Result } from './protocol';

// An error that the worker sent; its message is for people.
export class EngineError extends Error {
  readonly kind: string;

  constructor(problem: Problem) {
    super(problem.message);
    this.kind = problem.kind;
  }
}

export class Engine {
  private worker: Worker;
  private readonly waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  private next = 0;
  // Whether the worker under way has loaded the engine.
  private loaded = false;

  constructor(private readonly onNews: (news: News) => void) {
    this.worker = this.start();
    // No worker outlives its page. A page that comes back from the browser's cache has none, so it starts anew.
    addEventListener('pagehide', () => this.worker.terminate());
    addEventListener('pageshow', (event) => {
      if (event.persisted) location.reload();
    });
  }

  private start(): Worker {
    const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
    worker.onmessage = (event: MessageEvent<Message>) => this.take(event.data);
    worker.onerror = (event) => this.fail(event.message);
    return worker;
  }

  // An engine that breaks once it was loaded has mostly asked for more memory than a tab has. It is of no use any more:
  // another one takes its place, and who waits is told.
  private fail(message: string): void {
    if (!this.loaded) {
      const words = message ? `The worker failed: ${message}` : 'The worker could not be loaded. Reload the page.';
      this.onNews({ news: 'broken', problem: { kind: 'other', message: words } });
      return;
    }
    this.loaded = false;
    this.worker.terminate();
    this.worker = this.start();
    const words = 'The engine broke down and was started again. Most likely this needs more memory than a browser tab has: make the network or the data smaller.';
    const waiting = [...this.waiting.values()];
    this.waiting.clear();
    for (const { reject } of waiting) reject(new EngineError({ kind: 'broken', message: words }));
  }

  call<K extends CallName>(call: K, ...args: Arguments<K>): Promise<Result<K>> {
    const id = this.next++;
    return new Promise<Result<K>>((resolve, reject) => {
      this.waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.worker.postMessage({ id, call, args } as Request);
    });
  }

  private take(message: Message): void {
    if ('news' in message) {
      if (message.news === 'loaded') this.loaded = true;
      this.onNews(message);
      return;
    }
    const caller = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    if ('problem' in message) caller?.reject(new EngineError(message.problem));
    else caller?.resolve(message.value);
  }
}
