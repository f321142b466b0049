// zip by its central directory (PKWARE's APPNOTE, with its 64-bit sizes): entries are stored or deflated.

import { BadFile, Bytes, type Entry, MAX_ENTRIES, MAX_FILE, clean, damaged, expandable, inflated, tooLarge } from './stream';

const END = 0x06054b50;
const END_64 = 0x06064b50;
const END_64_LOCATOR = 0x07064b50;
const DIRECTORY = 0x02014b50;
const LOCAL = 0x04034b50;
// The longest comment, with the record that it follows.
const TAIL = 65_535 + 22;

const decoder = new TextDecoder();

async function view(blob: Blob, from: number, to: number): Promise<DataView> {
  if (from < 0 || to > blob.size || from > to) throw damaged('a part of it lies outside of the file');
  return new DataView(await blob.slice(from, to).arrayBuffer());
}

const wide = (data: DataView, at: number): number => Number(data.getBigUint64(at, true));

/** Where the directory is, how long it is and how many entries it has. */
async function directory(blob: Blob): Promise<{ offset: number; size: number; count: number }> {
  const start = Math.max(0, blob.size - TAIL);
  const tail = await view(blob, start, blob.size);
  let at = tail.byteLength - 22;
  while (at >= 0 && tail.getUint32(at, true) !== END) at--;
  if (at < 0) throw damaged('it has no directory at its end');
  const found = { offset: tail.getUint32(at + 16, true), size: tail.getUint32(at + 12, true), count: tail.getUint16(at + 10, true) };
  const large = found.offset === 0xffffffff || found.size === 0xffffffff || found.count === 0xffff;
  if (!large || at < 20 || tail.getUint32(at - 20, true) !== END_64_LOCATOR) return found;
  const place = wide(tail, at - 20 + 8);
  const end = await view(blob, place, place + 56);
  if (end.getUint32(0, true) !== END_64) throw damaged('its directory is not where it should be');
  return { offset: wide(end, 48), size: wide(end, 40), count: wide(end, 32) };
}

const table = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (table[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

interface Record {
  name: string;
  flags: number;
  method: number;
  crc: number;
  packed: number;
  size: number;
  offset: number;
  // Of the system that packed it: Unix keeps the kind of a file there.
  link: boolean;
}

function record(data: DataView, at: number): { record: Record; next: number } {
  if (at + 46 > data.byteLength || data.getUint32(at, true) !== DIRECTORY) throw damaged('its directory is damaged');
  const [nameLength, extraLength, commentLength] = [28, 30, 32].map((n) => data.getUint16(at + n, true)) as [number, number, number];
  const next = at + 46 + nameLength + extraLength + commentLength;
  if (next > data.byteLength) throw damaged('its directory is damaged');
  const name = decoder.decode(new Uint8Array(data.buffer, data.byteOffset + at + 46, nameLength));
  let [packed, size, offset] = [20, 24, 42].map((n) => data.getUint32(at + n, true)) as [number, number, number];
  const end = at + 46 + nameLength + extraLength;
  for (let extra = at + 46 + nameLength; extra + 4 <= end; extra += 4 + data.getUint16(extra + 2, true)) {
    if (data.getUint16(extra, true) !== 1) continue;
    // Those sizes that do not fit into 32 bits, in this order.
    let place = extra + 4;
    const long = (n: number): number => (n === 0xffffffff && place + 8 <= end ? wide(data, (place += 8) - 8) : n);
    [size, packed, offset] = [long(size), long(packed), long(offset)];
  }
  const unix = data.getUint8(at + 5) === 3;
  const link = unix && (data.getUint32(at + 38, true) >>> 28) === 0xa;
  const [flags, method, crc] = [data.getUint16(at + 8, true), data.getUint16(at + 10, true), data.getUint32(at + 16, true)];
  return { record: { name, flags, method, crc, packed, size, offset, link }, next };
}

/** The entries of a zip. */
export async function* zip(blob: Blob): AsyncGenerator<Entry> {
  const { offset, size, count } = await directory(blob);
  if (count > MAX_ENTRIES) throw new Error(`holds more than ${MAX_ENTRIES} files`);
  const data = await view(blob, offset, offset + size);
  const limit = expandable(blob.size);
  let expanded = 0;
  for (let n = 0, at = 0; n < count; n++) {
    const { record: entry, next } = record(data, at);
    at = next;
    if (entry.flags & 1 || ![0, 8].includes(entry.method)) {
      const why = entry.flags & 1 ? 'it is encrypted' : `the compression ${entry.method} is not known here`;
      throw new Error(`${why}; pack it again with deflate and without a password`);
    }
    const path = clean(entry.name);
    if (entry.link) throw new Error(`the entry ${JSON.stringify(path)} is a link; pack the files themselves`);
    const bytes = async (): Promise<Uint8Array> => {
      if (entry.size > MAX_FILE) throw tooLarge(entry.size);
      const out = await contents(blob, entry);
      expanded += out.length;
      if (expanded > limit) throw damaged(`it expands to more than ${limit} bytes`);
      return out;
    };
    if (path !== '') yield { path, folder: entry.name.endsWith('/'), size: entry.size, bytes };
  }
}

async function contents(blob: Blob, entry: Record): Promise<Uint8Array> {
  const local = await view(blob, entry.offset, entry.offset + 30);
  if (local.getUint32(0, true) !== LOCAL) throw damaged('an entry is not where the directory says');
  const start = entry.offset + 30 + local.getUint16(26, true) + local.getUint16(28, true);
  if (start + entry.packed > blob.size) throw damaged('a part of it lies outside of the file');
  const packed = blob.slice(start, start + entry.packed);
  const bytes = new Bytes(entry.method === 8 ? inflated(packed, 'deflate-raw') : packed.stream(), MAX_FILE);
  let out: Uint8Array;
  try {
    // One more than it says it is: what is longer is wrong too.
    out = await bytes.take(entry.size + 1);
  } catch {
    // Damaged bytes are one bad file.
    throw new BadFile('its compressed bytes are damaged');
  } finally {
    bytes.close();
  }
  if (out.length !== entry.size || crc32(out) !== entry.crc) throw new BadFile('its bytes are not those that were packed (wrong checksum)');
  return out;
}
