// Pictures: chosen on the page as an archive or a folder, trained on, and asked about; and from the package, beside the native program.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { drive, servePackage, startWorker, toBase64 } from './drive.mjs';
import { mnistFiles, stripes, tar, zip } from './formats.mjs';
import { calm, chromium, native, open, serve, site, until, wgrad } from './harness.mjs';
import { canPress, finished, press, status, text } from './person.mjs';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'wgrad-pictures-'));
const at = (name) => path.join(folder, name);
const files = stripes();

let server, bare, chrome, tab;

before(async () => {
  server = await serve(site);
  bare = await servePackage();
  chrome = await chromium();
  tab = await open(chrome);
  await tab.page.goto(`${bare.url}/bare.html`);
  await startWorker(tab.page);
});

after(async () => {
  await chrome?.close();
  await server?.close();
  await bare?.close();
  fs.rmSync(folder, { recursive: true, force: true });
});

/** Opens the page at a recipe on pictures, which waits for them. */
async function come(t, query) {
  const opened = await open(chrome);
  t.after(() => opened.context.close());
  await opened.page.goto(`${server.url}/?debug&${query}`);
  await until('the page', async () => (await status(opened.page)) === 'Ready');
  await until('the files box', () => opened.page.getByTestId('files').isVisible());
  return opened;
}

const choose = (page, name, buffer) => page.getByTestId('files-input').setInputFiles({ name, mimeType: 'application/octet-stream', buffer });
const said = (page, pattern) =>
  until(`${pattern}`, async () => {
    const words = await text(page, 'files');
    return pattern.test(words) && words;
  }, { timeout: 60_000 });

test('a zip of pictures is read, trained on and asked about', { timeout: 300_000 }, async (t) => {
  const { page, trouble } = await come(t, 'recipe=images-cnn&epochs=2');
  assert.equal(await canPress(page, 'Train'), false);
  assert.match(await page.locator('#hint').innerText(), /Still missing: pictures/);
  await choose(page, 'stripes.zip', zip(files));
  const words = await said(page, /All is read/);
  // A tenth tests and a fifth of the rest validates, of each class.
  assert.match(words, /All is read: \d+ train, \d+ validate, \d+ test\. Classes: lying, standing\./);
  assert.match(words, /1 in no class folder/);
  assert.match(words, /Left out: 1 that cannot be read\.\s+stripes\/lying\/notes\.txt: no picture/);
  await press(page, 'Train');
  const { samples } = await finished(page, 2);
  assert.ok(samples >= 2, `${samples}`);
  // A picture of one's own, then one of the test samples.
  await page.getByTestId('picture-input').setInputFiles({ name: 'mine.png', mimeType: 'image/png', buffer: files[3].bytes });
  const shares = () => page.evaluate(() => [0, 1].map((i) => Number(document.querySelector(`[data-testid="prob-${i}"]`)?.dataset.value || NaN)));
  const mine = await until('an answer', async () => {
    const p = await shares();
    return p.every(Number.isFinite) && p;
  });
  assert.ok(Math.abs(mine[0] + mine[1] - 1) < 1e-4, mine.join());
  assert.ok(await page.getByTestId('picture').isVisible());
  await press(page, 'Take a test sample');
  await until('another answer', async () => (await shares())[0] !== mine[0]);
  assert.match(await page.locator('#guess-note').innerText(), /it is (lying|standing)/);
  // What is no picture is said to be none.
  await page.getByTestId('picture-input').setInputFiles({ name: 'mine.txt', mimeType: 'image/png', buffer: Buffer.from('words') });
  await until('the refusal', async () => /mine\.txt: no picture/i.test(await page.locator('#guess-note').innerText()));
  calm(trouble);
});

