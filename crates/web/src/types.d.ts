/** What a recipe says of itself. */
export interface RecipeInfo {
  name: string;
  toml: string;
  source: "digits" | "mnist" | "idx" | "images" | "cifar10" | "csv" | "values";
  /**
   * Names of the files that its data are in; empty where it makes them. For pictures: archives, or folders of the same name; "." is any
   * set of pictures. For CIFAR-10: the binary archive, in the place of which the six binary files by themselves do as well, or
   * `cifar10-train.tar.gz` with `cifar10-test.tar.gz`.
   */
  files: string[];
  epochs: number;
  batch_size: number;
  seed: number;
  loss: string;
  optimizer: string;
  learning_rate: number;
}

/** The built-in recipes. */
export function recipes(): RecipeInfo[];
/** What a recipe says: the name of a built-in one, or TOML. Throws a WgradError that names the line and the key. */
export function describe(recipe: string): RecipeInfo;

/** Every error of this package. */
export interface WgradError extends Error {
  name: "WgradError";
  kind: "no_webgpu" | "no_adapter" | "limit" | "device_lost" | "recipe" | "data" | "checkpoint" | "not_finite" | "busy" | "stopped" | "other";
}

export interface DeviceInfo {
  name: string;
  vendor: string;
  architecture: string;
  description: string;
  user_agent: string;
  /** Whether the adapter is the processor itself. */
  software: boolean;
  f16: boolean;
  features: string[];
  limits: {
    max_buffer_bytes: number;
    max_binding_bytes: number;
    max_workgroup_bytes: number;
    max_invocations: number;
    max_storage_buffers: number;
    max_groups: number;
  };
}

/** A GPU that models live on. Where it is lost during training, the handle goes over to a new one. */
export class Device {
  private constructor();
  static open(): Promise<Device>;
  readonly info: DeviceInfo;
  /** Bytes of the buffers on the device now, and the most so far; buffers made so far. */
  memory(): { live_bytes: number; peak_bytes: number; buffers: number };
  /** Destroys the device, as a driver's reset would. */
  lose(): void;
  handle(): Device;
  free(): void;
}

/**
 * Files by name or path, as bytes or as what a file chooser gives: `{"train-images-idx3-ubyte.gz": bytes, …}`, plain or gzip;
 * `{"cats-dogs-train.tar.gz": file, …}`, archives of pictures (.tar, .tar.gz, .zip); or `{"photos/cats/1.jpg": file, …}`, the
 * pictures by their paths. Pictures lie in a folder for each class, in folders `train` and `test` round those if there are parts.
 */
export type Files = { [path: string]: Uint8Array | Blob };

/** How far a reading of pictures is. */
export interface ReadEvent {
  /** The archive or folder under way. */
  place: string;
  /** Pictures read, and those that are to be read; 0 of 0 while an archive is looked through. */
  done: number;
  of: number;
  /** Files that could not be read so far. */
  skipped: number;
}

export interface ReadOptions {
  /** Aborting ends the reading by an error of the kind `stopped`. */
  signal?: AbortSignal;
  onProgress?(event: ReadEvent): void;
}

/** What was read. */
export interface ReadReport {
  /** Samples of a run; none for validation where the test samples validate. */
  samples: { train: number; validation: number; test: number };
  classes: string[];
  /** The files that were left out, each with what is wrong with it. */
  skipped: string[];
  /** How many files lie in no class folder. */
  beside: number;
}

/**
 * Files that are read once, however many models train on them. Every function that takes files takes this in their place. Pictures
 * are kept as bytes of the size that the recipe wants; those of the last recipe that was read stay.
 */
export class Data {
  constructor(files: Files | null);
  /** Reads what a recipe needs, unless it was read. Functions that take data do so by themselves; here it can be watched. */
  read(recipe: string, options?: ReadOptions): Promise<ReadReport>;
  handle(): Data;
  free(): void;
}

export interface StepEvent {
  epoch: number;
  epochs: number;
  /** Counted over all epochs, from 1. */
  step: number;
  /** Steps of this epoch that are finished, and all of them. */
  done: number;
  steps: number;
  /** Means over the epoch so far, where they were read. */
  loss?: number | null;
  accuracy?: number;
  /** The loss of this step's batch alone, where it was read. */
  batch_loss?: number | null;
}

export interface EpochRow {
  epoch: number;
  step: number;
  loss: number | null;
  accuracy: number | null;
  val_loss: number | null;
  val_accuracy: number | null;
  learning_rate: number;
  seconds: number;
}

export interface TrainOptions {
  /** Opened where absent. */
  device?: Device;
  /** A checkpoint to go on from. */
  from?: Uint8Array;
  /**
   * Aborting ends the training after the step under way; the promise gives the model. While the data are still read there is none:
   * then it is an error of the kind `stopped`.
   */
  signal?: AbortSignal;
  /** How far the reading of pictures is, before the first step. */
  onProgress?(event: ReadEvent): void;
  /** Reads the loss of every so many steps; about twice a second where absent. */
  lossEvery?: number;
  /** The model exists: it can be asked while it trains. */
  onStart?(model: Model): void;
  onStep?(step: StepEvent): void;
  onEpoch?(row: EpochRow): void;
  /** The state as safetensors: after epochs, every few seconds, and at a stop. */
  onCheckpoint?(bytes: Uint8Array): void;
  /** A line for people: the device was lost and training goes on, training stopped early. */
  onNote?(text: string): void;
}

/** Trains a recipe: the name of a built-in one, or TOML. */
export function train(recipe: string, data?: Files | Data | null, options?: TrainOptions): Promise<Model>;

