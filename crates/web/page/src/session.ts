// The worker's state: one device, one model, one job at a time, and the checkpoint from which a training can go on.

import { Device, Model, bench, describe, evaluate, load, predict, sample, save, train, verify } from 'wgrad';
import { canonical, missing } from './files';
import { Rate, Throttle, throttled } from './meter';
import { AUTOSAVE } from './protocol';
import type { BenchRow, EpochRow, Evaluation, Job, Kept, Loaded, ModelInfo, News, Point, Progress, Receipt, RecipeInfo, TrainEnd } from './protocol';
import * as storage from './storage';

// An error whose message is for people.
export class Refusal extends Error {
  constructor(
    readonly kind: string,
    message: string,
  ) {
    super(message);
  }
}

// At most 20 messages a second about progress.
const MESSAGE_MS = 50;
const KEPT_MS = 300;
const READINGS = 120;

const JOBS: { [K in Job]: string } = { none: '', train: 'A training', evaluate: 'An evaluation', verify: 'Verify', bench: 'Bench' };

export class Session {
  private device: Device | null = null;
  private deviceGone = false;
  private model: Model | null = null;
  // The text of its recipe, as it was written.
  private recipe = '';
  private job: Job = 'none';
  private abort: AbortController | null = null;
  private checkpoint: storage.Record | null = null;
  private files = new Map<string, Uint8Array>();
  private filesKept = false;
  private deleted: storage.Record | null = null;
  // What the browser's storage holds, newest first.
  private keptList: Kept[] = [];
  private keptProblem: string | null = null;
  // Ends when the evaluation or prediction under way has ended.
  private quiet: Promise<unknown> = Promise.resolve();
  private saving: Promise<void> = Promise.resolve();
  private unsaved = false;
  private storageFailed = false;

  constructor(private readonly tell: (news: News) => void) {}

  // The device, opened at page load and again after it was lost.
  async open(): Promise<Device> {
    if (this.device && !this.deviceGone) return this.device;
    this.device?.free();
    this.device = null;
    this.device = await Device.open();
    this.deviceGone = false;
    this.tell({ news: 'device', device: this.device.info });
    return this.device;
  }

  async restore(): Promise<void> {
    try {
      this.files = await storage.getFiles();
      this.filesKept = this.files.size > 0;
      this.checkpoint = (await storage.get(AUTOSAVE)) ?? null;
      this.keptList = await storage.list();
    } catch (error) {
      this.keptProblem = (error as Error).message;
    }
    this.tellFiles([]);
    this.tellKept();
    this.tellState();
  }

  preview = async (recipe: string): Promise<ModelInfo | null> => {
    const info = describe(recipe);
    if (this.job !== 'none' || !this.device || missing(info.files, [...this.files.keys()]).length > 0) return null;
    const model = await Model.create(recipe, this.data(info), await this.open());
    const facts = modelInfo(model);
    // A trained model is not given up for one that nobody trained; it may have been started meanwhile too.
    if (this.job === 'none' && (!this.model || this.model.step === 0)) {
      this.replace(model, recipe);
      this.tellState();
    } else {
      model.free();
    }
    return facts;
  };

  addFiles = async (files: File[], wanted: string[]): Promise<void> => {
    const names = wanted.map(canonical);
    const refused: string[] = [];
    for (const file of files) {
      const name = canonical(file.name);
      if (names.includes(name)) this.files.set(name, new Uint8Array(await file.arrayBuffer()));
      else refused.push(file.name);
    }
    try {
      if (refused.length < files.length) await storage.putFiles(this.files);
      this.filesKept = this.files.size > 0;
    } catch {
      // They stay for this visit.
      this.filesKept = false;
    }
    this.tellFiles(refused);
  };

  forgetFiles = async (): Promise<void> => {
    this.files = new Map();
    this.filesKept = false;
    this.tellFiles([]);
    await storage.removeFiles();
  };

  train = (recipe: string, lossEvery: number | null): Promise<TrainEnd> => this.fit(recipe, lossEvery, null);

  resume = (recipe: string, lossEvery: number | null): Promise<TrainEnd> => {
    if (!this.checkpoint) throw new Refusal('checkpoint', 'There is no checkpoint to go on from. Press Train to start.');
    return this.fit(recipe, lossEvery, this.checkpoint);
  };

