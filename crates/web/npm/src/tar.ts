// tar (POSIX.1-1988 ustar, with the long names of pax and GNU), read as a stream: nothing is kept but the entry at hand.

import { BadFile, Bytes, type Entry, MAX_ENTRIES, MAX_FILE, clean, damaged, expandable, inflated, tooLarge } from './stream';

const BLOCK = 512;
// A header of a long name is no longer than this.
const MAX_NAME = 8192;
const decoder = new TextDecoder();

/** Text up to the first zero. */
function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return decoder.decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/** A number: octal digits, or binary where its first bit is set (GNU). */
function number(bytes: Uint8Array): number {
  if ((bytes[0] as number) & 0x80) return bytes.subarray(1).reduce((n, byte) => n * 256 + byte, (bytes[0] as number) & 0x7f);
  const digits = text(bytes).trim();
  return digits === '' ? 0 : /^[0-7]+$/.test(digits) ? parseInt(digits, 8) : NaN;
}

/** The sum over a header, the field of the sum itself being blanks. */
const checksum = (header: Uint8Array): number => header.reduce((sum, byte, i) => sum + (i >= 148 && i < 156 ? 32 : byte), 0);

/** Whether a file begins as a tar does. */
export function isTar(start: Uint8Array): boolean {
  return start.length >= BLOCK && (text(start.subarray(257, 262)) === 'ustar' || number(start.subarray(148, 156)) === checksum(start.subarray(0, BLOCK)));
}

/** The path that a pax header gives, if it does: lines of "length key=value". */
function paxPath(bytes: Uint8Array): string | null {
  for (let at = 0; at < bytes.length; ) {
    const length = parseInt(decoder.decode(bytes.subarray(at, at + 20)), 10);
    if (!(length > 0)) return null;
    const found = /^\d+ path=(.*)\n$/s.exec(decoder.decode(bytes.subarray(at, at + length)));
    if (found) return found[1] as string;
    at += length;
  }
  return null;
}

function pathOf(header: Uint8Array): string {
  const name = text(header.subarray(0, 100));
  // GNU puts other things where POSIX has the prefix.
  const posix = decoder.decode(header.subarray(257, 263)) === 'ustar\0';
  const prefix = posix ? text(header.subarray(345, 500)) : '';
  return prefix ? `${prefix}/${name}` : name;
}

/** The entries of a tar, plain or gzip. */
export async function* tar(blob: Blob, gzip: boolean): AsyncGenerator<Entry> {
  const bytes = new Bytes(gzip ? inflated(blob, 'gzip') : blob.stream(), expandable(blob.size));
  try {
    let long: string | null = null;
    for (let entries = 0; ; entries++) {
      const header = await bytes.take(BLOCK);
      if (header.length < BLOCK) throw damaged('it has no end mark');
      if (header.every((byte) => byte === 0)) break;
      if (number(header.subarray(148, 156)) !== checksum(header)) throw damaged('the checksum of a header is wrong');
      if (entries > MAX_ENTRIES) throw new Error(`holds more than ${MAX_ENTRIES} files`);
      const size = number(header.subarray(124, 136));
      if (!Number.isSafeInteger(size)) throw damaged('the size of an entry is no number');
      const padded = Math.ceil(size / BLOCK) * BLOCK;
      const kind = String.fromCharCode(header[156] as number);
      if (kind === 'L' || kind === 'x') {
        if (size > MAX_NAME) throw new Error('holds an entry whose name is no path; pack the folder again');
        const content = (await bytes.take(padded)).subarray(0, size);
        long = kind === 'L' ? text(content) : (paxPath(content) ?? long);
        continue;
      }
      if (kind === 'g') {
        await bytes.skip(padded);
        continue;
      }
      const raw: string = long ?? pathOf(header);
      long = null;
      const path = clean(raw);
      const folder = kind === '5' || (kind === '\0' && raw.endsWith('/'));
      if (!folder && !['0', '\0', '7'].includes(kind)) {
        throw new Error(`the entry ${JSON.stringify(path)} is a link or a device; pack the files themselves (tar --dereference)`);
      }
      let left = padded;
      const read = async (): Promise<Uint8Array> => {
        if (size > MAX_FILE) throw tooLarge(size);
        const all = await bytes.take(padded);
        left -= all.length;
        if (all.length < size) throw damaged(`${all.length} of ${size} bytes of ${path} are there`);
        return all.subarray(0, size);
      };
      if (path !== '') yield { path, folder, size, bytes: folder ? () => Promise.reject(new BadFile('a folder')) : read };
      if (left > 0 && (await bytes.skip(left)) < left) throw damaged(`${path} is not whole`);
    }
    // To the end of the file: gzip's checksum stands there.
    await bytes.skip(Infinity);
  } finally {
    bytes.close();
  }
}
