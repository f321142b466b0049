// Runs functions of a test in a module worker of a bare page, with the package at hand: what a user's own program would do.

import { packageFolder, serve } from './harness.mjs';

const WORKER = `
import * as wgrad from '/package/index.js';
// Kept between calls, for what cannot cross to the page.
const kept = {};
onmessage = async ({ data: { code, argument } }) => {
  try {
    await wgrad.init();
    postMessage({ value: await (0, eval)('(' + code + ')')(wgrad, argument, kept) });
  } catch (error) {
    postMessage({ failed: [error.name, error.kind, error.message].join(' | ') });
  }
};
postMessage('ready');
`;

const PAGE = '<!doctype html><meta charset=utf-8><title>wgrad: a bare page</title>';

/** Serves the package beside a bare page at `/bare.html`. */
export function servePackage(more = {}) {
  return serve({ '/package/': packageFolder, ...more }, { '/bare.html': PAGE, '/drive.js': WORKER });
}

/** Starts the worker on a page that shows `/bare.html`. */
export async function startWorker(page) {
  await page.evaluate(async () => {
    globalThis.worker = new Worker('/drive.js', { type: 'module' });
    await new Promise((resolve, reject) => {
      worker.onmessage = resolve;
      worker.onerror = (event) => reject(new Error(event.message ?? 'the worker did not start'));
    });
  });
}

/**
 * Calls `body(wgrad, argument, kept)` in the worker. Arguments and results cross as JSON; bytes cross as arrays of numbers.
 *
 * @template A, T
 * @param {(wgrad: any, argument: A, kept: any) => Promise<T> | T} body
 * @param {A} [argument]
 * @returns {Promise<T>}
 */
export async function drive(page, body, argument) {
  const answer = await page.evaluate(
    ({ code, argument }) =>
      new Promise((resolve, reject) => {
        worker.onmessage = (event) => resolve(event.data);
        worker.onerror = (event) => reject(new Error(event.message));
        worker.postMessage({ code, argument });
      }),
    { code: body.toString(), argument },
  );
  if (answer.failed !== undefined) throw new Error(answer.failed);
  return answer.value;
}

export const toBase64 = (bytes) => Buffer.from(bytes).toString('base64');
export const fromBase64 = (text) => Buffer.from(text, 'base64');
