// The page as a page: files dropped on it, the keyboard, a narrow window, and nothing left running behind it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { mnistFiles } from './formats.mjs';
import { calm, chromium, serve, until } from './harness.mjs';
import { STEPS, canPress, finished, guess, job, press, ready, settled, status, step, stepsDone, text, visit } from './person.mjs';

let server, chrome;

before(async () => {
  server = await serve();
  chrome = await chromium();
});

after(async () => {
  await chrome?.close();
  await server?.close();
});

async function come(t, query, options) {
  const tab = await visit(chrome, server, query, options);
  t.after(() => tab.context.close());
  return tab;
}

test('MNIST trains from its four files, dropped or chosen', { timeout: 300_000 }, async (t) => {
  const data = process.env.WGRAD_DATA && `${process.env.WGRAD_DATA}/mnist`;
  const files = mnistFiles(data);
  const { page, trouble } = await come(t);
  await page.getByRole('combobox', { name: 'Recipe' }).selectOption('mnist-mlp');
  await until('the list of files', () => page.getByTestId('files').isVisible());
  assert.equal(await canPress(page, 'Train'), false);
  assert.match(await page.locator('#hint').innerText(), /Still missing: .*train-images/);
  // A file that is none of them is named and not taken.
  await page.getByTestId('files-input').setInputFiles({ name: 'holiday.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('no digits') });
  await until('the refusal', async () => /Not used: holiday\.jpg/.test(await text(page, 'files')));
  await drop(page, files.slice(0, 2));
  await until('two files', async () => ((await text(page, 'files')).match(/\bhere$/gm) ?? []).length === 2);
  assert.equal(await canPress(page, 'Train'), false);
  await page.getByTestId('files-input').setInputFiles(files.slice(2).map(({ name, bytes }) => ({ name, mimeType: 'application/gzip', buffer: bytes })));
  await until('all files', () => canPress(page, 'Train'), { timeout: 60_000 });
  await page.getByRole('spinbutton', { name: 'Epochs' }).fill('1');
  await until('one epoch', () => page.getByRole('textbox', { name: 'Recipe text' }).inputValue().then((v) => /^epochs = 1$/m.test(v)));
  await press(page, 'Train');
  const { accuracy, samples, words } = await finished(page, data ? 1875 : 20);
  t.diagnostic(words);
  assert.equal(samples, data ? 10_000 : 200);
  assert.ok(accuracy >= 0.9, words);
  // They are in the browser's storage: at the next visit nothing is to be dropped.
  await page.reload();
  await until('the page', async () => (await status(page)) === 'Ready');
  await page.getByRole('combobox', { name: 'Recipe' }).selectOption('mnist-mlp');
  await until('the files again', () => canPress(page, 'Train'), { timeout: 60_000 });
  calm(trouble);
});

/** Drops files on the page, as from a file manager. */
async function drop(page, files) {
  const texts = files.map(({ name, bytes }) => [name, bytes.toString('base64')]);
  const transfer = await page.evaluateHandle((texts) => {
    const transfer = new DataTransfer();
    for (const [name, text] of texts) transfer.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], name));
    return transfer;
  }, texts);
  await page.getByTestId('files').dispatchEvent('drop', { dataTransfer: transfer });
}

test('by keyboard alone: from load to a trained model and a drawn digit', { timeout: 300_000 }, async (t) => {
  const { page, trouble } = await come(t, 'epochs=1');
  await tabTo(page, (e) => e.tagName === 'BUTTON' && e.textContent === 'Train' && e.getAttribute('role') !== 'tab');
  await page.keyboard.press('Enter');
  await finished(page, STEPS);
  await tabTo(page, (e) => e.id === 'pad');
  for (let i = 0; i < 9; i++) await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Space');
  for (let i = 0; i < 19; i++) await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Space');
  await until('a one', async () => (await text(page, 'guess')) === '1');
  await guess(page);
  // The views by arrow keys.
  await page.keyboard.press('Shift+Tab');
  await tabTo(page, (e) => e.id === 'tab-train', 'Shift+Tab');
  await page.keyboard.press('ArrowRight');
  await until('the view Verify', () => page.getByRole('tabpanel', { name: 'Verify' }).isVisible());
  await page.keyboard.press('ArrowRight');
  await until('the view Bench', () => page.getByRole('tabpanel', { name: 'Bench' }).isVisible());
  calm(trouble);
});