  private fit(recipe: string, lossEvery: number | null, from: storage.Record | null): Promise<TrainEnd> {
    return this.work('train', async (signal) => {
      const called = performance.now();
      const info = describe(recipe);
      const lacking = missing(info.files, [...this.files.keys()]);
      if (lacking.length > 0) throw new Refusal('data', `These files are still missing: ${lacking.join(', ')}.`);
      const device = await this.open();
      await this.quiet;
      const rate = new Rate();
      const every = lossEvery ?? readEvery(info);
      let firstStep: number | null = null;
      let points: Point[] = [];
      let rows: EpochRow[] = [];
      let progress: Progress | null = null;
      const messages = new Throttle(MESSAGE_MS, () => {
        if (!progress) return;
        const memory = device.memory();
        progress.memory = { live: memory.live_bytes, peak: memory.peak_bytes };
        this.tell({ news: 'progress', progress: { ...progress, points, rows } });
        points = [];
        rows = [];
      });
      const model = await train(recipe, this.data(info), {
        device,
        signal,
        ...(every === null ? {} : { lossEvery: every }),
        ...(from ? { from: from.content } : {}),
        onStart: (model) => {
          this.replace(model, recipe);
          this.tell({ news: 'started', model: modelInfo(model), history: model.history });
          this.tellState();
        },
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
        onCheckpoint: (bytes) => this.autosave(recipe, info, bytes),
        onNote: (text) => {
          messages.flush();
          const lost = /device was lost/i.test(text);
          if (lost) this.deviceGone = true;
          this.tell({ news: lost ? 'lost' : 'note', text });
        },
      });
      messages.flush();
      this.replace(model, recipe);
      if (this.checkpoint) this.checkpoint.finished = model.finished;
      await this.persist();
      return { finished: model.finished, step: model.step, seconds: (performance.now() - called) / 1000, firstStep };
    });
  }

  stop = (): void => this.abort?.abort();

  predict = (x: Float32Array): Promise<Float32Array> => {
    const model = this.anyModel();
    const answer = predict(model, x);
    this.hold(answer);
    return answer;
  };

  sample = (index: number): { x: Float32Array; label: number | null } => sample(this.anyModel(), index);

  evaluate = (): Promise<Evaluation> => {
    const model = this.anyModel();
    return this.work('evaluate', () => {
      const answer = evaluate(model);
      this.hold(answer);
      return answer;
    });
  };

  save = (): Promise<Uint8Array> => save(this.anyModel());

  // Into the network of the recipe at hand where the file fits it, else into that of the recipe in the file.
  load = async (recipe: string, file: File): Promise<Loaded> => {
    const bytes = new Uint8Array(await file.arrayBuffer());
    return this.work('evaluate', async () => {
      try {
        return await this.take(recipe, bytes);
      } catch (error) {
        try {
          return await this.take(null, bytes);
        } catch {
          // The first error is about the recipe that is seen.
          throw error;
        }
      }
    });
  };

  private async take(recipe: string | null, bytes: Uint8Array): Promise<Loaded> {
    const model = await load(recipe, bytes, this.dataFor(recipe), await this.open());
    await this.quiet;
    const text = recipe ?? model.recipe;
    this.replace(model, text);
    this.checkpoint = kept(AUTOSAVE, model, text, describe(text), bytes);
    return { model: modelInfo(model), history: model.history, recipe: text };
  }

  // Without its data a model can still be asked. What a file's own recipe needs is not known before it is read.
  private dataFor(recipe: string | null): { [name: string]: Uint8Array } | null {
    if (recipe === null) return this.files.size > 0 ? Object.fromEntries(this.files) : null;
    const info = describe(recipe);
    return missing(info.files, [...this.files.keys()]).length === 0 ? this.data(info) : null;
  }

  keep = async (): Promise<void> => {
    const model = this.anyModel();
    const recipe = this.recipe;
    const bytes = this.job === 'train' ? this.checkpoint?.content : await save(model);
    if (!bytes) throw new Refusal('busy', 'There is no checkpoint yet; wait a few seconds.');
    const record = kept(`${Date.now()}`, model, recipe, describe(recipe), bytes);
    try {
      await this.put(record);
    } catch (error) {
      throw new Refusal('storage', `The model was not kept: ${(error as Error).message}.`);
    }
  };

  loadKept = async (id: string): Promise<Loaded> => {
    const record = await storage.get(id);
    if (!record) throw new Refusal('storage', 'This model is no longer in the browser’s storage.');
    return this.work('evaluate', () => this.take(record.recipe, record.content));
  };

  deleteKept = async (id: string): Promise<void> => {
    this.deleted = (await storage.get(id)) ?? null;
    await storage.remove(id);
    this.keptList = this.keptList.filter((kept) => kept.id !== id);
    this.tellKept();
  };

  undelete = async (): Promise<void> => {
    const record = this.deleted;
    this.deleted = null;
    if (record) await this.put(record);
  };

  verify = (filter: string): Promise<Receipt> =>
    this.work('verify', async (signal) => {
      const device = await this.open();
      const seen = new Map<string, number>();
      let last = { done: 0, of: 0, failed: 0, current: '' };
      const messages = new Throttle(MESSAGE_MS * 2, () => {
        this.tell({ news: 'verifying', ...last, seen: [...seen].map(([op, cases]) => ({ op, cases })) });
      });
      const receipt = await verify({
        device,
        signal,
        ...(filter ? { filter } : {}),
        onCase: (p) => {
          seen.set(p.op, (seen.get(p.op) ?? 0) + 1);
          last = { done: p.done, of: p.of, failed: p.failed, current: `${p.op} ${p.case}` };
          messages.ask();
        },
      });
      messages.flush();
      return receipt;
    });

