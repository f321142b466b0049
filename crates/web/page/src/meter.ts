// Steps per second over the last two seconds, and messages that come in bursts made into few.

const WINDOW_MS = 2000;
const SAMPLE_MS = 50;
// The first steps come in a burst: over less time a rate says nothing.
const LEAST_MS = 100;

export class Rate {
  private samples: { at: number; step: number }[] = [];

  // Called after every step; keeps one sample in 50 ms.
  add(step: number, at: number): void {
    const last = this.samples[this.samples.length - 1];
    if (last && step <= last.step) this.samples = [];
    else if (last && at - last.at < SAMPLE_MS) return;
    this.samples.push({ at, step });
    while (this.samples.length > 2 && at - (this.samples[1]?.at ?? at) > WINDOW_MS) this.samples.shift();
  }

  perSecond(step: number, at: number): number | null {
    const first = this.samples[0];
    return first && step > first.step && at - first.at >= LEAST_MS ? ((step - first.step) * 1000) / (at - first.at) : null;
  }
}

// Calls `send` at once, and then not more often than every `interval` milliseconds.
export class Throttle {
  private last = 0;
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(
    private readonly interval: number,
    private readonly send: () => void,
  ) {}

  ask(): void {
    if (this.timer !== null) return;
    const wait = this.last + this.interval - performance.now();
    if (wait <= 0) this.flush();
    else this.timer = setTimeout(() => this.flush(), wait);
  }

  flush(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.last = performance.now();
    this.send();
  }
}

export function throttled(interval: number, send: () => void): () => void {
  const throttle = new Throttle(interval, send);
  return () => throttle.ask();
}
