// The worker's state: one device, one model, one job at a time, and the checkpoint from which a training can go on.

import { type Data, Model, bench, describe, evaluate, load, picture, predict, sample, save } from 'wgrad';
import { runVerify } from './checks';
import { DataFiles, onPictures } from './data';
import { Gpu } from './gpu';
import { Jobs, Refusal } from './jobs';
import { AUTOSAVE } from './protocol';
import type { BenchRow, Evaluation, Given, Kept, Loaded, ModelInfo, News, Receipt, RecipeInfo, TrainEnd } from './protocol';
import { Shelf, recordOf } from './shelf';
import * as storage from './storage';
import { run } from './training';

export class Session {
  private readonly gpu: Gpu;
  private model: Model | null = null;
  // The text of its recipe, as it was written.
  private recipe = '';
  private readonly jobs: Jobs;
  private readonly data: DataFiles;
  private readonly shelf: Shelf;

  constructor(private readonly tell: (news: News) => void) {
    this.gpu = new Gpu(tell);
    this.data = new DataFiles(tell);
    this.shelf = new Shelf(tell);
    this.jobs = new Jobs(
      () => this.tellState(),
      (error) => this.gpu.failed(error),
    );
  }

  async open(): Promise<void> {
    await this.gpu.open();
  }

  async restore(): Promise<void> {
    await this.data.restore();
    await this.shelf.restore();
    this.tellState();
  }

  preview = async (recipe: string): Promise<ModelInfo | null> => {
    const info = describe(recipe);
    if (this.jobs.now !== 'none' || !this.gpu.opened || this.data.lacking(info).length > 0) return null;
    const data = await this.data.of(recipe, info);
    // Reading pictures takes its time; somebody may have pressed Train.
    if (this.jobs.now !== 'none') return null;
    const model = await this.gpu.use((device) => Model.create(recipe, data, device));
    const facts = modelInfo(model);
    // A trained model is not given up for one that nobody trained; it may have been started meanwhile too.
    if (this.jobs.now === 'none' && (!this.model || this.model.step === 0)) {
      this.replace(model, recipe);
      this.tellState();
    } else {
      model.free();
    }
    return facts;
  };

  addFiles = (files: Given[], recipe: RecipeInfo): Promise<void> => this.data.add(files, recipe);

  forgetFiles = (): Promise<void> => this.data.forget();

  train = (recipe: string, lossEvery: number | null): Promise<TrainEnd> => this.fit(recipe, lossEvery, null);

  resume = (recipe: string, lossEvery: number | null): Promise<TrainEnd> => {
    const from = this.shelf.checkpoint;
    if (!from) throw new Refusal('checkpoint', 'There is no checkpoint to go on from. Press Train to start.');
    return this.fit(recipe, lossEvery, from.content);
  };

  private fit(recipe: string, lossEvery: number | null, from: Uint8Array | null): Promise<TrainEnd> {
    return this.jobs.run('train', async (signal) => {
      const called = performance.now();
      const info = describe(recipe);
      const data = await this.data.of(recipe, info, signal);
      await this.jobs.quiet;
      let begun = false;
      const training = {
        ...{ recipe, info, data, signal, lossEvery, from },
        started: (model: Model) => {
          begun = true;
          this.replace(model, recipe);
          this.tell({ news: 'started', model: modelInfo(model), history: model.history });
          this.tellState();
        },
        checkpoint: (bytes: Uint8Array) => this.autosave(recipe, info, bytes),
        lost: () => this.gpu.lost(),
      };
      // Once it has begun it takes another device by itself.
      const { model, firstStep } = await this.gpu.use((device) => run({ ...training, device }, called, this.tell), () => !begun);
      this.replace(model, recipe);
      if (this.shelf.checkpoint) this.shelf.checkpoint.finished = model.finished;
      await this.shelf.persist();
      return { finished: model.finished, step: model.step, seconds: (performance.now() - called) / 1000, firstStep };
    });
  }

  stop = (): void => this.jobs.stop();

  predict = (x: Float32Array): Promise<Float32Array> => {
    const model = this.anyModel();
    const answer = predict(model, x);
    this.jobs.hold(answer);
    return answer;
  };

  picture = (file: File): Promise<Float32Array> => {
    const answer = picture(this.anyModel(), file);
    this.jobs.hold(answer);
    return answer;
  };

