// What every browser test needs: a server for a folder, a browser with a new profile, and an end to both whatever happens.
//
// A test fails on an uncaught error, on a console error, and on a request that leaves the tab's own origin.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));

/** The repository's root. */
export const root = path.resolve(here, '../../..');

/** Cargo's target folder. */
export const target = process.env.CARGO_TARGET_DIR ? path.resolve(root, process.env.CARGO_TARGET_DIR) : path.join(root, 'target');

/** The built page. */
export const site = process.env.WGRAD_SITE ? path.resolve(process.env.WGRAD_SITE) : path.join(target, 'web', 'site');

/** The built package. */
export const packageFolder = process.env.WGRAD_PACKAGE ? path.resolve(process.env.WGRAD_PACKAGE) : path.join(target, 'web', 'package');

const TYPES = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.mjs': 'text/javascript',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
};

/**
 * Serves folders on a free port of 127.0.0.1.
 *
 * @param {string | { [prefix: string]: string }} folders one folder, or several by the first part of the path
 * @param {{ [path: string]: string }} [texts] pages that are in no folder, by path
 * @returns {Promise<{ url: string, close(): Promise<void> }>}
 */
export async function serve(folders = site, texts = {}) {
  const map = typeof folders === 'string' ? { '/': folders } : folders;
  for (const folder of Object.values(map)) {
    assert.ok(fs.existsSync(folder), `${folder} does not exist; build the page with \`cargo xtask web\` or name a built one in WGRAD_SITE`);
  }
  const server = http.createServer((request, response) => {
    const where = decodeURIComponent(new URL(request.url, 'http://localhost').pathname);
    const send = (status, type, body) => {
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-cache' });
      response.end(body);
    };
    if (where in texts) return send(200, TYPES[path.extname(where)] ?? 'text/html', texts[where]);
    // Browsers ask for it unasked; a missing one would be an error on the console.
    if (where === '/favicon.ico') return send(200, TYPES['.ico'], '');
    const prefix = Object.keys(map).sort((a, b) => b.length - a.length).find((p) => where.startsWith(p));
    if (prefix === undefined) return send(404, 'text/plain', 'not found');
    const folder = map[prefix];
    const file = path.join(folder, where.slice(prefix.length), where.endsWith('/') ? 'index.html' : '');
    if (!path.resolve(file).startsWith(path.resolve(folder))) return send(403, 'text/plain', 'forbidden');
    fs.readFile(file, (error, body) => (error ? send(404, 'text/plain', 'not found') : send(200, TYPES[path.extname(file)] ?? 'application/octet-stream', body)));
  });
  await new Promise((ready, failed) => server.on('error', failed).listen(0, '127.0.0.1', ready));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}

/** Processes that must not outlive this one, whatever ends it. */
const pids = new Set();
process.on('exit', () => pids.forEach(kill));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));

function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
  pids.delete(pid);
}

/** Ends a browser: asks, then kills. */
async function end(pid, close) {
  const patience = new Promise((over) => setTimeout(over, 10_000).unref());
  await Promise.race([close().catch(() => {}), patience]);
  kill(pid);
}

function program(name, places) {
  const found = places.find((p) => p && fs.existsSync(p));
  if (!found) throw new Error(`${name} is not installed (looked for ${places.filter(Boolean).join(', ')})`);
  return found;
}

// WebGPU over SwiftShader is behind the last flag. The others keep a fresh browser from calling home.
const CHROMIUM_FLAGS = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/**
 * Starts Chromium with a new empty profile.
 *
 * @param {{ webgpu?: boolean, args?: string[] }} [options] `webgpu: false` leaves the adapter null, as on a machine without one
 */
