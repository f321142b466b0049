// The tab against the native program: the same curve, the same accuracy, the same files. The package runs in a worker of a bare page.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { drive, fromBase64, servePackage, startWorker, toBase64 } from './drive.mjs';
import { idxImages } from './formats.mjs';
import { calm, chromium, native, open, wgrad } from './harness.mjs';

const IMAGES = 1000;
const skip = native() ? false : 'the native program is not built (cargo build -p wgrad-cli)';
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'wgrad-e2e-'));
const at = (name) => path.join(folder, name);

let server, chrome, tab;

before(async () => {
  server = await servePackage();
  chrome = await chromium();
  tab = await open(chrome);
  await tab.page.goto(`${server.url}/bare.html`);
  await startWorker(tab.page);
});

after(async () => {
  await chrome?.close();
  await server?.close();
  fs.rmSync(folder, { recursive: true, force: true });
});

/** Trains quickstart in the tab and reads the loss of every step; the model stays in `kept.model`. */
async function trainInTab() {
  return drive(tab.page, async (wgrad, _, kept) => {
    const losses = [];
    kept.device = await wgrad.Device.open();
    kept.model = await wgrad.train('quickstart', null, {
      device: kept.device,
      lossEvery: 1,
      onStep: (s) => losses.push(s.batch_loss),
    });
    const test = await wgrad.evaluate(kept.model);
    const bytes = await wgrad.save(kept.model);
    let text = '';
    for (const byte of bytes) text += String.fromCharCode(byte);
    return { losses, test, file: btoa(text), finished: kept.model.finished };
  });
}

/** Trains quickstart natively, from the same seed. */
function trainNatively() {
  const run = at('run');
  const report = JSON.parse(wgrad(['train', 'quickstart', '--seed', '1', '--run', run, '--steps-csv', at('steps.csv'), '--json']));
  const rows = fs.readFileSync(at('steps.csv'), 'utf8').trim().split('\n').slice(1);
  return { run, report, losses: rows.map((row) => Number(row.split(',')[1])) };
}

/** The first test images as the data set gives them, bytes. */
function images() {
  return drive(
    tab.page,
    (wgrad, count, kept) => Array.from({ length: count }, (_, i) => Array.from(wgrad.sample(kept.model, i).x, (v) => Math.round(v * 255))),
    IMAGES,
  );
}

/** The classes that the model in the tab predicts for them. */
function classesInTab(model) {
  return drive(
    tab.page,
    async (wgrad, { count, model }, kept) => {
      const each = kept.model.input_shape.reduce((a, b) => a * b, 1);
      const x = new Float32Array(count * each);
      for (let i = 0; i < count; i++) x.set(wgrad.sample(kept.model, i).x, i * each);
      const p = await wgrad.predict(kept[model], x);
      const classes = kept[model].classes;
      const width = classes.length;
      return Array.from({ length: count }, (_, i) => {
        const row = p.subarray(i * width, (i + 1) * width);
        return classes[row.indexOf(Math.max(...row))];
      });
    },
    { count: IMAGES, model },
  );
}

/** The classes that the native program predicts for an IDX file. */
const classesNatively = (run, file) => JSON.parse(wgrad(['predict', run, file, '--index', `0..${IMAGES}`, '--json'])).predictions.map((p) => p.class);

/** Fails with the images on which two lists of classes differ. */
function same(program, tab) {
  assert.deepEqual([program.length, tab.length], [IMAGES, IMAGES]);
  assert.deepEqual(program.flatMap((c, i) => (c === tab[i] ? [] : [`image ${i}: ${c} natively, ${tab[i]} in the tab`])), []);
}

