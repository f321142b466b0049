// The network's summary, which the engine gives as text in columns, as a table; as it is where it is laid out otherwise.

import { byId, make } from './dom';

export function showSummary(text: string): void {
  const lines = text.split('\n').filter((line) => line.trim() && !/^[─-]+$/.test(line.trim()));
  // Columns are two blanks apart. The last line sums up.
  const rows = lines.slice(0, -1).map((line) => line.trim().split(/\s{2,}/));
  const box = byId('summary', HTMLElement);
  if (rows.length < 2 || rows.some((row) => row.length !== 3)) {
    box.replaceChildren(make('pre', '', text));
    return;
  }
  const table = make('table');
  rows.forEach((cells, i) => {
    const row = make('tr');
    const head = make('th', '', cells[0]);
    head.scope = i === 0 ? 'col' : 'row';
    row.append(head, ...cells.slice(1).map((cell) => make(i === 0 ? 'th' : 'td', '', cell)));
    (i === 0 ? table.createTHead() : (table.tBodies[0] ?? table.createTBody())).append(row);
  });
  box.replaceChildren(table);
}
