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
  private readonly worker: Worker;
  private readonly waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  private next = 0;

  constructor(private readonly onNews: (news: News) => void) {
    this.worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
    this.worker.onmessage = (event: MessageEvent<Message>) => this.take(event.data);
    this.worker.onerror = (event) => {
      const message = event.message ? `The worker failed: ${event.message}` : 'The worker could not be loaded. Reload the page.';
      this.onNews({ news: 'broken', problem: { kind: 'other', message } });
    };
    // No worker outlives its page. A page that comes back from the browser's cache has none, so it starts anew.
    addEventListener('pagehide', () => this.worker.terminate());
    addEventListener('pageshow', (event) => {
      if (event.persisted) location.reload();
    });
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
      this.onNews(message);
      return;
    }
    const caller = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    if ('problem' in message) caller?.reject(new EngineError(message.problem));
    else caller?.resolve(message.value);
  }
}
