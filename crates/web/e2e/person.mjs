// What a person does on the page. The names and test ids are those listed in page/src/main.ts.

import assert from 'node:assert/strict';
import { open, until } from './harness.mjs';

/** Steps of one epoch of quickstart: 8,000 samples by 32. */
export const STEPS = 250;

/** Opens the page with everything ready to be pressed. */
export async function visit(chrome, server, query = '', options = {}) {
  const tab = await open(chrome, options);
  await tab.page.goto(`${server.url}/?debug${query && `&${query}`}`);
  await ready(tab.page);
  return tab;
}

/** Waits until the device is open and Train can be pressed. */
export async function ready(page) {
  await until('the page to be ready', async () => (await status(page)) === 'Ready' && (await canPress(page, 'Train')), { timeout: 60_000 });
}

/** Waits until the page has done all that it does by itself: the last is the network's summary. */
export async function settled(page) {
  await ready(page);
  await until('the summary', async () => /linear/i.test(await page.getByTestId('summary').textContent()));
}

export const text = (page, id) => page.getByTestId(id).innerText();
export const status = (page) => text(page, 'status');
export const job = (page) => page.getByTestId('status').getAttribute('data-job');
export const button = (page, name) => page.getByRole('button', { name, exact: true });

export async function canPress(page, name) {
  return (await button(page, name).getAttribute('aria-disabled')) !== 'true';
}

/** Presses a button once it can be pressed. */
export async function press(page, name) {
  await until(`the button ${name}`, () => canPress(page, name));
  await button(page, name).click();
}

/** The number in a text such as "1,234 steps". */
export const number = (words) => Number(/-?[\d,]+(\.\d+)?(e[+-]?\d+)?/.exec(words)?.[0].replaceAll(',', '') ?? NaN);

/** Steps done, as the page shows them. */
export const step = async (page) => number(await text(page, 'step')) || 0;

/** Waits until the training under way has done so many steps. */
export function stepsDone(page, steps) {
  return until(`step ${steps}`, async () => {
    const words = await status(page);
    assert.match(words, /^(Starting …|Training|Finished .*)$/, 'the training ended early');
    return (await step(page)) >= steps;
  }, { timeout: 120_000, every: 30 });
}

/** Waits for the end of a training and of the evaluation after it; gives the accuracy in words of the page, as a share. */
export async function finished(page, steps, { timeout = 240_000 } = {}) {
  const last = steps.toLocaleString('en');
  await until(`the end of the training at step ${last}`, async () => {
    const words = await status(page);
    assert.match(words, /^(Starting …|Training|Finished .*)$/, 'the training ended otherwise');
    return words.startsWith(`Finished at step ${last} `);
  }, { timeout });
  return evaluated(page);
}

/** Waits for an evaluation. */
export async function evaluated(page) {
  const words = await until('an evaluation', async () => {
    const words = await text(page, 'evaluation');
    return /accuracy/i.test(words) && words;
  }, { timeout: 60_000 });
  const [, accuracy, samples] = /accuracy ([\d.]+) %.* on ([\d,]+) samples/i.exec(words) ?? assert.fail(words);
  return { accuracy: Number(accuracy) / 100, samples: number(samples), words };
}

/** The confusion matrix as numbers. */
export function confusion(page) {
  return page.getByTestId('confusion').locator('tbody tr').evaluateAll((rows) => rows.map((row) => [...row.querySelectorAll('td')].map((cell) => Number(cell.textContent.replaceAll(',', '')))));
}

/** Draws a stroke on the pad through points given as shares of its sides. */
export async function draw(page, points) {
  const pad = page.getByTestId('pad');
  await pad.scrollIntoViewIfNeeded();
  const box = await pad.boundingBox();
  const at = ([x, y]) => [box.x + x * box.width, box.y + y * box.height];
  await page.mouse.move(...at(points[0]));
  await page.mouse.down();
  for (const point of points.slice(1)) await page.mouse.move(...at(point), { steps: 8 });
  await page.mouse.up();
}

/** A one: a straight stroke from the top to the bottom. */
export const ONE = [[0.52, 0.12], [0.5, 0.88]];

/** The probabilities shown and the best class, read at once: they change while a training runs. */
async function judged(page) {
  const { values, best } = await page.evaluate(() => ({
    values: Array.from({ length: 10 }, (_, i) => document.querySelector(`[data-testid="prob-${i}"]`)?.dataset.value),
    best: document.querySelector('[data-testid="guess"]')?.textContent,
  }));
  return values.some((v) => !v) ? null : { p: values.map(Number), best };
}

/** The probabilities shown; null while there are none. */
export const probabilities = async (page) => (await judged(page))?.p ?? null;

/** Waits for probabilities and checks that they are some. */
export async function guess(page) {
  const { p, best } = await until('probabilities', () => judged(page));
  const sum = p.reduce((a, b) => a + b, 0);
  assert.ok(Math.abs(sum - 1) < 1e-4, `the probabilities sum to ${sum}`);
  assert.ok(p.every((v) => v >= 0 && v <= 1), p.join());
  assert.equal(best, String(p.indexOf(Math.max(...p))));
  return p;
}

/** Does something that downloads a file; gives its name and its bytes. */
export async function downloaded(page, name) {
  const [download] = await Promise.all([page.waitForEvent('download'), press(page, name)]);
  const chunks = [];
  for await (const chunk of await download.createReadStream()) chunks.push(chunk);
  return { name: download.suggestedFilename(), bytes: Buffer.concat(chunks) };
}

/** Every step's own loss that the page has read: [step, loss]. */
export const losses = (page) => page.evaluate(() => window.wgradPage.losses.map(({ step, loss }) => [step, loss]));

/** Presses "Lose the device", as `?debug` shows it. */
export const loseDevice = (page) => press(page, 'Lose the device');