  bench = (filter: string, seconds: number): Promise<BenchRow[]> =>
    this.work('bench', async (signal) => {
      const device = await this.open();
      return bench({ device, signal, filter, secs: seconds, onRow: (row) => this.tell({ news: 'benched', row }) });
    });

  lose = (): void => {
    this.device?.lose();
    if (this.job !== 'train') this.deviceGone = true;
  };

  lastCheckpoint = (): Uint8Array | null => this.checkpoint?.content ?? null;

  // Runs a job, alone. One that starts while an evaluation runs waits for it.
  private async work<T>(job: Job, body: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.job === 'evaluate') await this.quiet;
    if (this.job !== 'none') throw new Refusal('busy', `${JOBS[this.job]} is running; stop it first.`);
    this.job = job;
    this.abort = new AbortController();
    this.tellState();
    try {
      return await body(this.abort.signal);
    } catch (error) {
      if ((error as { kind?: string }).kind === 'device_lost') this.deviceGone = true;
      throw error;
    } finally {
      this.job = 'none';
      this.abort = null;
      this.tellState();
    }
  }

  // No model is freed while this runs.
  private hold(answer: Promise<unknown>): void {
    this.quiet = Promise.allSettled([this.quiet, answer]);
  }

  private anyModel(): Model {
    if (!this.model) throw new Refusal('model', 'There is no model yet: press Train, or load one.');
    return this.model;
  }

  private replace(model: Model, recipe: string): void {
    const old = this.model;
    this.model = model;
    this.recipe = recipe;
    if (old && old !== model) void this.quiet.then(() => old.free());
  }

  private data(info: RecipeInfo): { [name: string]: Uint8Array } | null {
    if (info.files.length === 0) return null;
    return Object.fromEntries(info.files.map((name) => [name, this.files.get(canonical(name)) ?? new Uint8Array()]));
  }

  private autosave(recipe: string, info: RecipeInfo, bytes: Uint8Array): void {
    if (!this.model) return;
    const first = this.checkpoint === null;
    this.checkpoint = kept(AUTOSAVE, this.model, recipe, info, bytes);
    // Later ones change nothing of what can be pressed.
    if (first) this.tellState();
    void this.persist();
  }

  // Writes the last checkpoint; one write at a time, and where several wait only the newest.
  private persist(): Promise<void> {
    if (this.unsaved) return this.saving;
    this.unsaved = true;
    this.saving = this.saving.then(async () => {
      this.unsaved = false;
      if (!this.checkpoint) return;
      try {
        await this.put(this.checkpoint);
      } catch (error) {
        if (!this.storageFailed) this.tell({ news: 'note', text: `Checkpoints are not kept in this browser: ${(error as Error).message}.` });
        this.storageFailed = true;
      }
    });
    return this.saving;
  }

  private tellFiles(refused: string[]): void {
    this.tell({ news: 'files', files: { have: [...this.files.keys()], kept: this.filesKept, refused } });
  }

  private async put(record: storage.Record): Promise<void> {
    await storage.put(record);
    const { content: _, ...kept } = record;
    this.keptList = [kept, ...this.keptList.filter((other) => other.id !== kept.id)];
    this.tellKept();
  }

  // Short epochs write many checkpoints.
  private readonly tellKept = throttled(KEPT_MS, () => {
    this.tell({ news: 'kept', list: this.keptList, problem: this.keptProblem, deleted: this.deleted?.name ?? null });
  });

  private tellState(): void {
    const { content: _, ...resume } = this.checkpoint ?? { content: null };
    this.tell({
      news: 'state',
      state: { job: this.job, model: this.model && modelInfo(this.model), resume: this.checkpoint ? (resume as Kept) : null },
    });
  }
}

function modelInfo(model: Model): ModelInfo {
  return {
    name: model.name,
    recipe: model.recipe,
    summary: model.summary,
    parameters: model.parameters,
    planBytes: model.plan_bytes,
    inputShape: [...model.input_shape],
    classes: [...model.classes],
    step: model.step,
    epoch: model.epoch,
  };
}

function kept(id: string, model: Model, recipe: string, info: RecipeInfo, content: Uint8Array): storage.Record {
  const { name, step, epoch, finished } = model;
  return { id, name, recipe, step, epoch, epochs: info.epochs, finished, bytes: content.length, date: Date.now(), content };
}

// Readings of the loss that a curve needs, where the steps of the run can be told beforehand: on a fast device it would be
// over before the engine's own two readings a second. Null leaves it to the engine.
function readEvery(info: RecipeInfo): number | null {
  const given = /^[ \t]*train[ \t]*=[ \t]*([\d_]+)/m.exec(info.toml);
  const samples = given ? Number(given[1]?.replaceAll('_', '')) : { digits: null, mnist: 60_000, idx: null, values: info.batch_size }[info.source];
  if (samples === null) return null;
  return Math.max(1, Math.floor((info.epochs * Math.ceil(samples / info.batch_size)) / READINGS));
}
