// The confusion matrix as a table: true classes down, predicted classes across.

import { byId, make, setText } from './dom';
import * as format from './format';
import type { Evaluation } from './protocol';

// Above this share of colour, text on it would lose its contrast.
const MOST_HEAT = 45;

export function showEvaluation(result: Evaluation): void {
  const accuracy = result.accuracy === null ? '' : `accuracy ${format.percent(result.accuracy)}, `;
  setText(byId('evaluation', HTMLElement), `${capital(`${accuracy}loss ${format.loss(result.loss)}`)} on ${format.count(result.samples)} samples`);
  const table = byId('confusion', HTMLTableElement);
  table.replaceChildren();
  const { confusion, classes } = result;
  if (!confusion) return;
  table.append(make('caption', 'unseen', 'Confusion matrix: rows are true classes, columns are predicted classes'));
  const head = make('tr');
  const corner = make('td', 'corner', 'true \\ predicted');
  head.append(corner, ...classes.map((name) => heading(name, 'col')));
  const body = make('tbody');
  confusion.forEach((row, truth) => body.append(line(row, truth, classes)));
  const top = make('thead');
  top.append(head);
  table.append(top, body);
}

export function clearEvaluation(text: string): void {
  setText(byId('evaluation', HTMLElement), text);
  byId('confusion', HTMLTableElement).replaceChildren();
}

function line(row: number[], truth: number, classes: string[]): HTMLTableRowElement {
  const all = row.reduce((sum, n) => sum + n, 0);
  const out = make('tr');
  out.append(heading(classes[truth] ?? '', 'row'));
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

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
