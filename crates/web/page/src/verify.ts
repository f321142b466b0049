// The Verify view.

import { byId, download, enable, make, onEnter, onPress, setText } from './dom';
import type { Engine } from './engine';
import * as format from './format';
import type { News, Receipt, State, VerifyRow } from './protocol';

type Verifying = Extract<News, { news: 'verifying' }>;

interface OpResult {
  forward: number;
  backward: number;
  ulp: number;
  ofAllowed: number;
  failed: number;
  skipped: number;
}

export class VerifyPanel {
  private readonly run = byId('verify-run', HTMLButtonElement);
  private readonly stop = byId('verify-stop', HTMLButtonElement);
  private readonly save = byId('verify-receipt', HTMLButtonElement);
  private readonly summary = byId('verify-summary', HTMLElement);
  private readonly table = byId('verify-table', HTMLTableElement);
  private readonly failures = byId('verify-failures', HTMLElement);
  private receipt: Receipt | null = null;
  private stopped = false;

  constructor(private readonly engine: Engine) {
    onPress(this.run, () => void this.start());
    onEnter(byId('verify-filter', HTMLInputElement), this.run);
    onPress(this.stop, () => {
      this.stopped = true;
      this.say('Stopping …');
      void engine.call('stop');
    });
    onPress(this.save, () => {
      if (this.receipt) download('wgrad-verify.json', `${JSON.stringify(this.receipt, null, 1)}\n`, 'application/json');
    });
  }

  update(state: State, device: boolean): void {
    const running = state.job === 'verify';
    enable(this.run, device && (state.job === 'none' || state.job === 'evaluate'));
    enable(this.stop, running);
    enable(this.save, !running && this.receipt !== null);
    byId('verify-filter', HTMLInputElement).disabled = running;
  }

  // Cases as they are done, before the receipt has their results.
  progress(news: Verifying): void {
    const share = news.of > 0 ? news.done / news.of : 0;
    this.bar(share, `${format.count(news.done)} of ${format.count(news.of)} cases · ${news.current}`);
    const failed = news.failed > 0 ? `, ${format.count(news.failed)} differ` : '';
    if (!this.stopped) this.say(`Running: ${format.count(news.done)} of ${format.count(news.of)} cases${failed}`);
    this.table.hidden = false;
    const body = this.table.tBodies[0] as HTMLElement;
    news.seen.forEach(({ op, cases }, i) => {
      const last = i === news.seen.length - 1;
      const row = body.children[i] ?? body.appendChild(line([op, '', '', '', '', '']));
      const cell = row.children[1] as HTMLElement;
      setText(cell, `${format.count(cases)} ${cases === 1 ? 'case' : 'cases'}${last ? ' …' : ''}`);
    });
  }

  private async start(): Promise<void> {
    this.receipt = null;
    this.stopped = false;
    (this.table.tBodies[0] as HTMLElement).replaceChildren();
    this.failures.hidden = true;
    byId('verify-legend', HTMLElement).hidden = true;
    this.bar(0, '');
    this.say('Starting …');
    try {
      const receipt = await this.engine.call('verify', byId('verify-filter', HTMLInputElement).value.trim());
      this.receipt = receipt;
      this.finish(receipt);
    } catch (error) {
      this.say((error as Error).message, 'bad');
    }
    enable(this.save, this.receipt !== null);
  }

  private finish(receipt: Receipt): void {
    const { passed, failed, skipped, seconds, unchecked = 0 } = receipt;
    let left = skipped > 0 ? `, ${format.count(skipped)} skipped${reasons(receipt.rows)}` : '';
    if (unchecked > 0) left += `, ${format.count(unchecked)} cases not checked`;
    const early = this.stopped ? 'Stopped early: ' : '';
    const text = `${early}${format.count(passed)} results agree with the reference, ${format.count(failed)} differ${left}; ${format.seconds(seconds)}`;
    this.say(text, failed > 0 ? 'bad' : passed > 0 && !this.stopped ? 'good' : 'plain');
    if (!this.stopped) this.bar(1, '');
    this.table.hidden = receipt.rows.length === 0;
    (this.table.tBodies[0] as HTMLElement).replaceChildren(...[...byOp(receipt.rows)].map(([op, r]) => resultLine(op, r)));
    const wrong = receipt.rows.filter((row) => row.outcome === 'fail');
    this.failures.hidden = wrong.length === 0;
    byId('verify-legend', HTMLElement).hidden = this.table.hidden;
    this.failures.querySelector('ul')?.replaceChildren(...wrong.map((row) => make('li', '', failure(row))));
  }

  private say(text: string, tone: 'plain' | 'good' | 'bad' = 'plain'): void {
    setText(this.summary, text);
    this.summary.dataset['tone'] = tone;
  }

  private bar(share: number, text: string): void {
    byId('verify-fill', HTMLElement).style.transform = `scaleX(${share})`;
    byId('verify-progress', HTMLElement).setAttribute('aria-valuenow', String(Math.floor(100 * share)));
    setText(byId('verify-current', HTMLElement), text);
  }
}

// Why results were skipped, in the engine's words.
function reasons(rows: VerifyRow[]): string {
  const all = new Set(rows.map((row) => row.reason).filter(Boolean));
  return all.size > 0 ? ` (${[...all].join('; ')})` : '';
}

function byOp(rows: VerifyRow[]): Map<string, OpResult> {
  const ops = new Map<string, OpResult>();
  for (const row of rows) {
    const op = ops.get(row.op) ?? { forward: 0, backward: 0, ulp: 0, ofAllowed: 0, failed: 0, skipped: 0 };
    ops.set(row.op, op);
    if (row.direction === 'forward') op.forward += 1;
    else op.backward += 1;
    op.ulp = Math.max(op.ulp, row.worst_ulp ?? Infinity);
    op.ofAllowed = Math.max(op.ofAllowed, row.worst_of_allowed ?? Infinity);
    if (row.outcome === 'fail') op.failed += 1;
    if (row.outcome === 'skip') op.skipped += 1;
  }
  return ops;
}

function resultLine(op: string, r: OpResult): HTMLTableRowElement {
  const result = r.failed > 0 ? `${r.failed} differ` : r.skipped > 0 ? `ok, ${r.skipped} skipped` : 'ok';
  // Near zero crossings an error in units of the last place can be huge.
  const ulp = r.ulp < 100 ? r.ulp.toFixed(1) : r.ulp === Infinity ? '∞' : format.count(Math.round(r.ulp));
  const share = 100 * r.ofAllowed;
  const allowed = share < 1000 ? `${share.toFixed(1)} %` : share === Infinity ? '∞' : `${format.count(Math.round(share))} %`;
  const row = line([op, result, allowed, ulp, format.count(r.forward), format.count(r.backward)]);
  row.children[1]?.classList.add(r.failed > 0 ? 'bad' : 'good');
  return row;
}

function line([op = '', ...cells]: string[]): HTMLTableRowElement {
  const row = make('tr');
  const head = make('th', '', op);
  head.scope = 'row';
  row.append(head, ...cells.map((text) => make('td', '', text)));
  return row;
}

function failure(row: VerifyRow): string {
  const variant = row.variant ? ` [${row.variant}]` : '';
  return `${row.op}: ${row.case}${variant} ${row.direction} ${row.result}: ${row.message ?? ''}`;
}
