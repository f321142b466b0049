// The file formats that the tests write and read: IDX (MNIST's) and safetensors.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';

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
