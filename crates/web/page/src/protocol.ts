// What the page and its worker say to each other. The page calls (`Calls`), the worker replies once to each call and tells
// of everything else by itself (`News`). Nothing else crosses.

import type { BenchRow, DeviceInfo, EpochRow, Evaluation, ReadEvent, ReadReport, Receipt, RecipeInfo } from 'wgrad';

export type VerifyRow = Receipt['rows'][number];
export type { BenchRow, DeviceInfo, EpochRow, Evaluation, ReadEvent, Receipt, RecipeInfo };

// One at a time: each wants the whole device.
export type Job = 'none' | 'train' | 'evaluate' | 'verify' | 'bench';

export interface ModelInfo {
  name: string;
  recipe: string;
  summary: string;
  parameters: number;
  planBytes: number;
  inputShape: number[];
  classes: string[];
  step: number;
  epoch: number;
  // Whether its data were pictures, in colour or not.
  pictures: boolean;
}

// A checkpoint without its bytes: in memory, or kept in the browser's storage.
export interface Kept {
  id: string;
  name: string;
  recipe: string;
  step: number;
  epoch: number;
  epochs: number;
  finished: boolean;
  bytes: number;
  // Milliseconds since 1970.
  date: number;
}

// `id` of the checkpoint that every training writes by itself.
export const AUTOSAVE = 'autosave';

export interface State {
  job: Job;
  model: ModelInfo | null;
  // From where Resume goes on.
  resume: Kept | null;
}

export interface Loaded {
  model: ModelInfo;
  history: EpochRow[];
  // The text of the recipe into whose network it was loaded.
  recipe: string;
}

// One reading of the loss: the epoch's running means, and this step's own loss.
export interface Point {
  step: number;
  loss: number;
  accuracy: number | null;
  batch: number | null;
}

export interface Progress {
  epoch: number;
  epochs: number;
  step: number;
  done: number;
  steps: number;
  // Steps per second over the last two seconds; null before there are two steps.
  rate: number | null;
  memory: { live: number; peak: number } | null;
  // All readings since the last message, and the epochs that have ended.
  points: Point[];
  rows: EpochRow[];
}

export interface Problem {
  kind: string;
  message: string;
}

export interface TrainEnd {
  finished: boolean;
  step: number;
  seconds: number;
  // From the call to the end of the first step; null where no step ran.
  firstStep: number | null;
}

// A file that somebody chose or dropped, with its path where it came in a folder.
export interface Given {
  path: string;
  file: File;
}

export interface FileStatus {
  // Names without folder and .gz.
  have: string[];
  // Whether they are in the browser's storage too.
  kept: boolean;
  // The first files of the last drop that no recipe at hand asks for, and how many there are.
  refused: string[];
  refusedCount: number;
  // Archives of pictures, and a path in each folder of them.
  named: string[];
  // The visitor's own set of pictures.
  own: { name: string; files: number; paths: string[] } | null;
}

// What was read; the first of the files that were left out.
export interface ReadFacts extends ReadReport {
  skippedCount: number;
}

export interface Calls {
  describe(recipe: string): RecipeInfo;
  // Builds the network, untrained, to show its summary; null while a job runs.
  preview(recipe: string): ModelInfo | null;
  addFiles(files: Given[], recipe: RecipeInfo): void;
  forgetFiles(): void;
  train(recipe: string, lossEvery: number | null): TrainEnd;
  resume(recipe: string, lossEvery: number | null): TrainEnd;
  // Ends the job after the piece of work under way.
  stop(): void;
  predict(x: Float32Array): Float32Array;
  // A picture as the network sees it.
  picture(file: File): Float32Array;
  sample(index: number): { x: Float32Array; label: number | null };
  evaluate(): Evaluation;
  save(): Uint8Array;
  load(recipe: string, file: File): Loaded;
  keep(): void;
  loadKept(id: string): Loaded;
  deleteKept(id: string): void;
  undelete(): void;
  verify(filter: string): Receipt;
  bench(filter: string, seconds: number): BenchRow[];
  workloads(): { workload: string; shape: string }[];
  // For tests.
  lose(): void;
  checkpoint(): Uint8Array | null;
}

export type CallName = keyof Calls;
export type Arguments<K extends CallName> = Parameters<Calls[K]>;
export type Result<K extends CallName> = ReturnType<Calls[K]>;

export type Request = { [K in CallName]: { id: number; call: K; args: Arguments<K> } }[CallName];

export type News =
  | { news: 'loaded'; version: string; recipes: RecipeInfo[] }
  | { news: 'broken'; problem: Problem }
  | { news: 'device'; device: DeviceInfo }
  | { news: 'no_device'; problem: Problem; secure: boolean }
  | { news: 'state'; state: State }
  | { news: 'started'; model: ModelInfo; history: EpochRow[] }
  | { news: 'progress'; progress: Progress }
  | { news: 'note'; text: string }
  | { news: 'lost'; text: string }
  | { news: 'files'; files: FileStatus }
  | { news: 'reading'; event: ReadEvent }
  | { news: 'read'; report: ReadFacts | null; problem: string | null }
  | { news: 'kept'; list: Kept[]; problem: string | null; deleted: string | null }
  | { news: 'verifying'; done: number; of: number; failed: number; seen: { op: string; cases: number }[]; current: string }
  | { news: 'benched'; row: BenchRow };

export type Message = { id: number; value: unknown } | { id: number; problem: Problem } | News;
