// Numbers as people read them. Nothing here depends on the visitor's language: the page is in English.

export const NONE = '–';

const grouped = new Intl.NumberFormat('en');

export function count(n: number): string {
  return grouped.format(n);
}

export function bytes(n: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  let unit = 0;
  while (n >= 1024 && unit < units.length - 1) {
    n /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? n : n.toFixed(n < 100 ? 1 : 0)} ${units[unit]}`;
}

export function loss(n: number): string {
  if (!Number.isFinite(n)) return n > 0 ? '∞' : 'NaN';
  if (n !== 0 && Math.abs(n) < 1e-3) return n.toExponential(2);
  return n.toFixed(n < 100 ? 4 : 1);
}

export function percent(share: number, digits = 2): string {
  return `${(100 * share).toFixed(digits)} %`;
}

// The engine's messages begin in lower case, as those of commands do.
export function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

// Three significant digits or whole.
export function rate(n: number): string {
  if (n >= 100) return count(Math.round(n));
  return n.toPrecision(n < 0.01 ? 1 : 3);
}

export function seconds(s: number): string {
  if (s < 60) return `${s.toFixed(1)} s`;
  const whole = Math.round(s);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

export function date(ms: number): string {
  return new Date(ms).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' });
}