export async function chromium({ webgpu = true, args = [] } = {}) {
  const { chromium: engine } = await import('playwright-core');
  const browser = await engine.launch({
    executablePath: program('Chromium', [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']),
    headless: true,
    args: [...CHROMIUM_FLAGS, ...(webgpu ? ['--enable-unsafe-webgpu'] : []), ...args],
  });
  const cdp = await browser.newBrowserCDPSession();
  const processes = async () => (await cdp.send('SystemInfo.getProcessInfo')).processInfo;
  const pid = (await processes()).find((p) => p.type === 'browser').id;
  pids.add(pid);
  return {
    browser,
    cdp,
    pid,
    version: `Chromium ${browser.version()}`,
    processes,
    /** The workers that live now, with the page's address. */
    workers: async () => (await cdp.send('Target.getTargets', { filter: [{}] })).targetInfos.filter((t) => t.type === 'worker'),
    close: () => end(pid, () => browser.close()),
  };
}

/** Whether Firefox and a Vulkan driver are here: null, or the words why not. */
export function noFirefox() {
  try {
    firefoxProgram();
  } catch (error) {
    return error.message;
  }
  const drivers = ['/usr/share/vulkan/icd.d', '/etc/vulkan/icd.d'].flatMap((d) => (fs.existsSync(d) ? fs.readdirSync(d) : []));
  const given = process.env.VK_ICD_FILENAMES ?? process.env.VK_DRIVER_FILES;
  return drivers.length > 0 || given ? null : 'no Vulkan driver is installed (on Debian: mesa-vulkan-drivers and libvulkan1)';
}

const firefoxProgram = () => program('Firefox', [process.env.FIREFOX, '/usr/bin/firefox-esr', '/usr/bin/firefox']);

/** Starts Firefox with a new empty profile, over the system's Vulkan driver. */
export async function firefox() {
  const { default: puppeteer } = await import('puppeteer-core');
  const browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: firefoxProgram(),
    headless: true,
    protocolTimeout: 3_600_000,
    extraPrefsFirefox: { 'dom.webgpu.enabled': true, 'dom.webgpu.workers.enabled': true, 'gfx.webgpu.ignore-blocklist': true },
  });
  const pid = browser.process().pid;
  pids.add(pid);
  return { browser, pid, version: await browser.version(), close: () => end(pid, () => browser.close()) };
}

/**
 * Opens a page of its own profile and watches it.
 *
 * @param {Awaited<ReturnType<typeof chromium>>} chrome
 * @param {import('playwright-core').BrowserContextOptions} [options]
 */
export async function open(chrome, options = {}) {
  const context = await chrome.browser.newContext({ acceptDownloads: true, ...options });
  context.setDefaultTimeout(30_000);
  const page = await context.newPage();
  const trouble = watch(page);
  return { context, page, trouble };
}

/** Collects what must not happen on a page. Works for playwright's pages and puppeteer's. */
export function watch(page) {
  const trouble = [];
  let origin = null;
  page.on('pageerror', (error) => trouble.push(`uncaught: ${error.stack ?? error.message ?? error}`));
  page.on('console', (message) => {
    if (message.type() === 'error') trouble.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (!url.protocol.startsWith('http')) return;
    origin ??= url.origin;
    if (url.origin !== origin) trouble.push(`a request to ${url}`);
  });
  return trouble;
}

/** Fails where a page had trouble, but for what the test expects. */
export function calm(trouble, expected = []) {
  const left = trouble.filter((line) => !expected.some((e) => e.test(line)));
  assert.deepEqual(left, [], 'errors on the page');
}

/** Waits until `get` gives something true; says `what` was awaited otherwise. */
export async function until(what, get, { timeout = 30_000, every = 100 } = {}) {
  const start = Date.now();
  for (;;) {
    const value = await get();
    if (value) return value;
    if (Date.now() - start > timeout) throw new Error(`waited ${timeout / 1000} s for ${what}`);
    await new Promise((over) => setTimeout(over, every));
  }
}

/** The native program, or null where it is not built. */
export function native() {
  if (process.env.WGRAD) return process.env.WGRAD;
  const found = ['release', 'debug'].map((profile) => path.join(target, profile, 'wgrad')).filter((p) => fs.existsSync(p));
  // The newer one is the one that was built from these sources.
  return found.sort((a, b) => fs.statSync(b).mtimeMs - fs.statSync(a).mtimeMs)[0] ?? null;
}

/** Runs the native program and returns what it prints. */
export function wgrad(args, options = {}) {
  return execFileSync(native(), args, { encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'pipe'], ...options });
}
