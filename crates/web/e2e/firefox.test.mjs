// A second browser with a WebGPU of its own: the op cases and one training path, in a worker of a bare page and on the project's page.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { drive, servePackage, startWorker } from './drive.mjs';
import { calm, firefox, noFirefox, watch } from './harness.mjs';

const missing = noFirefox();
const skip = missing ? `LEFT OUT: ${missing}` : false;
if (skip) console.log(skip);

let server, browser, page, trouble;
let adapter = null;

before(async () => {
  if (skip) return;
  server = await servePackage();
  browser = await firefox();
  page = await browser.browser.newPage();
  trouble = watch(page);
  await page.goto(`${server.url}/bare.html`);
  adapter = await page.evaluate(async () => {
    const adapter = await navigator.gpu?.requestAdapter();
    return adapter ? { f16: adapter.features.has('shader-f16') } : null;
  });
  await startWorker(page);
});

after(async () => {
  await browser?.close();
  await server?.close();
});

/** Skips where Firefox finds no adapter, which depends on the Vulkan driver. */
function needsAdapter(t) {
  if (adapter === null) t.skip('LEFT OUT: Firefox finds no WebGPU adapter; its Vulkan driver may be too old');
  return adapter !== null;
}

// All cases take a software adapter many minutes; Chromium goes through all of them elsewhere.
const every = process.env.WGRAD_E2E_SLOW ? 1 : 4;

test('Firefox: every op agrees with its reference', { skip, timeout: every > 1 ? 900_000 : 3_600_000 }, async (t) => {
  if (!needsAdapter(t)) return;
  const receipt = await drive(page, async (wgrad, every) => {
    const device = await wgrad.Device.open();
    const { rows, ...sums } = await wgrad.verify({ device, every });
    return { ...sums, failures: JSON.stringify(rows.filter((row) => row.outcome === 'fail')).slice(0, 4000), rows: rows.length, f16: device.info.f16 };
  }, every);
  t.diagnostic(`${browser.version}: ${receipt.passed} passed, ${receipt.failed} failed, ${receipt.skipped} skipped in ${Math.round(receipt.seconds)} s, f16: ${receipt.f16}`);
  assert.equal(receipt.failed, 0, receipt.failures);
  assert.ok(receipt.passed > 1000, `${receipt.passed} passed`);
  assert.equal(receipt.f16, adapter.f16);
  calm(trouble);
});

test('Firefox: quickstart trains, is saved and loaded', { skip, timeout: 300_000 }, async (t) => {
  if (!needsAdapter(t)) return;
  const result = await drive(page, async (wgrad) => {
    const device = await wgrad.Device.open();
    const began = performance.now();
    const model = await wgrad.train('quickstart', null, { device });
    const seconds = (performance.now() - began) / 1000;
    const test = await wgrad.evaluate(model);
    const again = await wgrad.load('quickstart', await wgrad.save(model), null, device);
    const { x } = wgrad.sample(model, 7);
    const [before, after] = [await wgrad.predict(model, x), await wgrad.predict(again, x)];
    return { test, seconds, again: await wgrad.evaluate(again), before: [...before], after: [...after], steps: model.step };
  });
  t.diagnostic(`${result.steps} steps in ${result.seconds.toFixed(1)} s, test accuracy ${(100 * result.test.accuracy).toFixed(2)} %`);
  assert.ok(result.test.accuracy >= 0.95, `${result.test.accuracy}`);
  assert.equal(result.again.accuracy, result.test.accuracy);
  assert.deepEqual(result.after, result.before);
  calm(trouble);
});
