// What goes wrong: the device is lost, there is no WebGPU, the recipe has an error. The page says it in plain words and throws nothing.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { calm, chromium, open, serve, until } from './harness.mjs';
import { STEPS, canPress, finished, losses, press, ready, status, step, stepsDone, text, visit } from './person.mjs';

let server;

before(async () => {
  server = await serve();
});

after(() => server?.close());

/** A browser of its own, since these tests break it. */
async function browser(t, options) {
  const chrome = await chromium(options);
  t.after(() => chrome.close());
  return chrome;
}

/** The engine's own words are for people. */
function plain(words) {
  assert.ok(words.length > 20, `too few words: ${words}`);
  assert.doesNotMatch(words, /panicked|unreachable|RuntimeError|undefined|\[object|Err\(|\bat .*:\d+:\d+/);
}

test('the GPU process crashes in the middle: training goes on by itself and ends', { timeout: 300_000 }, async (t) => {
  const chrome = await browser(t);
  const { page, trouble } = await visit(chrome, server, 'epochs=2&lossEvery=1');
  await press(page, 'Train');
  await stepsDone(page, STEPS + 20);
  await chrome.cdp.send('Browser.crashGpuProcess');
  const words = await until('the banner', async () => (await page.getByTestId('banner').isVisible()) && text(page, 'banner'));
  t.diagnostic(words.replaceAll('\n', ' '));
  plain(words);
  assert.match(words, /lost/);
  const { accuracy, words: end } = await finished(page, 2 * STEPS);
  t.diagnostic(end);
  assert.ok(accuracy >= 0.9, end);
  assert.deepEqual((await losses(page)).map(([step]) => step), Array.from({ length: 2 * STEPS }, (_, i) => i + 1), 'a gap in the curve');
  assert.match(await text(page, 'log'), /lost/);
  // And it can be trained again on the new device.
  await press(page, 'Train');
  await finished(page, 2 * STEPS);
  calm(trouble);
});

test('the device is lost for good: it is said, and nothing of what was kept is lost', { timeout: 300_000 }, async (t) => {
  const chrome = await browser(t);
  const { page, trouble } = await visit(chrome, server, 'epochs=2');
  await press(page, 'Train');
  await stepsDone(page, STEPS + 20);
  // Chromium gives no adapter any more after the second crash within minutes.
  await chrome.cdp.send('Browser.crashGpuProcess');
  const going = await until('the banner', async () => (await page.getByTestId('banner').isVisible()) && step(page));
  await until('training to go on', async () => (await status(page)) !== 'Training' || (await step(page)) > going);
  await chrome.cdp.send('Browser.crashGpuProcess');
  const words = await until('the end', async () => {
    const words = await status(page);
    return !/^(Training|Starting)/.test(words) && words;
  }, { timeout: 60_000 });
  t.diagnostic(words);
  plain(words);
  assert.match(await page.getByTestId('kept').innerText(), /last checkpoint/);
  calm(trouble);
});

test('the device is lost while nothing runs: the next training opens a new one', { timeout: 300_000 }, async (t) => {
  const chrome = await browser(t);
  const { page, trouble } = await visit(chrome, server, 'epochs=1');
  await press(page, 'Lose the device');
  await press(page, 'Train');
  await finished(page, STEPS);
  await chrome.cdp.send('Browser.crashGpuProcess');
  await press(page, 'Train');
  await finished(page, STEPS);
  calm(trouble);
});

test('no adapter: plain words, and no exception', { timeout: 60_000 }, async (t) => {
  const chrome = await browser(t, { webgpu: false });
  const { page, trouble } = await open(chrome);
  await page.goto(`${server.url}/`);
  await until('the words', () => page.getByTestId('no-device').isVisible());
  const words = await text(page, 'no-device');
  plain(words);
  assert.match(words, /no graphics adapter/i);
  assert.match(words, /chrome:\/\/flags/);
  await useless(page);
  calm(trouble);
});

test('no WebGPU in the browser: plain words, and no exception', { timeout: 60_000 }, async (t) => {
  const chrome = await browser(t, { args: ['--disable-blink-features=WebGPU', '--disable-features=WebGPU,WebGPUService'] });
  const { page, trouble } = await open(chrome);
  // The flags leave it on in some versions: then the worker's own is taken away.
  await page.route('**/worker.js', async (route) => {
    const response = await route.fetch();
    const cut = "Object.defineProperty(Object.getPrototypeOf(navigator), 'gpu', { get: () => undefined });";
    await route.fulfill({ response, body: cut + (await response.text()) });
  });
  await page.goto(`${server.url}/`);
  await until('the words', () => page.getByTestId('no-device').isVisible());
  const words = await text(page, 'no-device');
  plain(words);
  assert.match(words, /this browser has no WebGPU/i);
  await useless(page);
  calm(trouble);
});

test('an address that is not secure: the page says what to do', { timeout: 60_000 }, async (t) => {
  const chrome = await browser(t, { args: ['--host-resolver-rules=MAP wgrad.test 127.0.0.1'] });
  const { page, trouble } = await open(chrome);
  await page.goto(server.url.replace('127.0.0.1', 'wgrad.test'));
  await until('the words', () => page.getByTestId('no-device').isVisible());
  const words = await text(page, 'no-device');
  plain(words);
  assert.match(words, /secure/);
  assert.match(words, /https/);
  calm(trouble);
});

/** Nothing that needs a device can be pressed; recipes can be read. */
async function useless(page) {
  for (const name of ['Train', 'Stop', 'Resume', 'Evaluate']) assert.equal(await canPress(page, name), false, name);
  assert.match(await page.getByRole('textbox', { name: 'Recipe text' }).inputValue(), /name = "quickstart"/);
  await page.getByRole('tab', { name: 'Verify' }).click();
  assert.equal(await canPress(page, 'Verify'), false);
  await page.getByRole('tab', { name: 'Bench' }).click();
  assert.equal(await canPress(page, 'Measure'), false);
}

test('a recipe with an error is refused with its line; mended, it trains', { timeout: 120_000 }, async (t) => {
  const chrome = await browser(t);
  const { page, trouble } = await visit(chrome, server);
  const area = page.getByRole('textbox', { name: 'Recipe text' });
  const good = (await area.inputValue()).replace('train = 8000', 'train = 640').replace('test = 2000', 'test = 200').replace('epochs = 3', 'epochs = 2');
  const line = good.split('\n').findIndex((l) => l.includes('"relu"')) + 1;
  const cases = [
    [good.replace('"relu"', '"rely"'), [/rely/, new RegExp(`line ${line}\\b`)]],
    [good.replace('batch_size', 'bach_size'), [/bach_size/]],
    [good.replace('epochs = 2', 'epochs = '), [/line \d+/]],
    ['', [/missing/]],
  ];
  let before = '';
  for (const [bad, wanted] of cases) {
    await area.fill(bad);
    const words = await until('the error', async () => {
      const words = await text(page, 'recipe-error');
      return words !== before && wanted.every((w) => w.test(words)) && words;
    }).catch(async (error) => assert.fail(`${error.message}; it says: ${await text(page, 'recipe-error')}`));
    before = words;
    t.diagnostic(words.replaceAll('\n', ' / '));
    plain(words);
    assert.equal(await canPress(page, 'Train'), false);
  }
  await area.fill(good);
  await until('no error', async () => (await text(page, 'recipe-error')) === '');
  await ready(page);
  await press(page, 'Train');
  const { samples } = await finished(page, 40);
  assert.equal(samples, 200);
  calm(trouble);
});

test('a training that diverges is ended with words', { timeout: 120_000 }, async (t) => {
  const chrome = await browser(t);
  const { page, trouble } = await visit(chrome, server, 'epochs=1');
  const area = page.getByRole('textbox', { name: 'Recipe text' });
  await area.fill((await area.inputValue()).replace('kind = "adam"', 'kind = "sgd"').replace('learning_rate = 0.001', 'learning_rate = 1e30'));
  await ready(page);
  await press(page, 'Train');
  const words = await until('the end', async () => {
    const words = await status(page);
    return !/^(Ready|Training|Starting)/.test(words) && words;
  }, { timeout: 60_000 });
  t.diagnostic(words);
  plain(words);
  assert.doesNotMatch(words, /^Finished/);
  calm(trouble);
});
