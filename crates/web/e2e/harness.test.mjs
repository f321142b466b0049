// The harness must see what the other tests rely on it to see.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { calm, chromium, open, serve, until } from './harness.mjs';
import { longTasks } from './longtask.mjs';

let server, chrome;

before(async () => {
  server = await serve({}, { '/': '<!doctype html><title>t</title>', '/worker.js': 'setInterval(() => {}, 1000)' });
  chrome = await chromium();
});

after(async () => {
  await chrome?.close();
  await server?.close();
});

async function fresh(t) {
  const tab = await open(chrome);
  t.after(() => tab.context.close());
  await tab.page.goto(`${server.url}/`);
  return tab;
}

test('errors of the page and of its workers are trouble, and so are requests to elsewhere', async (t) => {
  const { page, trouble } = await fresh(t);
  await page.evaluate(() => {
    setTimeout(() => {
      throw new Error('thrown on the page');
    });
    Promise.reject(new Error('rejected on the page'));
    const code = "console.error('said in a worker'); throw new Error('thrown in a worker')";
    new Worker(URL.createObjectURL(new Blob([code])));
    fetch('http://127.0.0.1:9/elsewhere', { mode: 'no-cors' }).catch(() => {});
  });
  for (const what of ['thrown on the page', 'rejected on the page', 'said in a worker', 'thrown in a worker', 'a request to http://127.0.0.1:9/']) {
    await until(what, () => trouble.some((line) => line.includes(what)));
  }
  assert.throws(() => calm(trouble), /thrown on the page/);
  assert.throws(() => calm(trouble, [/thrown/]), /rejected on the page/);
});

test('workers are counted, and no longer once they ended', async (t) => {
  const { page, context } = await fresh(t);
  assert.equal((await chrome.workers()).length, 0);
  await page.evaluate(() => (globalThis.worker = new Worker('/worker.js')));
  await until('a worker', async () => (await chrome.workers()).length === 1);
  await page.reload();
  await until('no worker after a reload', async () => (await chrome.workers()).length === 0);
  await page.evaluate(() => (globalThis.worker = new Worker('/worker.js')));
  await until('a worker', async () => (await chrome.workers()).length === 1);
  await context.close();
  await until('no worker after closing', async () => (await chrome.workers()).length === 0);
});

test('a held main thread is seen', async (t) => {
  const { page } = await fresh(t);
  const tasks = await longTasks(page);
  await page.evaluate(() => {
    setTimeout(() => {
      const end = performance.now() + 120;
      while (performance.now() < end);
    });
  });
  const seen = await until('a long task', async () => (await tasks()).length > 0 && tasks());
  assert.ok(seen[0].duration >= 100, JSON.stringify(seen));
});

test('without the flag there is no adapter; with it there is', async (t) => {
  const { page } = await fresh(t);
  const adapter = () => navigator.gpu?.requestAdapter().then((a) => a !== null) ?? false;
  assert.equal(await page.evaluate(adapter), true);
  const bare = await chromium({ webgpu: false });
  try {
    const tab = await open(bare);
    await tab.page.goto(`${server.url}/`);
    assert.equal(await tab.page.evaluate(adapter), false);
  } finally {
    await bare.close();
  }
});
