// What Resume would do, and the words under the buttons: what to do next, or why not.

import * as format from './format';
import type { Kept, RecipeInfo, State } from './protocol';
import { sameButEpochs } from './recipe_text';

// The recipe with which Resume goes on: the one in view where it differs in the epochs at most, else the checkpoint's own.
// Null where there is nothing left to do.
export function resumeText(from: Kept | null, info: RecipeInfo | null, text: string): string | null {
  if (!from) return null;
  if (info && sameButEpochs(text, from.recipe)) {
    const more = info.epochs > from.epochs;
    return !from.finished || more ? text : null;
  }
  return from.finished ? null : from.recipe;
}

export function hint(state: State, info: RecipeInfo | null, text: string, lacking: string[]): string {
  if (state.job === 'verify' || state.job === 'bench') return `Not while ${state.job === 'verify' ? 'Verify' : 'Bench'} runs.`;
  if (state.job === 'train') return '';
  if (!info) return 'The recipe has an error; see below.';
  if (lacking.length > 0) return `Still missing: ${lacking.join(', ')}.`;
  const from = state.resume;
  if (from && resumeText(from, info, text) !== null) return `Resume goes on with ${from.name} from step ${format.count(from.step)}, saved ${format.date(from.date)}.`;
  const trial = info.source === 'digits' || info.source === 'mnist' ? 'draw a digit of your own' : info.source === 'images' || info.source === 'cifar10' ? 'show it a picture of your own' : '';
  if (!trial) return !state.model || state.model.step === 0 ? 'Press Train.' : '';
  if (!state.model || state.model.step === 0) return `Press Train, then ${trial} under “Try it”.`;
  return `${format.sentence(trial)} under “Try it”.`;
}
