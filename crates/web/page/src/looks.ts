// What a chart shows of a training: the mean loss and accuracy of the steps since the last look. The engine tells running
// means over the epoch, which hide how the network does now and jump where an epoch begins.

import type { Point } from './protocol';

export interface Look {
  step: number;
  loss: number;
  accuracy: number | null;
}

export class Looks {
  // The last look: steps of its epoch that were done, and the running means then.
  private last = { epoch: -1, done: 0, loss: 0, accuracy: 0 };

  // `steps` an epoch. Null where fewer than `least` steps were done since the last look.
  take(point: Point, steps: number, least: number): Look | null {
    const epoch = Math.floor((point.step - 1) / steps);
    const done = point.step - epoch * steps;
    const goesOn = epoch === this.last.epoch && done > this.last.done;
    const from = goesOn ? this.last : { epoch, done: 0, loss: 0, accuracy: 0 };
    if (goesOn && done - from.done < least) return null;
    const since = (now: number, before: number): number => (now * done - before * from.done) / (done - from.done);
    const { loss, accuracy } = point;
    this.last = { epoch, done, loss, accuracy: accuracy ?? 0 };
    return { step: point.step, loss: since(loss, from.loss), accuracy: accuracy === null ? null : since(accuracy, from.accuracy) };
  }
}
