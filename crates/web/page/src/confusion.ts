// The confusion matrix as a table: true classes down, predicted classes across.

import { byId, make, setText } from './dom';
import * as format from './format';
import type { Evaluation } from './protocol';

// Above this share of colour, text on it would lose its contrast.
const MOST_HEAT = 45;

export function showEvaluation(result: Evaluation): void {
  const accuracy = result.accuracy === null ? '' : `accuracy ${format.percent(result.accuracy)}, `;
  setText(byId('evaluation', HTMLElement), `${format.sentence(`${accuracy}loss ${format.loss(result.loss)}`)} on ${format.count(result.samples)} samples`);
  fill(result.classes, result.confusion);
}

// Keeps the place of the matrix for so many classes, so that nothing jumps when it comes.
export function clearEvaluation(text: string, classes: number): void {
  setText(byId('evaluation', HTMLElement), text);
  fill(
    Array.from({ length: classes }, (_, i) => String(i)),
    null,
  );
}

function fill(classes: string[], confusion: number[][] | null): void {
  const table = byId('confusion', HTMLTableElement);
  table.replaceChildren();
  table.dataset['filled'] = String(confusion !== null);
  if (classes.length === 0) {
    table.append(make('caption', '', 'This model has no classes, so there is no confusion matrix.'));
    return;
  }
  table.append(make('caption', '', 'Rows: what it is. Columns: what the network says.'));
  const head = make('tr');
  head.append(make('td'), ...classes.map((name) => heading(name, 'col')));
  const body = make('tbody');
  classes.forEach((_, truth) => body.append(line(confusion?.[truth] ?? null, truth, classes)));
  const top = make('thead');
  top.append(head);
  table.append(top, body);
}

function line(row: number[] | null, truth: number, classes: string[]): HTMLTableRowElement {
  const out = make('tr');
  out.append(heading(classes[truth] ?? '', 'row'));
  if (!row) {
    out.append(...classes.map(() => make('td')));
    return out;
  }
  const all = row.reduce((sum, n) => sum + n, 0);
  row.forEach((n, predicted) => {
    const cell = make('td', truth === predicted ? 'right' : n > 0 ? 'wrong' : 'zero', format.count(n));
    // A root, so that a few mistakes among many right ones can be seen.
    cell.style.setProperty('--heat', `${all > 0 ? MOST_HEAT * Math.sqrt(n / all) : 0}%`);
    cell.title = `${format.count(n)} of ${classes[truth]} taken for ${classes[predicted]}`;
    out.append(cell);
  });
  return out;
}

function heading(name: string, scope: 'row' | 'col'): HTMLTableCellElement {
  const cell = make('th', '', name);
  cell.scope = scope;
  return cell;
}