/** A network with its optimiser's state, its data and its device. */
export class Model {
  private constructor();
  /** A fresh, untrained network. */
  static create(recipe: string, data?: Files | Data | null, device?: Device): Promise<Model>;
  readonly name: string;
  /** The recipe as TOML. */
  readonly recipe: string;
  readonly summary: string;
  readonly parameters: number;
  /** Planned device memory of a training step. */
  readonly plan_bytes: number;
  readonly input_shape: Uint32Array;
  readonly classes: string[];
  readonly history: EpochRow[];
  readonly step: number;
  readonly epoch: number;
  readonly finished: boolean;
  readonly training: boolean;
  handle(): Model;
  free(): void;
}

/**
 * Probabilities, one for each of the classes, or values, for whole samples as the data set gives them before normalisation: pixels
 * in [0, 1].
 */
export function predict(model: Model, x: Float32Array): Promise<Float32Array>;

/**
 * A picture file as a sample for `predict`, brought to its size as the pictures of the training were: JPEG, PNG, WebP, BMP or GIF.
 * For a network whose samples are pictures, [1 or 3, height, width].
 */
export function picture(model: Model, file: Blob | Uint8Array): Promise<Float32Array>;

export interface Evaluation {
  loss: number;
  accuracy: number | null;
  samples: number;
  classes: string[];
  /** Counts: row = the true class, column = the predicted one. */
  confusion: number[][] | null;
}

/** Loss, accuracy and the confusion matrix on the test set. */
export function evaluate(model: Model): Promise<Evaluation>;
/** The model and its training state as safetensors: the file that the command `wgrad` writes and reads. */
export function save(model: Model): Promise<Uint8Array>;
/** A model from such bytes. Without a recipe, the one that the file names; without data it can only be asked. */
export function load(recipe: string | null | undefined, bytes: Uint8Array, data?: Files | Data | null, device?: Device): Promise<Model>;
/** A test sample before normalisation, and its class. */
export function sample(model: Model, index: number): { x: Float32Array; label: number | null };

/** How far a verification is: the case just done. */
export interface CaseEvent {
  done: number;
  of: number;
  op: string;
  case: string;
  /** Results that differ so far. */
  failed: number;
}

/** One result of one case, compared with the reference. */
export interface VerifyRow {
  op: string;
  case: string;
  /** The forced variant of the kernel; null for the one that this device would take. */
  variant: string | null;
  direction: "forward" | "backward";
  /** `output 0`, or `grad 1` for the gradient of input 1. */
  result: string;
  elements: number;
  /** The largest error in units in the last place; null where it is infinite. */
  worst_ulp: number | null;
  /** The largest error over what is allowed; null where it is infinite. */
  worst_of_allowed: number | null;
  /** Normalised mean squared error; null where it is no number. */
  nmse: number | null;
  outcome: "pass" | "fail" | "skip";
  /** How it failed. */
  message?: string;
  /** Why it was skipped. */
  reason?: string;
}

/** What a verification found, and on what: the same as `wgrad verify --receipt` writes. */
export interface Receipt {
  /** Versions. */
  wgrad: string;
  wgpu: string;
  naga: string;
  /** When it ended, UTC. */
  date: string;
  /** The adapter with its limits. */
  adapter: { [key: string]: unknown };
  filter: string | null;
  seconds: number;
  /** Results by their outcome. */
  passed: number;
  failed: number;
  skipped: number;
  /** Cases left out, because the signal said stop or by `every`; absent where there are none. */
  unchecked?: number;
  rows: VerifyRow[];
}

export interface VerifyOptions {
  /** Only ops whose name, or cases whose name, holds this text. */
  filter?: string;
  /** Only the first of every so many cases: a sample, for a quick look. */
  every?: number;
  /** Aborting ends the verification after the case under way; the promise gives the receipt so far. */
  signal?: AbortSignal;
  onCase?(event: CaseEvent): void;
}

/**
 * Checks every op, case and variant on this GPU, forward and backward, against an f64 reference. Verification and bench are a
 * program of their own, loaded when they are first asked for, with a device of their own for each call.
 */
export function verify(options?: VerifyOptions): Promise<Receipt>;

/** One measured workload: the same as a line of `wgrad bench --json`. */
export interface BenchRow {
  peer: string;
  version: string;
  backend: string;
  adapter: string;
  workload: string;
  shape: string;
  /** Milliseconds of a call. */
  median_ms: number;
  min_ms: number;
  max_ms: number;
  /** What the median is worth, in `unit`. */
  gflops_or_samples_per_s: number;
  unit: "GFLOP/s" | "GB/s" | "samples/s";
  /** Of workloads that train. */
  steps_per_s?: number;
  /** The first call, with compilation. */
  cold_ms: number;
  warmup_ms: number;
  samples: number;
  calls_per_sample: number;
  /** The loss of the last step, of workloads that train. */
  loss?: number | null;
}

export interface BenchOptions {
  /** Only workloads whose "workload shape" holds one of these texts, with commas between them. */
  filter?: string;
  /** Seconds of samples a workload; 2 where absent. */
  secs?: number;
  /** Aborting ends the bench after the sample under way; the promise gives the rows so far. */
  signal?: AbortSignal;
  onRow?(row: BenchRow): void;
}

/** Times workloads on this device. Large ones are slow on software adapters: filter. */
export function bench(options?: BenchOptions): Promise<BenchRow[]>;
/** Every workload of the bench, in the order in which they run. */
export function workloads(): Promise<{ workload: string; shape: string }[]>;
