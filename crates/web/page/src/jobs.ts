// One job at a time: each wants the whole device.

import type { Job } from './protocol';

// An error whose message is for people.
export class Refusal extends Error {
  constructor(
    readonly kind: string,
    message: string,
  ) {
    super(message);
  }
}

const NAMES: { [K in Job]: string } = { none: '', train: 'A training', evaluate: 'An evaluation', verify: 'Verify', bench: 'Bench' };

export class Jobs {
  now: Job = 'none';
  // Ends when the evaluations and predictions under way have ended.
  quiet: Promise<unknown> = Promise.resolve();
  private abort: AbortController | null = null;

  constructor(
    private readonly changed: () => void,
    private readonly failed: (error: unknown) => void,
  ) {}

  // Runs a job, alone. One that starts while an evaluation runs waits for it.
  async run<T>(job: Job, body: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.now === 'evaluate') await this.quiet;
    if (this.now !== 'none') throw new Refusal('busy', `${NAMES[this.now]} is running; stop it first.`);
    this.now = job;
    this.abort = new AbortController();
    this.changed();
    try {
      return await body(this.abort.signal);
    } catch (error) {
      this.failed(error);
      throw error;
    } finally {
      this.now = 'none';
      this.abort = null;
      this.changed();
    }
  }

  stop(): void {
    this.abort?.abort();
  }

  // No model is freed while this runs.
  hold(answer: Promise<unknown>): void {
    this.quiet = Promise.allSettled([this.quiet, answer]);
  }
}