  sample = (index: number): { x: Float32Array; label: number | null } => sample(this.anyModel(), index);

  evaluate = (): Promise<Evaluation> => {
    const model = this.anyModel();
    return this.jobs.run('evaluate', () => {
      const answer = evaluate(model);
      this.jobs.hold(answer);
      return answer;
    });
  };

  save = (): Promise<Uint8Array> => save(this.anyModel());

  // Into the network of the recipe at hand where the file fits it, else into that of the recipe in the file.
  load = async (recipe: string, file: File): Promise<Loaded> => {
    const bytes = new Uint8Array(await file.arrayBuffer());
    return this.jobs.run('evaluate', async () => {
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
    const data = await this.dataFor(recipe);
    const loadWith = (data: Data | null): Promise<Model> => this.gpu.use((device) => load(recipe, bytes, data, device));
    const model = await loadWith(data).catch((error: unknown) => {
      // The files here may be another recipe's.
      if (recipe === null && data && (error as { kind?: string }).kind === 'data') return loadWith(null);
      throw error;
    });
    await this.jobs.quiet;
    const text = recipe ?? model.recipe;
    this.replace(model, text);
    this.shelf.checkpoint = recordOf(AUTOSAVE, model, text, describe(text), bytes);
    return { model: modelInfo(model), history: model.history, recipe: text };
  }

  // Without its data a model can still be asked. What a file's own recipe needs is not known before it is read.
  private async dataFor(recipe: string | null): Promise<Data | null> {
    if (recipe === null) return this.data.all();
    const info = describe(recipe);
    return this.data.lacking(info).length === 0 ? this.data.of(recipe, info) : null;
  }

  keep = async (): Promise<void> => {
    const model = this.anyModel();
    const recipe = this.recipe;
    const bytes = this.jobs.now === 'train' ? this.shelf.checkpoint?.content : await save(model);
    if (!bytes) throw new Refusal('busy', 'There is no checkpoint yet; wait a few seconds.');
    const record = recordOf(`${Date.now()}`, model, recipe, describe(recipe), bytes);
    try {
      await this.shelf.put(record);
    } catch (error) {
      throw new Refusal('storage', `The model was not kept: ${(error as Error).message}.`);
    }
  };

  loadKept = async (id: string): Promise<Loaded> => {
    const record = await storage.get(id);
    if (!record) throw new Refusal('storage', 'This model is no longer in the browser’s storage.');
    return this.jobs.run('evaluate', () => this.take(record.recipe, record.content));
  };

  deleteKept = (id: string): Promise<void> => this.shelf.remove(id);

  undelete = (): Promise<void> => this.shelf.undelete();

  verify = (filter: string): Promise<Receipt> =>
    this.jobs.run('verify', (signal) => runVerify(signal, filter, this.tell));

  bench = (filter: string, seconds: number): Promise<BenchRow[]> =>
    this.jobs.run('bench', (signal) => bench({ signal, filter, secs: seconds, onRow: (row) => this.tell({ news: 'benched', row }) }));

  lose = (): void => {
    this.gpu.lose();
    // A training tells of it itself.
    if (this.jobs.now !== 'train') this.gpu.lost();
  };

  lastCheckpoint = (): Uint8Array | null => this.shelf.checkpoint?.content ?? null;

  private anyModel(): Model {
    if (!this.model) throw new Refusal('model', 'There is no model yet: press Train, or load one.');
    return this.model;
  }

  private replace(model: Model, recipe: string): void {
    const old = this.model;
    this.model = model;
    this.recipe = recipe;
    if (old && old !== model) void this.jobs.quiet.then(() => old.free());
  }

  private autosave(recipe: string, info: RecipeInfo, bytes: Uint8Array): void {
    if (!this.model) return;
    const first = this.shelf.checkpoint === null;
    this.shelf.checkpoint = recordOf(AUTOSAVE, this.model, recipe, info, bytes);
    // Later ones change nothing of what can be pressed.
    if (first) this.tellState();
    void this.shelf.persist();
  }

  private tellState(): void {
    const { content: _, ...resume } = this.shelf.checkpoint ?? { content: null };
    const model = this.model && modelInfo(this.model);
    this.tell({ news: 'state', state: { job: this.jobs.now, model, resume: this.shelf.checkpoint ? (resume as Kept) : null } });
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
    pictures: onPictures(describe(model.recipe)),
  };
}
