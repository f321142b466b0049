// The Verify and Bench views.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { calm, chromium, serve, until } from './harness.mjs';
import { canPress, downloaded, number, press, text, visit } from './person.mjs';

let server, chrome;

before(async () => {
  server = await serve();
  chrome = await chromium();
});

after(async () => {
  await chrome?.close();
  await server?.close();
});

async function come(t) {
  const tab = await visit(chrome, server);
  t.after(() => tab.context.close());
  return tab;
}

test('Verify checks the ops asked for on this device, with a receipt to download', { timeout: 300_000 }, async (t) => {
  const { page, trouble } = await come(t);
  await page.getByRole('tab', { name: 'Verify' }).click();
  assert.equal(await canPress(page, 'Download receipt'), false);
  await page.getByLabel('Only ops with').fill('log_softmax');
  await press(page, 'Verify');
  await until('the verdict', async () => /agree with the reference/.test(await text(page, 'verify-summary')), { timeout: 240_000 });
  const words = await text(page, 'verify-summary');
  t.diagnostic(words);
  assert.match(words, /^[\d,]+ results agree with the reference, 0 differ/);
  const passed = number(words);
  assert.ok(passed > 5, words);
  const ops = await page.getByTestId('verify-table').locator('tbody th').allInnerTexts();
  assert.ok(ops.length > 0 && ops.every((op) => op.includes('log_softmax')), ops.join());
  const file = await downloaded(page, 'Download receipt');
  assert.equal(file.name, 'wgrad-verify.json');
  const receipt = JSON.parse(file.bytes.toString());
  assert.equal(receipt.passed, passed);
  assert.equal(receipt.failed, 0);
  assert.equal(receipt.filter, 'log_softmax');
  assert.ok(receipt.rows.some((row) => /backward/i.test(row.direction)) && receipt.rows.some((row) => /forward/i.test(row.direction)));
  for (const key of ['wgrad', 'wgpu', 'naga', 'date']) assert.ok(receipt[key], `${key} is missing in the receipt`);
  calm(trouble);
});

test('a verification is stopped when asked', { timeout: 120_000 }, async (t) => {
  const { page, trouble } = await come(t);
  await page.getByRole('tab', { name: 'Verify' }).click();
  await press(page, 'Verify');
  await until('some cases', async () => number(await text(page, 'verify-summary')) >= 3);
  await press(page, 'Stop');
  await until('the stop', async () => /^Stopped early/.test(await text(page, 'verify-summary')));
  assert.equal(await canPress(page, 'Verify'), true);
  calm(trouble);
});

test('Bench measures the workload that is ticked', { timeout: 120_000 }, async (t) => {
  const { page, trouble } = await come(t);
  await page.getByRole('tab', { name: 'Bench' }).click();
  // The list comes with the program that measures.
  const workload = page.getByLabel('train_mlp_adam 784-128-10 b32');
  await workload.waitFor();
  await page.getByRole('button', { name: 'None' }).click();
  assert.equal(await canPress(page, 'Measure'), false);
  await workload.check();
  await page.getByLabel('Seconds a workload').fill('0.5');
  await press(page, 'Measure');
  await until('the row', async () => /^1 of 1 measured/.test(await text(page, 'bench-status')), { timeout: 60_000 });
  const cells = await page.getByTestId('bench-table').locator('tbody tr').first().locator('th, td').allInnerTexts();
  t.diagnostic(cells.join(' · '));
  assert.equal(cells[0], 'train_mlp_adam');
  assert.ok(number(cells[2]) > 0 && number(cells[4]) > 0, cells.join());
  const file = await downloaded(page, 'Download results');
  const { rows } = JSON.parse(file.bytes.toString());
  assert.equal(rows.length, 1);
  assert.ok(rows[0].median_ms >= rows[0].min_ms && rows[0].min_ms > 0, JSON.stringify(rows));
  calm(trouble);
});
