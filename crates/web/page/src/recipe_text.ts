// Small edits of a recipe's text. The engine reads TOML; the page only replaces one number of it.

// The lines before the first table hold the run's own keys.
function head(text: string): [string, string] {
  const table = /^[ \t]*\[/m.exec(text);
  return table ? [text.slice(0, table.index), text.slice(table.index)] : [text, ''];
}

// The recipe with the whole number `key` set, its comment left as it is.
export function withNumber(text: string, key: string, value: number): string {
  const [top, rest] = head(text);
  const line = new RegExp(`^([ \\t]*${key}[ \\t]*=[ \\t]*)[^\\s#]+`, 'm');
  if (line.test(top)) return top.replace(line, `$1${value}`) + rest;
  const gap = top === '' || top.endsWith('\n') ? '' : '\n';
  return `${top}${gap}${key} = ${value}\n${rest}`;
}

// Whether two recipes differ in their epochs at most: then one can go on with the other's checkpoint.
export function sameButEpochs(a: string, b: string): boolean {
  return withNumber(a, 'epochs', 1).trim() === withNumber(b, 'epochs', 1).trim();
}

// The line that an error names.
export function lineOf(message: string): number | null {
  const found = /\bline (\d+)/.exec(message);
  return found ? Number(found[1]) : null;
}
