// Save, load, keep, reload: a trained model as a thing to have.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { safetensors } from './formats.mjs';
import { calm, chromium, serve, until } from './harness.mjs';
import { STEPS, canPress, downloaded, evaluated, finished, losses, press, ready, status, step, stepsDone, text, visit } from './person.mjs';

let server, chrome;

before(async () => {
  server = await serve();
  chrome = await chromium();
});

after(async () => {
  await chrome?.close();
  await server?.close();
});

async function come(t, query) {
  const tab = await visit(chrome, server, query);
  t.after(() => tab.context.close());
  return tab;
}

/** Gives the page a model file. */
async function give(page, bytes, name = 'mine.safetensors') {
  await page.getByTestId('model-input').setInputFiles({ name, mimeType: 'application/octet-stream', buffer: bytes });
}

test('a downloaded model is a safetensors file, and loads again with the same accuracy', { timeout: 300_000 }, async (t) => {
  const { page, trouble } = await come(t, 'epochs=1');
  await press(page, 'Train');
  const trained = await finished(page, STEPS);
  const file = await downloaded(page, 'Download model');
  assert.equal(file.name, 'quickstart.safetensors');
  const { tensors } = safetensors(file.bytes);
  const shapes = Object.values(tensors).map((tensor) => tensor.shape.join('×'));
  assert.ok(shapes.some((s) => s === '784×128' || s === '128×784'), shapes.join());

  // Another visitor, who has trained nothing.
  const other = await come(t, '');
  await give(other.page, file.bytes, file.name);
  await until('the model', async () => /Loaded quickstart\.safetensors: step 250/.test(await text(other.page, 'model-status')));
  await press(other.page, 'Evaluate');
  const again = await evaluated(other.page);
  t.diagnostic(`trained: ${trained.words}; loaded: ${again.words}`);
  assert.equal(again.accuracy, trained.accuracy);
  assert.equal(again.samples, trained.samples);
  // From the loaded file training can go on, since the recipe wants three epochs.
  await press(other.page, 'Resume');
  await finished(other.page, 3 * STEPS);
  calm(trouble);
  calm(other.trouble);
});

test('a file that is no model is refused in words, and the model at hand stays', { timeout: 120_000 }, async (t) => {
  const { page, trouble } = await come(t, '');
  for (const [name, bytes] of [['empty.safetensors', Buffer.alloc(0)], ['noise.safetensors', Buffer.from('this is no safetensors file, whatever its name says')]]) {
    await give(page, bytes, name);
    await until('a refusal', async () => (await page.getByTestId('model-status').getAttribute('data-tone')) === 'bad');
    const words = await text(page, 'model-status');
    t.diagnostic(words);
    assert.ok(words.length > 20 && !/panic|unreachable|undefined|RuntimeError/.test(words), words);
  }
  assert.equal(await canPress(page, 'Train'), true);
  calm(trouble);
});

test('a reload in the middle of a training loses little: Resume goes on from the storage', { timeout: 300_000 }, async (t) => {
  const { page, trouble } = await come(t, 'epochs=2&lossEvery=1');
  await press(page, 'Train');
  await until('a checkpoint in the storage', async () => (await page.getByTestId('kept').innerText()).includes('last checkpoint'), { timeout: 60_000 });
  await stepsDone(page, STEPS + 20);
  await page.reload();
  await until('the page', async () => (await status(page)) === 'Ready' && (await canPress(page, 'Resume')));
  assert.match(await page.locator('#hint').innerText(), /Resume goes on with quickstart from step/);
  await press(page, 'Resume');
  const { accuracy, words } = await finished(page, 2 * STEPS);
  const [from] = (await losses(page))[0];
  t.diagnostic(`went on from step ${from - 1}: ${words}`);
  assert.ok(from > 1 && from <= 2 * STEPS, `it began at step ${from}`);
  assert.ok(accuracy >= 0.9, words);
  calm(trouble);
});

test('a model kept in the browser is there after a reload, can be loaded, deleted and brought back', { timeout: 300_000 }, async (t) => {
  const { page, trouble } = await come(t, 'epochs=1');
  await press(page, 'Train');
  const trained = await finished(page, STEPS);
  await press(page, 'Keep in this browser');
  await until('the word of it', async () => (await text(page, 'model-status')) === 'Kept in this browser.');
  const kept = page.getByTestId('kept').locator('tbody tr');
  await until('two rows', async () => (await kept.count()) === 2);
  await page.reload();
  await ready(page);
  const mine = kept.filter({ hasNotText: 'last checkpoint' });
  await until('the row', async () => (await mine.count()) === 1);
  await mine.getByRole('button', { name: /^Load/ }).click();
  await until('the model', async () => (await step(page)) === STEPS);
  await press(page, 'Evaluate');
  assert.equal((await evaluated(page)).accuracy, trained.accuracy);
  await mine.getByRole('button', { name: /^Delete/ }).click();
  await until('one row less', async () => (await mine.count()) === 0);
  await page.getByRole('button', { name: 'Undo' }).click();
  await until('the row again', async () => (await mine.count()) === 1);
  calm(trouble);
});