/** Presses Tab until an element has the focus; every one on the way must show that it has it. */
async function tabTo(page, wanted, key = 'Tab') {
  for (let presses = 0; presses < 80; presses++) {
    await page.keyboard.press(key);
    const at = await page.evaluate((code) => {
      const e = document.activeElement;
      const style = getComputedStyle(e);
      // A label may show it for its check box.
      const shown = e === document.body || (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none';
      return { there: (0, eval)(code)(e), shown, what: `${e.tagName}#${e.id} ${e.textContent.slice(0, 30)}` };
    }, `(${wanted})`);
    assert.ok(at.shown, `the focus is not to be seen on ${at.what}`);
    if (at.there) return;
  }
  assert.fail('the focus never came there');
}

for (const colorScheme of ['light', 'dark']) {
  test(`a window 320 pixels wide needs no scrolling sideways (${colorScheme})`, { timeout: 300_000 }, async (t) => {
    const { page, trouble } = await come(t, 'epochs=1', { viewport: { width: 320, height: 640 }, colorScheme });
    const fits = async (when) => {
      const [content, window] = await page.evaluate(() => [document.scrollingElement.scrollWidth, document.documentElement.clientWidth]);
      assert.ok(content <= window, `${when}: ${content} of ${window} pixels`);
    };
    await fits('at first');
    await press(page, 'Train');
    await stepsDone(page, 50);
    await fits('while training');
    await finished(page, STEPS);
    await fits('after training');
    for (const id of ['recipe-details', 'network-details']) await page.locator(`#${id} > summary`).click();
    await fits('with recipe and network open');
    for (const view of ['Verify', 'Bench']) {
      await page.getByRole('tab', { name: view }).click();
      await fits(view);
    }
    calm(trouble);
  });
}

test('stopping, reloading and closing leave no worker running', { timeout: 300_000 }, async (t) => {
  const { page, context, trouble } = await come(t, 'epochs=50');
  const ids = async () => (await chrome.workers()).map((worker) => worker.targetId);
  const [first, ...more] = await ids();
  assert.ok(first && more.length === 0, 'the page has one worker');

  await press(page, 'Train');
  await stepsDone(page, 50);
  await press(page, 'Stop');
  await until('the stop', async () => (await status(page)).startsWith('Stopped at step') && (await job(page)) === 'none');
  const stopped = await step(page);
  const idle = await quiet('after the stop');
  assert.equal(await step(page), stopped, 'training went on after the stop');
  assert.deepEqual(await ids(), [first]);

  await press(page, 'Train');
  await stepsDone(page, 50);
  await page.reload();
  await settled(page);
  const [second, ...others] = await ids();
  assert.ok(second !== first && others.length === 0, 'the worker of before the reload is still there');
  const reloaded = await quiet('after the reload');

  await press(page, 'Train');
  await stepsDone(page, 50);
  calm(trouble);
  await page.close();
  await until('no worker', async () => (await ids()).length === 0);
  await context.close();
  const closed = await quiet('after closing');
  t.diagnostic(`processor time in 2 s after stop ${idle.toFixed(2)} s, reload ${reloaded.toFixed(2)} s, close ${closed.toFixed(2)} s`);
});

/**
 * Waits until the browser rests, and gives the processor time of all its processes in the two seconds then. What was under way may
 * end first, as the programs of a page just loaded are compiled; a training left behind would go on for minutes.
 */
async function quiet(when) {
  const used = async () => new Map((await chrome.processes()).map((p) => [p.id, p.cpuTime]));
  const seen = [];
  return until(`the browser to rest ${when}`, async () => {
    const before = await used();
    await new Promise((over) => setTimeout(over, 2000));
    let sum = 0;
    for (const [id, time] of await used()) sum += time - (before.get(id) ?? time);
    seen.push(sum.toFixed(2));
    return sum < 0.2 && Math.max(sum, Number.MIN_VALUE);
  }, { timeout: 15_000 }).catch((error) => assert.fail(`${error.message}: ${seen.join(', ')} s of processor time in 2 s each`));
}
