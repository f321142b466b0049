// One training: the engine's events made into few messages for the page.

import { type Data, type Device, type Model, type RecipeInfo, train } from 'wgrad';
import { Rate, Throttle } from './meter';
import type { EpochRow, News, Point, Progress } from './protocol';

// At most 20 messages a second about progress.
const MESSAGE_MS = 50;
// Readings of the loss that a curve needs.
const READINGS = 120;

export interface Training {
  recipe: string;
  info: RecipeInfo;
  data: Data | null;
  device: Device;
  signal: AbortSignal;
  lossEvery: number | null;
  // A checkpoint to go on from.
  from: Uint8Array | null;
  started(model: Model): void;
  checkpoint(bytes: Uint8Array): void;
  lost(): void;
}

// Gives the model, and the seconds from `called` to the end of the first step; null where none ran.
export async function run(t: Training, called: number, tell: (news: News) => void): Promise<{ model: Model; firstStep: number | null }> {
  const rate = new Rate();
  const every = t.lossEvery ?? readEvery(t.info);
  let firstStep: number | null = null;
  let points: Point[] = [];
  let rows: EpochRow[] = [];
  let progress: Progress | null = null;
  const messages = new Throttle(MESSAGE_MS, () => {
    if (!progress) return;
    const memory = t.device.memory();
    progress.memory = { live: memory.live_bytes, peak: memory.peak_bytes };
    tell({ news: 'progress', progress: { ...progress, points, rows } });
    points = [];
    rows = [];
  });
  const model = await train(t.recipe, t.data, {
    device: t.device,
    signal: t.signal,
    ...(every === null ? {} : { lossEvery: every }),
    ...(t.from ? { from: t.from } : {}),
    onStart: (model) => t.started(model),
    onStep: (s) => {
      const now = performance.now();
      firstStep ??= (now - called) / 1000;
      rate.add(s.step, now);
      // The engine gives null for what is no number.
      if (s.loss !== undefined) points.push({ step: s.step, loss: s.loss ?? NaN, accuracy: s.accuracy ?? null, batch: s.batch_loss ?? null });
      const { epoch, epochs, step, done, steps } = s;
      progress = { epoch, epochs, step, done, steps, rate: rate.perSecond(step, now), memory: null, points, rows };
      messages.ask();
    },
    onEpoch: (row) => {
      rows.push(row);
      messages.ask();
    },
    onCheckpoint: (bytes) => t.checkpoint(bytes),
    onNote: (text) => {
      messages.flush();
      const lost = /device was lost/i.test(text);
      if (lost) t.lost();
      tell({ news: lost ? 'lost' : 'note', text });
    },
  });
  messages.flush();
  return { model, firstStep };
}

// The steps between two readings, where the steps of the run can be told beforehand: on a fast device it would be over
// before the engine's own two readings a second. Null leaves it to the engine.
function readEvery(info: RecipeInfo): number | null {
  const given = /^[ \t]*train[ \t]*=[ \t]*([\d_]+)/m.exec(info.toml);
  const known: Partial<Record<RecipeInfo['source'], number>> = { mnist: 60_000, cifar10: 50_000, values: info.batch_size };
  const samples = given ? Number(given[1]?.replaceAll('_', '')) : known[info.source];
  if (samples === undefined) return null;
  return Math.max(1, Math.floor((info.epochs * Math.ceil(samples / info.batch_size)) / READINGS));
}
