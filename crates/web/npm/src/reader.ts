// What the wasm asks of JavaScript: the files of a set one after another, their bytes and their pixels. The wasm itself holds no
// decoder: the browser has them all.

import { base, find, findCifar, isLitter } from './names';
import { type Pixels, decode } from './picture';
import { BadFile, type Entry, MAX_FILE, clean, tooLarge } from './stream';
import { isTar, tar } from './tar';
import { zip } from './zip';

export type Files = { [path: string]: Uint8Array | Blob };

const blob = (source: Uint8Array | Blob): Blob => (source instanceof Blob ? source : new Blob([source as BlobPart]));
const whole = async (source: Uint8Array | Blob): Promise<Uint8Array> =>
  source instanceof Blob ? new Uint8Array(await source.arrayBuffer()) : source;

/** Loose files below a folder, as if they were an archive of it, sorted by path. */
async function* loose(files: Files, folder: string): AsyncGenerator<Entry> {
  const below = folder === '' ? '' : `${folder}/`;
  const paths = Object.keys(files).filter((path) => path.startsWith(below));
  for (const path of paths.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))) {
    const source = files[path] as Uint8Array | Blob;
    const size = source instanceof Blob ? source.size : source.length;
    const bytes = async (): Promise<Uint8Array> => {
      if (size > MAX_FILE) throw tooLarge(size);
      return whole(source).catch(() => {
        throw new BadFile('cannot be read any more; choose it again');
      });
    };
    yield { path: clean(path.slice(below.length)), folder: false, size, bytes };
  }
}

async function* archive(source: Blob): AsyncGenerator<Entry> {
  const start = new Uint8Array(await source.slice(0, 512).arrayBuffer());
  if (start.length === 0) throw new Error('is empty; copy it again');
  if (start[0] === 0x1f && start[1] === 0x8b) return yield* tar(source, true);
  if (start[0] === 0x50 && start[1] === 0x4b) return yield* zip(source);
  if (isTar(start)) return yield* tar(source, false);
  throw new Error('is no folder and no archive; give a folder of class folders, or the same as .tar, .tar.gz or .zip');
}

/** The entries of a set, one at a time. */
class Walk {
  private entry: Entry | null = null;
  // The bytes that are being read: an archive goes on behind them.
  private pending: Promise<unknown> = Promise.resolve();

  constructor(
    /** What messages call it. */
    readonly place: string,
    private readonly entries: AsyncGenerator<Entry>,
  ) {}

  /** Goes to the next one; undefined at the end. */
  async next(): Promise<{ path: string; folder: boolean; size: number } | undefined> {
    await this.pending.catch(() => undefined);
    for (;;) {
      const { done, value } = await this.entries.next();
      if (done) return undefined;
      this.entry = value;
      if (!isLitter(value.path)) return { path: value.path, folder: value.folder, size: value.size };
    }
  }

  /** The bytes of the entry; in words, what is wrong with it. */
  bytes(): Promise<Uint8Array | string> {
    return orWords(this.take());
  }

  /** Its pixels likewise. Several may be under way: browsers decode on threads. */
  pixels(limit: number): Promise<Pixels | string> {
    const bytes = this.take();
    const pixels = orWords(bytes.then((bytes) => decode(bytes, limit)));
    // Where an earlier one ends the reading, nobody waits for this one.
    pixels.catch(() => undefined);
    return pixels;
  }

  close(): void {
    void this.entries.return(undefined);
  }

  private take(): Promise<Uint8Array> {
    const bytes = this.entry ? this.entry.bytes() : Promise.reject(new Error('there is no entry at hand'));
    this.pending = bytes;
    return bytes;
  }
}

async function orWords<T>(got: Promise<T>): Promise<T | string> {
  try {
    return await got;
  } catch (error) {
    if (error instanceof BadFile) return error.message;
    throw error;
  }
}

/** Opens what a recipe calls `name`; "cifar10" means the binary files of that set. Undefined where it is not among the files. */
async function open(files: Files, name: string): Promise<Walk | undefined> {
  const paths = Object.keys(files);
  const place = name === 'cifar10' ? findCifar(paths) : find(paths, name);
  if (!place) return undefined;
  if ('folder' in place) return new Walk(place.folder || 'the pictures', loose(files, place.folder));
  return new Walk(base(place.archive), archive(blob(files[place.archive] as Uint8Array | Blob)));
}

async function decodeFile(source: Uint8Array | Blob, limit: number): Promise<Pixels> {
  const size = source instanceof Blob ? source.size : source.length;
  if (size > MAX_FILE) throw tooLarge(size);
  return decode(await whole(source), limit);
}

/** The pixels of a picture file by itself; in words, what is wrong with it. */
const pixels = (source: Uint8Array | Blob, limit: number): Promise<Pixels | string> => orWords(decodeFile(source, limit));

export const reader = { open, pixels, whole };
