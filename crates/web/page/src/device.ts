// What is said about the device: its line, the help where there is none, and the banner when it was lost.

import { byId, make, onPress, setText } from './dom';
import * as format from './format';
import type { DeviceInfo, Problem } from './protocol';

export function showDevice(info: DeviceInfo): void {
  const kind = info.software ? 'a software adapter: slow, but right' : 'hardware';
  setText(byId('device', HTMLElement), `${deviceName(info)} · ${kind}`);
  byId('device-dot', HTMLElement).dataset['tone'] = 'good';
  byId('help', HTMLElement).hidden = true;
}

// Browsers say little about an adapter; some leave the name empty.
export function deviceName(info: DeviceInfo): string {
  return info.name || info.description || [info.vendor, info.architecture].filter(Boolean).join(' ') || 'an adapter without a name';
}

// The device was lost, and no other can be opened.
export function showGone(): void {
  setText(byId('device', HTMLElement), 'The GPU was lost, and the browser offers no other');
  byId('device-dot', HTMLElement).dataset['tone'] = 'bad';
}

// The engine's note on a loss, for those who do not read its log.
export function lostWords(text: string): string {
  const step = Number(/from step (\d+)/.exec(text)?.[1] ?? 0);
  return `The GPU was lost. Training goes on by itself, from ${step > 0 ? `step ${format.count(step)}` : 'the beginning'}.`;
}

export function showBroken(problem: Problem): void {
  setText(byId('device', HTMLElement), 'wgrad could not be loaded');
  byId('device-dot', HTMLElement).dataset['tone'] = 'bad';
  help('wgrad could not be loaded', [problem.message, 'Reload the page. If that does not help, the browser may be too old for WebAssembly modules in workers.']);
}

export function showNoDevice(problem: Problem, secure: boolean): void {
  byId('device-dot', HTMLElement).dataset['tone'] = 'bad';
  const line = (text: string): void => setText(byId('device', HTMLElement), text);
  const recipes = 'You can still read and edit recipes here.';
  if (!secure) {
    line('No WebGPU: the page is not on a secure address');
    help('WebGPU needs a secure address', ['Browsers offer WebGPU on https:// and on http://localhost only. Open the page there.', recipes]);
  } else if (problem.kind === 'no_webgpu') {
    line('No WebGPU in this browser');
    help('This browser has no WebGPU', [`wgrad trains on the GPU through WebGPU, and this browser does not offer it. ${recipes}`], browsers());
  } else if (problem.kind === 'no_adapter') {
    line('WebGPU is here, but no adapter');
    const why = 'The browser knows WebGPU but found no graphics adapter for it: hardware acceleration may be switched off in its settings, or the driver may be too old or on the browser’s block list.';
    help('No graphics adapter', [why, recipes], browsers());
  } else if (problem.kind === 'limit') {
    line('This GPU lacks what wgrad needs');
    help('This GPU cannot run wgrad', [`The browser offers a GPU that lacks something wgrad needs. It says: ${browserWords(problem.message)}`, `Another GPU of this machine, or a newer driver or browser, may do. ${recipes}`]);
  } else {
    line('The device could not be opened');
    help('The device could not be opened', [problem.message, recipes]);
  }
}

// What the browser itself said, out of the engine's error around it.
function browserWords(message: string): string {
  const said = /JsValue\((?:\w+Error: )?([^\n]*)/.exec(message)?.[1] ?? message;
  return said.replace(/( undefined)?\)*$/, (end) => (end.startsWith(' ') ? '' : end));
}

function help(title: string, paragraphs: string[], list: HTMLElement | null = null): void {
  const box = byId('help', HTMLElement);
  box.replaceChildren(make('h2', '', title), ...paragraphs.map((text) => make('p', '', text)));
  if (list) box.append(list);
  box.hidden = false;
}

// Where WebGPU is on by itself, and how it is switched on elsewhere; the visitor's own browser first.
function browsers(): HTMLElement {
  const agent = navigator.userAgent;
  const own = /Firefox/.test(agent) ? 1 : /Chrom|Edg/.test(agent) ? 0 : /Safari/.test(agent) ? 2 : -1;
  const entries = [
    ['Chrome and Edge', 'On by default since 113 on Windows, macOS and ChromeOS, since 121 on Android, and in newer versions on Linux with most drivers. To switch it on: open `chrome://flags/#enable-unsafe-webgpu`, enable it, on Linux `chrome://flags/#enable-vulkan` too, and relaunch.'],
    ['Firefox', 'On by default since 141 on Windows and since 145 on Macs with Apple silicon. To switch it on elsewhere: open `about:config`, set `dom.webgpu.enabled` to true, and `gfx.webgpu.ignore-blocklist` if there is still no adapter, and restart.'],
    ['Safari', 'On by default since 26 on macOS, iOS and iPadOS. Before that: Settings, Advanced, “Show features for web developers”, then Feature Flags, WebGPU.'],
  ] as const;
  const order = [...entries].sort((a, b) => Number(entries.indexOf(b) === own) - Number(entries.indexOf(a) === own));
  const list = make('dl');
  for (const entry of order) {
    const title = make('dt', '', entry[0]);
    if (entries.indexOf(entry) === own) title.append(make('span', 'tag', 'this browser'));
    const text = make('dd');
    // Text between backquotes is to be typed.
    entry[1].split('`').forEach((part, i) => text.append(i % 2 === 1 ? make('code', '', part) : part));
    list.append(title, text);
  }
  return list;
}

export function startBanner(): void {
  onPress(byId('banner-close', HTMLButtonElement), () => (byId('banner', HTMLElement).hidden = true));
}

export function showBanner(text: string): void {
  const banner = byId('banner', HTMLElement);
  // Shown first: what appears inside an alert that is there already is read out.
  banner.hidden = false;
  setText(banner.firstElementChild as HTMLElement, text);
}

export function hideBanner(): void {
  byId('banner', HTMLElement).hidden = true;
}
