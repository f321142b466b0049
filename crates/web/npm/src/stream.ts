// Bytes as they come, and the two kinds of errors: of one file, which is left out, and of the whole set.

/** What is wrong with one file. */
export class BadFile extends Error {}

/** An entry of an archive, or a loose file. */
export interface Entry {
  path: string;
  folder: boolean;
  /** Of its bytes. */
  size: number;
  /** Its bytes, to be asked for before the next entry. Throws a BadFile where they cannot be had. */
  bytes(): Promise<Uint8Array>;
}

export const damaged = (why: string): Error => new Error(`the archive breaks off or is damaged: ${why}; fetch or copy it again`);

export const words = (error: unknown): string => (error instanceof Error && error.message ? error.message : 'no reason given');

/** Bytes of one file, and of what an archive expands to whatever its size; beyond, 32 times its size. The native program's. */
export const MAX_FILE = 128 * 2 ** 20;
const EXPANDED = 2 ** 30;
const EXPANSION = 32;
/** Entries of an archive: more names than a tab should hold. */
export const MAX_ENTRIES = 1_000_000;
const MAX_PATH = 4096;

export const tooLarge = (size: number | string): BadFile => new BadFile(`${size} bytes, more than the ${MAX_FILE} that a file may have`);
export const expandable = (size: number): number => Math.max(EXPANDED, EXPANSION * size);

/** The path of an entry with forward slashes and no root. */
export function clean(raw: string): string {
  const name = raw.replaceAll('\\', '/');
  if (name.length > MAX_PATH || name.includes('\0')) throw new Error('holds an entry whose name is no path; pack the folder again');
  if (name.startsWith('/') || name[1] === ':' || name.split('/').includes('..')) {
    throw new Error(`the entry ${JSON.stringify(name)} climbs out of the archive; do not trust it, or pack the folder again with relative paths`);
  }
  return name
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
}

/** A stream read in pieces of the wanted length. */
export class Bytes {
  private chunk: Uint8Array = new Uint8Array();
  private total = 0;
  private readonly reader: ReadableStreamDefaultReader<Uint8Array>;

  constructor(
    stream: ReadableStream<Uint8Array>,
    private readonly limit: number,
  ) {
    this.reader = stream.getReader();
  }

  // Whether there is another byte.
  private async more(): Promise<boolean> {
    while (this.chunk.length === 0) {
      const { done, value } = await this.reader.read().catch((error: unknown) => {
        throw damaged(words(error));
      });
      if (done) return false;
      this.chunk = value;
      this.total += value.length;
      if (this.total > this.limit) throw damaged(`it expands to more than ${this.limit} bytes`);
    }
    return true;
  }

  /** The next bytes; fewer where it ends. */
  async take(length: number): Promise<Uint8Array> {
    if (this.chunk.length >= length) {
      const part = this.chunk.subarray(0, length);
      this.chunk = this.chunk.subarray(length);
      return part;
    }
    const parts: Uint8Array[] = [];
    let have = 0;
    while (have < length && (await this.more())) {
      const part = this.chunk.subarray(0, length - have);
      this.chunk = this.chunk.subarray(part.length);
      parts.push(part);
      have += part.length;
    }
    const all = new Uint8Array(have);
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }

  /** Passes over bytes; how many there were. */
  async skip(length: number): Promise<number> {
    let left = length;
    while (left > 0 && (await this.more())) {
      const n = Math.min(left, this.chunk.length);
      this.chunk = this.chunk.subarray(n);
      left -= n;
    }
    return length - left;
  }

  close(): void {
    // Whatever becomes of the rest, nobody reads it.
    void this.reader.cancel().catch(() => undefined);
  }
}

export function inflated(blob: Blob, format: 'gzip' | 'deflate-raw'): ReadableStream<Uint8Array> {
  return blob.stream().pipeThrough(new DecompressionStream(format) as ReadableWritablePair<Uint8Array, Uint8Array>);
}
