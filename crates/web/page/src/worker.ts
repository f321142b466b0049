// The worker: all work of the engine. It loads the wasm and opens the device at page load, so that Train begins at once.

import { describe, init, recipes, version, workloads } from 'wgrad';
import type { Arguments, CallName, Message, News, Problem, Request, Result } from './protocol';
import { Session } from './session';

// The part of the worker's global scope that is used; the types of a page's know nothing of it.
interface Port {
  postMessage(message: Message, transfer?: Transferable[]): void;
  onmessage: ((event: MessageEvent<Request>) => void) | null;
}

const port = self as unknown as Port;
const tell = (news: News): void => port.postMessage(news);
const session = new Session(tell);

type Answers = { [K in CallName]: (...args: Arguments<K>) => Result<K> | Promise<Result<K>> };

const answers: Answers = {
  describe,
  preview: session.preview,
  addFiles: session.addFiles,
  forgetFiles: session.forgetFiles,
  train: session.train,
  resume: session.resume,
  stop: session.stop,
  predict: session.predict,
  picture: session.picture,
  sample: session.sample,
  evaluate: session.evaluate,
  save: session.save,
  load: session.load,
  keep: session.keep,
  loadKept: session.loadKept,
  deleteKept: session.deleteKept,
  undelete: session.undelete,
  verify: session.verify,
  bench: session.bench,
  workloads,
  lose: session.lose,
  checkpoint: session.lastCheckpoint,
};

function problem(error: unknown): Problem {
  const { kind, message } = error as { kind?: string; message?: string };
  return { kind: kind ?? 'other', message: message ?? String(error) };
}

async function answer({ id, call, args }: Request): Promise<void> {
  try {
    await loaded;
    const value = await (answers[call] as (...args: unknown[]) => unknown)(...args);
    port.postMessage({ id, value });
  } catch (error) {
    port.postMessage({ id, problem: problem(error) });
  }
}

async function start(): Promise<void> {
  await init();
  tell({ news: 'loaded', version: version(), recipes: recipes() });
}

const loaded = start();
port.onmessage = (event) => void answer(event.data);

loaded.then(
  async () => {
    try {
      await session.open();
    } catch (error) {
      const said = problem(error);
      // Whatever the engine calls it: without this there is no WebGPU to speak of.
      const kind = (navigator as { gpu?: unknown }).gpu === undefined ? 'no_webgpu' : said.kind;
      tell({ news: 'no_device', problem: { ...said, kind }, secure: self.isSecureContext });
    }
    await session.restore();
  },
  (error: unknown) => tell({ news: 'broken', problem: problem(error) }),
);