test('a folder is read as its archive is; an archive that climbs out or breaks off is refused', { timeout: 300_000 }, async (t) => {
  const { page, trouble } = await come(t, 'recipe=images-cnn');
  for (const { path: name, bytes } of files) {
    fs.mkdirSync(path.dirname(at(name)), { recursive: true });
    fs.writeFileSync(at(name), bytes);
  }
  await page.getByTestId('folder-input').setInputFiles(at('stripes'));
  const words = await said(page, /All is read/);
  await choose(page, 'evil.tar.gz', gzipSync(tar([...files, { path: '../evil.png', bytes: files[0].bytes }])));
  assert.match(await said(page, /climbs out/), /evil\.tar\.gz: the entry "\.\.\/evil\.png" climbs out of the archive/i);
  const whole = gzipSync(tar(files));
  await choose(page, 'short.tgz', whole.subarray(0, whole.length / 2));
  await said(page, /short\.tgz: the archive breaks off or is damaged/i);
  await choose(page, 'short.zip', zip(files).subarray(0, 5000));
  await said(page, /short\.zip: the archive breaks off or is damaged/i);
  await choose(page, 'holiday.zip', zip(files.map(({ bytes }, n) => ({ path: `${n}.png`, bytes }))));
  await said(page, /holiday\.zip: holds 26 files in no class folder; a folder for each class is expected/i);
  await choose(page, 'stripes.tar.gz', whole);
  const report = /All is read.*/;
  assert.equal(report.exec(await said(page, report))[0], report.exec(words)[0]);
  calm(trouble);
});

/** A network that a software adapter trains in no time. */
const SMALL = `
name = "stripes"
epochs = 6
batch_size = 8
loss = "bce_with_logits"
[data]
source = "images"
train = "stripes-train.tar.gz"
test = "stripes-test.tar.gz"
size = 16
augment = [{ kind = "random_horizontal_flip" }]
[optimizer]
kind = "adam"
learning_rate = 0.003
[[layers]]
kind = "conv2d"
channels = 4
kernel_size = 3
[[layers]]
kind = "relu"
[[layers]]
kind = "max_pool2d"
kernel_size = 2
[[layers]]
kind = "flatten"
[[layers]]
kind = "linear"
units = 1
`;

const skip = native() ? false : 'the native program is not built (cargo build -p wgrad-cli)';
test('the tab trains on pictures as the native program does', { skip, timeout: 300_000 }, async (t) => {
  const archives = { 'stripes-train.tar.gz': gzipSync(tar(files)), 'stripes-test.tar.gz': gzipSync(tar(files.slice(0, 10))) };
  for (const [name, bytes] of Object.entries(archives)) fs.writeFileSync(at(name), bytes);
  fs.writeFileSync(at('small.toml'), SMALL);
  const report = JSON.parse(wgrad(['train', at('small.toml'), '--data', folder, '--run', at('run'), '--steps-csv', at('steps.csv'), '--json']));
  const there = fs.readFileSync(at('steps.csv'), 'utf8').trim().split('\n').slice(1).map((row) => Number(row.split(',')[1]));
  const here = await drive(
    tab.page,
    async (wgrad, { recipe, archives, picture }) => {
      const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
      const files = Object.fromEntries(Object.entries(archives).map(([name, text]) => [name, bytes(text)]));
      const data = new wgrad.Data(files);
      const events = [];
      const read = await data.read(recipe, { onProgress: (event) => events.push(event) });
      const losses = [];
      const model = await wgrad.train(recipe, data, { lossEvery: 1, onStep: (s) => losses.push(s.batch_loss) });
      const { accuracy } = await wgrad.evaluate(model);
      const x = await wgrad.picture(model, bytes(picture));
      return { read, last: events.pop(), losses, accuracy, classes: model.classes, shares: [...(await wgrad.predict(model, x))] };
    },
    { recipe: SMALL, archives: Object.fromEntries(Object.entries(archives).map(([name, bytes]) => [name, toBase64(bytes)])), picture: toBase64(files[1].bytes) },
  );
  assert.deepEqual(here.read.samples, { train: 24, validation: 0, test: 10 });
  assert.deepEqual(here.read.skipped, ['stripes-train.tar.gz/stripes/lying/notes.txt: no picture: neither JPEG nor PNG, WebP, BMP or GIF']);
  assert.deepEqual(here.last, { place: 'stripes-test.tar.gz', done: 10, of: 10, skipped: 0 });
  assert.equal(here.losses.length, there.length);
  const apart = here.losses.map((loss, i) => Math.abs(loss - there[i]) / there[i]);
  t.diagnostic(`largest relative difference in ${there.length} steps: ${Math.max(...apart).toExponential(2)}, in the first ${apart[0].toExponential(2)}`);
  // One byte of one plane would show in the first loss.
  assert.ok(apart[0] <= 2e-6, `${here.losses[0]} and ${there[0]}`);
  assert.ok(Math.max(...apart) <= 1e-3, apart.join());
  assert.ok(Math.abs(here.accuracy - report.test_accuracy) < 1e-6, `${here.accuracy} and ${report.test_accuracy}`);
  assert.equal(here.shares.length, 2);
  fs.writeFileSync(at('one.png'), files[1].bytes);
  const asked = JSON.parse(wgrad(['predict', at('run'), at('one.png'), '--json'])).predictions[0];
  t.diagnostic(`${JSON.stringify(asked)} natively, ${here.shares} of ${here.classes} in the tab`);
  assert.equal(asked.class, here.classes[here.shares.indexOf(Math.max(...here.shares))]);
  calm(tab.trouble);
});