test('quickstart in a tab is the native run: curve, accuracy, checkpoints', { skip, timeout: 300_000 }, async (t) => {
  const there = trainNatively();
  const here = await trainInTab();

  await t.test('the first 200 losses stay within 1e-3 of each other', () => {
    assert.ok(here.finished && here.losses.length >= 200 && there.losses.length >= 200, `${here.losses.length} and ${there.losses.length} steps`);
    const apart = here.losses.slice(0, 200).map((loss, i) => Math.abs(loss - there.losses[i]) / there.losses[i]);
    const worst = Math.max(...apart);
    t.diagnostic(`largest relative difference in 200 steps: ${worst.toExponential(2)}, at step ${apart.indexOf(worst) + 1}`);
    assert.ok(worst <= 1e-3, `step ${apart.indexOf(worst) + 1}: ${worst}`);
  });

  await t.test('the accuracy is the native one within 0.3 points', () => {
    const [tab, program] = [here.test.accuracy, there.report.test_accuracy];
    t.diagnostic(`test accuracy in the tab ${(100 * tab).toFixed(2)} %, native ${(100 * program).toFixed(2)} %`);
    assert.ok(Math.abs(tab - program) <= 0.003, `${tab} and ${program}`);
    assert.ok(tab >= 0.95, `${tab}`);
  });

  await t.test('the native program reads a checkpoint of the tab', async () => {
    const file = at('from-tab.safetensors');
    fs.writeFileSync(file, fromBase64(here.file));
    const report = JSON.parse(wgrad(['eval', file, '--json']));
    assert.equal(report.samples, here.test.samples);
    assert.ok(Math.abs(report.accuracy - here.test.accuracy) <= 0.0005, `${report.accuracy} and ${here.test.accuracy}`);
    fs.writeFileSync(at('images-idx3-ubyte'), idxImages(await images()));
    const [tab, program] = [await classesInTab('model'), classesNatively(file, at('images-idx3-ubyte'))];
    same(program, tab);
  });

  await t.test('the tab reads a checkpoint of the native program', async () => {
    const file = path.join(there.run, 'last.safetensors');
    const accuracy = await drive(
      tab.page,
      async (wgrad, text, kept) => {
        const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
        kept.native = await wgrad.load('quickstart', bytes, null, kept.device);
        return (await wgrad.evaluate(kept.native)).accuracy;
      },
      toBase64(fs.readFileSync(file)),
    );
    const report = JSON.parse(wgrad(['eval', there.run, '--json']));
    assert.ok(Math.abs(report.accuracy - accuracy) <= 0.0005, `${report.accuracy} and ${accuracy}`);
    const [here, program] = [await classesInTab('native'), classesNatively(there.run, at('images-idx3-ubyte'))];
    same(program, here);
  });

  calm(tab.trouble);
});

test('device memory is flat over 2,000 steps', { timeout: 300_000 }, async (t) => {
  const { memory, saved } = await drive(tab.page, async (wgrad) => {
    const device = await wgrad.Device.open();
    // One epoch, since its end brings the buffers of the validation.
    const recipe = wgrad.describe('quickstart').toml.replace(/^epochs = .*$/m, 'epochs = 1').replace(/^batch_size = .*$/m, 'batch_size = 4');
    const memory = [];
    const saved = [];
    await wgrad.train(recipe, null, {
      device,
      onStep: () => memory.push(device.memory().live_bytes),
      onCheckpoint: () => saved.push(memory.length),
    });
    return { memory, saved };
  });
  assert.equal(memory.length, 2000);
  // The first checkpoint, after some seconds, brings the buffer through which it is read; it stays for the next ones.
  const [first] = saved;
  t.diagnostic(`live bytes after step 10: ${memory[9]}, 2,000: ${memory[1999]}; checkpoints after steps ${saved.join(', ')}`);
  for (const [from, to] of [[9, first], [Math.max(9, first), 2000]]) {
    const grown = memory.flatMap((bytes, i) => (i >= from && i < to && bytes !== memory[from] ? [`step ${i + 1}: ${bytes}, after step ${from + 1} ${memory[from]}`] : []));
    assert.deepEqual(grown, []);
  }
  assert.ok(memory[1999] < 3 * memory[9], 'the first checkpoint brought more than a copy of the state');
  calm(tab.trouble);
});

// Minutes on a processor: run by hand.
const data = process.env.WGRAD_DATA && path.join(process.env.WGRAD_DATA, 'mnist');
const slow = process.env.WGRAD_E2E_SLOW ? skip || (data ? false : 'WGRAD_DATA names no folder') : 'slow; set WGRAD_E2E_SLOW=1 and WGRAD_DATA';
test('mnist-mlp in a tab has the native accuracy within 0.3 points', { skip: slow, timeout: 1_500_000 }, async (t) => {
  const report = JSON.parse(wgrad(['train', 'mnist-mlp', '--seed', '1', '--run', at('mnist'), '--data', process.env.WGRAD_DATA, '--json']));
  const files = await servePackage({ '/data/': data });
  t.after(() => files.close());
  const { page, trouble } = await open(chrome);
  await page.goto(`${files.url}/bare.html`);
  await startWorker(page);
  const here = await drive(page, async (wgrad) => {
    const names = wgrad.describe('mnist-mlp').files;
    const files = {};
    for (const name of names) {
      const gz = name.endsWith('.gz') ? name : `${name}.gz`;
      files[name] = new Uint8Array(await (await fetch(`/data/${gz}`)).arrayBuffer());
    }
    const began = performance.now();
    const model = await wgrad.train('mnist-mlp', files);
    return { ...(await wgrad.evaluate(model)), seconds: (performance.now() - began) / 1000, step: model.step };
  });
  const there = report.test_accuracy;
  t.diagnostic(`test accuracy in the tab ${(100 * here.accuracy).toFixed(2)} %, native ${(100 * there).toFixed(2)} %; ${here.step} steps in ${here.seconds.toFixed(0)} s`);
  assert.ok(Math.abs(here.accuracy - there) <= 0.003);
  calm(trouble);
});
