// `?debug`: what tests need to see and do. Nothing else of the page is on `window`.

import { byId, onPress } from './dom';
import type { Engine } from './engine';
import type { Point } from './protocol';

interface DebugPage {
  // Every step's own loss that was read (all of them with `lossEvery=1`), in the order of the steps.
  losses: { step: number; loss: number }[];
  // The bytes of the last checkpoint.
  checkpoint(): Promise<Uint8Array | null>;
}

declare global {
  interface Window {
    wgradPage?: DebugPage;
  }
}

export function startDebug(engine: Engine): (points: Point[]) => void {
  const losses: DebugPage['losses'] = [];
  window.wgradPage = { losses, checkpoint: () => engine.call('checkpoint') };
  const lose = byId('lose', HTMLButtonElement);
  lose.hidden = false;
  onPress(lose, () => void engine.call('lose'));
  return (points) => {
    for (const point of points) {
      // A run that went back to a checkpoint does these steps again.
      while (losses.length > 0 && (losses[losses.length - 1]?.step ?? 0) >= point.step) losses.pop();
      losses.push({ step: point.step, loss: point.batch ?? point.loss });
    }
  };
}
