// The file formats that the tests write and read: IDX (MNIST's), PNG, tar, zip and safetensors.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';

/** An IDX file of grey images 28 × 28, each a row of 784 bytes. */
export function idxImages(rows) {
  const head = Buffer.alloc(16);
  [0x803, rows.length, 28, 28].forEach((value, i) => head.writeUInt32BE(value, 4 * i));
  return Buffer.concat([head, ...rows.map((row) => Buffer.from(row))]);
}

/** An IDX file of labels. */
export function idxLabels(labels) {
  const head = Buffer.alloc(8);
  [0x801, labels.length].forEach((value, i) => head.writeUInt32BE(value, 4 * i));
  return Buffer.concat([head, Buffer.from(labels)]);
}

/**
 * MNIST's four files by name: the real ones from a folder, or small ones that look alike: a bar for each class, at its own height.
 *
 * @returns {{ name: string, bytes: Buffer }[]}
 */
export function mnistFiles(folder) {
  const names = ['train-images-idx3-ubyte.gz', 'train-labels-idx1-ubyte.gz', 't10k-images-idx3-ubyte.gz', 't10k-labels-idx1-ubyte.gz'];
  if (folder) return names.map((name) => ({ name, bytes: fs.readFileSync(path.join(folder, name)) }));
  const labels = (count) => Array.from({ length: count }, (_, i) => i % 10);
  // Not one image as another: the bar's ends move.
  const image = (label, i) => Array.from({ length: 784 }, (_, p) => (Math.floor(p / 28) - 4 === 2 * label && p % 28 > i % 7 && p % 28 < 20 + (i % 5) ? 255 : 0));
  const images = (count) => labels(count).map(image);
  const files = [idxImages(images(640)), idxLabels(labels(640)), idxImages(images(200)), idxLabels(labels(200))];
  return names.map((name, i) => ({ name, bytes: gzipSync(files[i]) }));
}

/** Reads a safetensors file: its tensors by name, and its metadata. Fails where the file is none. */
export function safetensors(bytes) {
  const length = Number(bytes.readBigUInt64LE(0));
  assert.ok(8 + length <= bytes.length, 'the header ends behind the file');
  const { __metadata__: metadata = {}, ...tensors } = JSON.parse(bytes.subarray(8, 8 + length).toString('utf8'));
  const spans = Object.values(tensors).map((t) => t.data_offsets).sort((a, b) => a[0] - b[0]);
  const end = spans.reduce((at, [from, to]) => (assert.equal(from, at, 'a hole between tensors'), to), 0);
  assert.equal(8 + length + end, bytes.length, 'the tensors do not fill the file');
  return { tensors, metadata };
}

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** A PNG of red, green and blue; `pixel(x, y)` gives them. */
export function png(width, height, pixel) {
  const chunk = (name, data) => {
    const out = Buffer.alloc(12 + data.length);
    out.writeUInt32BE(data.length, 0);
    out.write(name, 4, 'latin1');
    data.copy(out, 8);
    out.writeUInt32BE(crc32(out.subarray(4, 8 + data.length)), 8 + data.length);
    return out;
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const rows = Buffer.alloc(height * (1 + 3 * width));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) rows.set(pixel(x, y), y * (1 + 3 * width) + 1 + 3 * x);
  }
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', head), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]);
}

/** A tar of files with their paths; long ones get a header of GNU's. */
export function tar(files) {
  const header = (path, size, kind) => {
    const head = Buffer.alloc(512);
    head.write(path.slice(0, 100), 0, 'utf8');
    head.write('0000644\0', 100);
    head.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
    head.write(kind, 156);
    head.write('ustar\0' + '00', 257, 'latin1');
    head.fill(' ', 148, 156);
    head.write(`${head.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0 `, 148);
    return head;
  };
  const padded = (bytes) => Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
  const entry = ({ path, bytes }) => {
    const name = Buffer.from(`${path}\0`);
    const long = path.length > 100 ? [header('././@LongLink', name.length, 'L'), padded(name)] : [];
    return [...long, header(path, bytes.length, '0'), padded(bytes)];
  };
  return Buffer.concat([...files.flatMap(entry), Buffer.alloc(1024)]);
}

/** A zip of files with their paths, every other one stored as it is. */
export function zip(files) {
  const parts = [];
  const directory = [];
  let offset = 0;
  files.forEach(({ path, bytes }, i) => {
    const name = Buffer.from(path);
    const packed = i % 2 ? bytes : deflateRawSync(bytes);
    const facts = Buffer.alloc(26);
    facts.writeUInt16LE(20, 0);
    facts.writeUInt16LE(i % 2 ? 0 : 8, 4);
    facts.writeUInt32LE(crc32(bytes), 10);
    facts.writeUInt32LE(packed.length, 14);
    facts.writeUInt32LE(bytes.length, 18);
    facts.writeUInt16LE(name.length, 22);
    const where = Buffer.alloc(14);
    where.writeUInt32LE(offset, 10);
    directory.push(Buffer.from('PK\x01\x02\x14\x00', 'latin1'), facts, where, name);
    parts.push(Buffer.from('PK\x03\x04', 'latin1'), facts, name, packed);
    offset += 30 + name.length + packed.length;
  });
  const list = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 0, 'latin1');
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(list.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, list, end]);
}

/**
 * A small set of pictures in two classes, stripes that lie and stripes that stand, no picture as large as another, and a file that is
 * no picture.
 *
 * @returns {{ path: string, bytes: Buffer }[]}
 */
export function stripes(each = 12) {
  const picture = (n, across) =>
    png(21 + (n % 7), 26 - (n % 5), (x, y) => {
      const light = Math.floor((across ? y : x) / 3 + n) % 2;
      return [light * 200 + n, light ? 40 + 3 * n : 90, (x * 9 + y * 5 + n) % 256];
    });
  const files = Array.from({ length: 2 * each }, (_, n) => ({ path: `stripes/${n % 2 ? 'lying' : 'standing'}/${n}.png`, bytes: picture(n, n % 2 === 1) }));
  return [...files, { path: 'stripes/lying/notes.txt', bytes: Buffer.from('no picture') }, { path: 'stripes/readme.md', bytes: Buffer.from('# stripes') }];
}