test('CIFAR-10 from its binary files; mnist-cnn begins; a reading can be stopped', { timeout: 300_000 }, async (t) => {
  const records = (first) => Buffer.concat(Array.from({ length: 20 }, (_, n) => Buffer.alloc(3073, (first + n * 7) % 251).fill(n % 10, 0, 1)));
  const names = [...[1, 2, 3, 4, 5].map((n) => `data_batch_${n}.bin`), 'test_batch.bin'];
  const bins = names.map((name, n) => ({ path: `cifar-10-batches-bin/${name}`, bytes: records(n) }));
  const given = {
    loose: Object.fromEntries(bins.map(({ path, bytes }) => [path, toBase64(bytes)])),
    packed: { 'cifar-10-binary.tar.gz': toBase64(gzipSync(tar(bins))) },
    mnist: Object.fromEntries(mnistFiles().map(({ name, bytes }) => [name, toBase64(bytes)])),
    own: { 'stripes.tar': toBase64(tar(files)) },
  };
  const seen = await drive(
    tab.page,
    async (wgrad, given) => {
      const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
      const files = (of) => Object.fromEntries(Object.entries(of).map(([name, text]) => [name, new Blob([bytes(text)])]));
      const cifar = [];
      for (const kind of ['loose', 'packed']) cifar.push((await new wgrad.Data(files(given[kind])).read('cifar10-resnet')).samples);
      const stop = new AbortController();
      const losses = [];
      const model = await wgrad.train('mnist-cnn', files(given.mnist), {
        signal: stop.signal,
        lossEvery: 1,
        onStep: (s) => {
          losses.push(s.batch_loss);
          if (losses.length === 2) stop.abort();
        },
      });
      const early = new AbortController();
      const own = new wgrad.Data(files(given.own));
      const stopped = await own.read('images-cnn', { signal: early.signal, onProgress: () => early.abort() }).catch((error) => error.kind);
      const missing = await wgrad.train('cats-dogs', files(given.own)).catch((error) => [error.kind, error.message].join(': '));
      return { cifar, losses, step: model.step, stopped, missing };
    },
    given,
  );
  for (const samples of seen.cifar) assert.deepEqual(samples, { train: 100, validation: 0, test: 20 });
  assert.equal(seen.step, 2);
  assert.ok(seen.losses.every((loss) => loss > 0 && loss < 10), seen.losses.join());
  assert.equal(seen.stopped, 'stopped');
  assert.match(seen.missing, /^data: the recipe cats-dogs needs files that are not there: cats-dogs-train\.tar\.gz/);
  calm(tab.trouble);
});
