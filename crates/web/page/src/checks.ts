// Verify in the worker: the engine's cases made into few messages for the page.

import { verify } from 'wgrad';
import { Throttle } from './meter';
import type { News, Receipt } from './protocol';

const MESSAGE_MS = 100;

export async function runVerify(signal: AbortSignal, filter: string, tell: (news: News) => void): Promise<Receipt> {
  const seen = new Map<string, number>();
  let last = { done: 0, of: 0, failed: 0, current: '' };
  const messages = new Throttle(MESSAGE_MS, () => {
    tell({ news: 'verifying', ...last, seen: [...seen].map(([op, cases]) => ({ op, cases })) });
  });
  const receipt = await verify({
    signal,
    ...(filter ? { filter } : {}),
    onCase: (p) => {
      seen.set(p.op, (seen.get(p.op) ?? 0) + 1);
      last = { done: p.done, of: p.of, failed: p.failed, current: `${p.op} ${p.case}` };
      messages.ask();
    },
  });
  messages.flush();
  return receipt;
}
