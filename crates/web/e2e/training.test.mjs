// Train, stop, resume, draw, predict: what people do first.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { calm, chromium, serve, until } from './harness.mjs';
import { longTasks } from './longtask.mjs';
import { ONE, STEPS, button, canPress, confusion, draw, finished, guess, job, losses, number, press, probabilities, settled, status, step, stepsDone, text, visit } from './person.mjs';

let server, chrome;

/** Losses of an unbroken run by step, to compare others with. */
let unbroken;

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

test('quickstart trains to the end, with curves, readouts and a confusion matrix', { timeout: 300_000 }, async (t) => {
  const { page, trouble } = await come(t, 'lossEvery=1');
  await settled(page);
  await press(page, 'Train');
  // The first epoch's end brings the buffers of the validation.
  await stepsDone(page, STEPS + 50);
  const early = await text(page, 'memory');
  await stepsDone(page, 3 * STEPS - 50);
  assert.equal(await text(page, 'memory'), early, 'device memory grew');
  const { accuracy, samples, words } = await finished(page, 3 * STEPS);
  t.diagnostic(`${words}; first step ${await page.getByTestId('status').getAttribute('data-first-step')} s after Train`);
  assert.ok(accuracy >= 0.95, words);
  assert.equal(await step(page), 3 * STEPS);
  assert.ok(number(await text(page, 'steps-per-second')) > 0);
  assert.ok(number(await text(page, 'loss')) < 0.5);
  assert.equal(await page.getByTestId('epochs').locator('[data-epoch]').count(), 3);
  const rows = await confusion(page);
  assert.equal(rows.length, 10);
  const cells = rows.flat();
  assert.equal(cells.reduce((a, b) => a + b, 0), samples);
  const right = rows.reduce((sum, row, i) => sum + row[i], 0);
  assert.ok(Math.abs(right / samples - accuracy) < 1e-4, `${right} of ${samples} right, ${words}`);
  unbroken = new Map(await losses(page));
  assert.equal(unbroken.size, 3 * STEPS, 'the loss of every step was read');
  calm(trouble);
});

test('a second page trains without holding the main thread', { timeout: 300_000 }, async (t) => {
  const { page, trouble } = await come(t, 'epochs=1');
  await press(page, 'Train');
  await finished(page, STEPS);
  await page.reload();
  await settled(page);
  const tasks = await longTasks(page);
  const began = performance.now();
  await press(page, 'Train');
  await finished(page, STEPS);
  const took = performance.now() - began;
  const seen = (await tasks()).map((task) => Math.round(task.duration));
  const seconds = Number(await page.getByTestId('status').getAttribute('data-first-step'));
  assert.ok(seconds > 0, 'the page says how long the first step took');
  // How long a task takes is the machine's affair, and told. A training on the main thread would hold it nearly all of the time.
  t.diagnostic(`${seen.length} tasks over 50 ms (${seen.join(', ') || 'none'}) in ${Math.round(took)} ms, first step after ${seconds.toFixed(2)} s`);
  const share = seen.reduce((sum, ms) => sum + ms, 0) / took;
  assert.ok(share < 0.2, `the main thread was held for ${(100 * share).toFixed(0)} % of the training: ${seen.join(', ')} ms`);
  calm(trouble);
});

test('stop, then resume: the curve goes on and ends where an unbroken run ends', { timeout: 300_000 }, async (t) => {
  const { page, trouble } = await come(t, 'lossEvery=1&epochs=2');
  await press(page, 'Train');
  await stepsDone(page, STEPS + 30);
  await press(page, 'Stop');
  await until('the stop', async () => (await status(page)).startsWith('Stopped at step'));
  const stopped = number((await status(page)).replace('Stopped at step', ''));
  assert.ok(stopped > STEPS && stopped < 2 * STEPS, `stopped at ${stopped}`);
  await until('the evaluation after it', async () => (await job(page)) === 'none');
  assert.equal(await canPress(page, 'Stop'), false);
  const before = await losses(page);
  assert.equal(before.length, stopped);
  await press(page, 'Resume');
  await stepsDone(page, stopped + 1);
  const { words } = await finished(page, 2 * STEPS);
  t.diagnostic(`stopped at step ${stopped}, then ${words}`);
  const all = await losses(page);
  assert.deepEqual(all.map(([step]) => step), Array.from({ length: 2 * STEPS }, (_, i) => i + 1), 'a gap in the curve');
  assert.deepEqual(all.slice(0, stopped), before, 'the curve before the stop changed');
  // The same seed: the losses must be those of the unbroken run.
  if (unbroken) for (const [step, loss] of all) assert.ok(Math.abs(loss - unbroken.get(step)) <= 1e-5 * Math.abs(loss), `step ${step}: ${loss}, unbroken ${unbroken.get(step)}`);
  assert.equal(await page.getByTestId('epochs').locator('[data-epoch]').count(), 2);
  calm(trouble);
});

test('a digit is judged before, during and after a training', { timeout: 300_000 }, async (t) => {
  const { page, trouble } = await come(t, 'epochs=2');
  await draw(page, ONE);
  const untrained = await guess(page);
  assert.ok(Math.max(...untrained) < 0.9, `an untrained network is sure: ${untrained}`);
  await press(page, 'Train');
  await stepsDone(page, 100);
  // By itself, while it trains, and at each stroke.
  const during = await until('other probabilities', async () => {
    const p = await probabilities(page);
    return p && Math.abs(p[1] - untrained[1]) > 0.05 && p;
  });
  assert.equal(await job(page), 'train', 'the training ended before it was asked');
  await button(page, 'Clear').click();
  await until('empty probabilities', async () => (await probabilities(page)) === null);
  await draw(page, ONE);
  await guess(page);
  assert.equal(await job(page), 'train', 'the training ended before it was asked');
  await finished(page, 2 * STEPS);
  await button(page, 'Clear').click();
  await draw(page, ONE);
  const trained = await until('a sure guess', async () => {
    const p = await probabilities(page);
    return p && p[1] > 0.8 && p;
  });
  t.diagnostic(`probability of a one: ${untrained[1].toFixed(2)} untrained, ${during[1].toFixed(2)} at about step 100, ${trained[1].toFixed(2)} trained`);
  assert.equal(await text(page, 'guess'), '1');
  await press(page, 'Take a test sample');
  await until('the sample and its class', async () => /it is \d/.test(await page.locator('#guess-note').innerText()));
  await guess(page);
  calm(trouble);
});
