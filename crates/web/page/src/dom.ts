// Small things that every part of the page needs.

// The element of that id; index.html has it.
export function byId<T extends HTMLElement>(id: string, type: new () => T): T {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`index.html has no ${type.name} with the id ${id}`);
  return element;
}

export function make<K extends keyof HTMLElementTagNameMap>(tag: K, className = '', text = ''): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

export function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

// `disabled` would take the focus away from someone at the keyboard.
export function enable(button: HTMLButtonElement, on: boolean): void {
  button.setAttribute('aria-disabled', String(!on));
}

export function onPress(button: HTMLButtonElement, press: () => void): void {
  button.addEventListener('click', () => {
    if (button.getAttribute('aria-disabled') !== 'true') press();
  });
}

// Enter in a field presses the button that belongs to it.
export function onEnter(field: HTMLInputElement, button: HTMLButtonElement): void {
  field.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') button.click();
  });
}

export function download(name: string, content: Uint8Array | string, type: string): void {
  const url = URL.createObjectURL(new Blob([content as BlobPart], { type }));
  const link = make('a');
  link.href = url;
  link.download = name;
  link.click();
  // The download has its own reference once it has begun.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

// Calls `draw` once in the next frame, however often it is asked.
export function coalesced(draw: () => void): () => void {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      draw();
    });
  };
}

// What must be drawn anew: the colours changed, or the canvas lost its content with the GPU's process.
export function onStale(canvas: HTMLCanvasElement, draw: () => void): void {
  canvas.addEventListener('contextlost', () => (canvas.style.visibility = 'hidden'));
  canvas.addEventListener('contextrestored', () => {
    canvas.style.visibility = '';
    draw();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
}

// The colour that the style sheet gives a name in the scheme at hand.
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
