// Training steps per second beside other libraries on the same adapter in the same browser: the MLP, batch 128, or the CNN, batch 64.
//
//   node bench.mjs [--workload mlp|cnn] [--peers DIR] [--libs tfjs,jax] [--rounds N] [--secs S] [--budget MS] [--page]
//
// DIR is a built folder with an index.html that takes ?lib=NAME&only=mlp, sets window.main, and prints lines `JSON {"bench": "mlp_train", "ms": …}`
// on the console (cnn: cnn_train). wgrad's step is Adam's, the others' plain gradient descent. Libraries take turns, so that a busy machine hits all of them. JSON lines go to standard output, the table comes last.
// `--page` runs wgrad on the page, as the others do, and not in a worker.

import { parseArgs } from 'node:util';
import { drive, servePackage, startWorker } from './drive.mjs';
import { chromium, open, until } from './harness.mjs';

const { values: args } = parseArgs({
  options: {
    workload: { type: 'string', default: 'mlp' },
    peers: { type: 'string' },
    libs: { type: 'string', default: 'tfjs,jax' },
    rounds: { type: 'string', default: '5' },
    secs: { type: 'string', default: '5' },
    budget: { type: 'string', default: '60000' },
    page: { type: 'boolean', default: false },
  },
});

const WORKLOADS = {
  mlp: { filter: 'train_mlp_adam 784-128-10 b128', title: 'MLP 784-128-10, batch 128' },
  cnn: { filter: 'train_cnn_adam', title: 'CNN conv32-pool-conv64-pool-dense128-dense10 on 28×28, batch 64' },
};
const workload = WORKLOADS[args.workload];
if (!workload) throw new Error(`--workload ${args.workload}: there are ${Object.keys(WORKLOADS).join(' and ')}`);
const NAMES = { wgrad: 'wgrad', tfjs: 'TensorFlow.js, webgpu', jax: 'jax-js, webgpu' };

const server = await servePackage(args.peers ? { '/peers/': args.peers } : {});
const chrome = await chromium();
const rows = [];
const libs = ['wgrad', ...(args.peers ? args.libs.split(',') : [])];

try {
  for (let round = 1; round <= Number(args.rounds); round++) {
    for (const lib of libs) {
      const row = { round, lib, ...(lib === 'wgrad' ? await ours() : await peer(lib)) };
      rows.push(row);
      console.log(JSON.stringify(row));
    }
  }
  console.log(await table());
} finally {
  await chrome.close();
  await server.close();
}

/** One measurement of wgrad, on a fresh page. */
async function ours() {
  const { context, page, trouble } = await open(chrome);
  const body = async (wgrad, { filter, secs }) => (await wgrad.bench({ filter, secs }))[0];
  const argument = { filter: workload.filter, secs: Number(args.secs) };
  await page.goto(`${server.url}/bare.html`);
  let row;
  if (args.page) {
    row = await page.evaluate(
      async ({ code, argument }) => {
        const wgrad = await import('/package/index.js');
        await wgrad.init();
        return (0, eval)(`(${code})`)(wgrad, argument);
      },
      { code: body.toString(), argument },
    );
  } else {
    await startWorker(page);
    row = await drive(page, body, argument);
  }
  await context.close();
  if (!row || trouble.length > 0) throw new Error(`wgrad measured nothing: ${trouble.join('\n')}`);
  return { first_ms: row.cold_ms, ms: row.median_ms, reps: row.samples, steps_per_s: row.steps_per_s ?? 1000 / row.median_ms };
}

/** One measurement of another library, on a fresh page. */
async function peer(lib) {
  const { context, page, trouble } = await open(chrome);
  const lines = [];
  page.on('console', (message) => {
    if (message.text().startsWith('JSON ')) lines.push(JSON.parse(message.text().slice(5)));
  });
  await page.goto(`${server.url}/peers/index.html?lib=${lib}&only=${args.workload}&budget=${args.budget}`);
  await page.waitForFunction(() => window.main);
  await page.evaluate(() => void window.main());
  await until(`the end of ${lib}`, () => lines.some((l) => l.bench === 'done'), { timeout: 900_000 });
  await context.close();
  const row = lines.find((l) => l.bench === `${args.workload}_train`);
  if (!row?.ms) throw new Error(`${lib} measured nothing: ${row?.error ?? trouble.join('\n')}`);
  return { first_ms: row.first_ms, ms: row.ms, reps: row.reps, steps_per_s: 1000 / row.ms };
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** A rate with three digits or so: a CNN may take seconds a step. */
function digits(rate) {
  return rate.toFixed(rate < 10 ? 2 : 1);
}

async function table() {
  const { context, page } = await open(chrome);
  await page.goto(`${server.url}/bare.html`);
  const adapter = await page.evaluate(async () => {
    const { vendor, architecture, description } = (await navigator.gpu.requestAdapter()).info;
    return [vendor, architecture, description].filter(Boolean).join(' ');
  });
  await context.close();
  const of = (lib, key) => rows.filter((r) => r.lib === lib).map((r) => r[key]);
  const best = Math.max(0, ...libs.filter((l) => l !== 'wgrad').map((l) => median(of(l, 'steps_per_s'))));
  const lines = [
    '',
    `${chrome.version}, adapter ${adapter}, ${new Date().toISOString().slice(0, 10)}. ${workload.title}, ${args.rounds} rounds by turns.`,
    '',
    '| library | steps/s, median | lowest to highest | first step, ms |',
    '|---|---|---|---|',
  ];
  for (const lib of libs) {
    const rates = of(lib, 'steps_per_s');
    const where = lib === 'wgrad' ? `, ${args.page ? 'on the page' : 'in a worker'}` : '';
    const range = `${digits(Math.min(...rates))} to ${digits(Math.max(...rates))}`;
    lines.push(`| ${NAMES[lib] ?? lib}${where} | ${digits(median(rates))} | ${range} | ${median(of(lib, 'first_ms')).toFixed(0)} |`);
  }
  if (best > 0) lines.push('', `wgrad takes ${(median(of('wgrad', 'steps_per_s')) / best).toFixed(2)} times the steps of the better of the others.`);
  return lines.join('\n');
}
