// The page. The engine runs in a worker (worker.ts); here is only what is seen.
//
// Hooks for tests. By role and name: the tabs Train, Verify and Bench; the buttons Train, Stop, Resume, Clear, Take a test
// sample, Evaluate, Download model, Keep in this browser, Load model …, Verify, Download receipt, Measure, Download results,
// Lose the device, Choose a picture …; the fields Recipe, Epochs, Seed, Recipe text. A button that cannot be pressed has aria-disabled.
// By data-testid:
//   device, no-device, banner          what is said about the device; help where there is none; the device was lost
//   status                             Ready · Starting … · Training · Stopping … · Stopped at step N · Finished at step N … · an error;
//                                      data-job on it is none, train, evaluate, verify or bench; data-first-step holds seconds
//   step, steps-per-second, loss, accuracy, memory, progress       the readouts; a dash where there is nothing yet
//   epochs, log                        the table of epochs (rows have data-epoch); the log
//   recipe-error, summary, network, files, files-input, folder-input   of the recipe; files says what was read and left out
//   picture, picture-input              for networks on pictures: the picture as the network sees it, in the place of the drawing area
//   pad, guess, prob-0 … prob-9        the drawing area, the best class, the probabilities (data-value: 0 to 1)
//   evaluation, confusion              accuracy and loss in words; the table, rows are true classes, data-filled once it has counts
//   model-status, model-input, kept    of the model; the table of models in the browser's storage
//   verify-summary, verify-table, verify-failures, bench-status, bench-table
// The address: ?recipe=quickstart&epochs=1&seed=1 presets the fields, lossEvery=1 reads the loss of every step,
// debug shows "Lose the device" and puts `window.wgradPage` there (debug.ts). #verify and #bench open those views.

import { BenchPanel } from './bench';
import { clearEvaluation, showEvaluation } from './confusion';
import { startDebug } from './debug';
import { deviceName, hideBanner, lostWords, showBanner, showBroken, showDevice, showGone, showNoDevice, startBanner } from './device';
import { byId, enable, onPress, setText } from './dom';
import { Engine, EngineError } from './engine';
import * as format from './format';
import { hint, resumeText } from './hint';
import { ModelPanel } from './models';
import type { DeviceInfo, Loaded, News, Point, State, TrainEnd } from './protocol';
import { RecipePanel } from './recipe';
import { RunPanel } from './run';
import { NetworkPanel } from './summary';
import { startTabs } from './tabs';
import { TryPanel } from './try';
import { VerifyPanel } from './verify';

const PREVIEW_MS = 300;

const query = new URLSearchParams(location.search);
const every = Number(query.get('lossEvery') ?? NaN);
const lossEvery = Number.isSafeInteger(every) && every > 0 ? every : null;

let device: DeviceInfo | null = null;
let state: State = { job: 'none', model: null, resume: null };
let previewTimer = 0;

const engine = new Engine(take);
const run = new RunPanel();
const recipe = new RecipePanel(engine, () => {
  update();
  clearTimeout(previewTimer);
  // At once where nobody is typing: then it is done before Train is pressed.
  previewTimer = window.setTimeout(() => void preview(), recipe.typing ? PREVIEW_MS : 0);
});
const network = new NetworkPanel(engine);
const trial = new TryPanel(engine);
const models = new ModelPanel(engine, () => recipe.text, loaded);
const verify = new VerifyPanel(engine);
const bench = new BenchPanel(engine, () => device);
const collect: (points: Point[]) => void = query.has('debug') ? startDebug(engine) : () => undefined;

const version = byId('version', HTMLElement);
const buttons = {
  train: byId('train', HTMLButtonElement),
  stop: byId('stop', HTMLButtonElement),
  resume: byId('resume', HTMLButtonElement),
  evaluate: byId('evaluate', HTMLButtonElement),
};

startTabs(document.querySelector('[role=tablist]') as HTMLElement, (name) => {
  if (name === 'bench') void bench.open();
});
startBanner();
clearEvaluation('Evaluated after each training.', 10);
// A narrow window shows the run, not pages of text above it.
if (matchMedia('(max-width: 860px)').matches) {
  for (const id of ['recipe-details', 'network-details']) byId(id, HTMLDetailsElement).open = false;
}
onPress(buttons.train, () => void train('train', recipe.text));
onPress(buttons.resume, () => void resume());
onPress(buttons.stop, () => {
  run.say('Stopping …', 'busy');
  void engine.call('stop');
});
onPress(buttons.evaluate, () => void evaluate());

function take(news: News): void {
  switch (news.news) {
    case 'loaded':
      // An engine that was started again finds the page as it is.
      if (version.textContent) return;
      setText(version, news.version);
      recipe.start(news.recipes, query);
      break;
    case 'broken':
      showBroken(news.problem);
      run.say('wgrad could not be loaded', 'bad');
      break;
    case 'device':
      if (!device) {
        run.note(`Ready to train on ${deviceName(news.device)}`);
      }
      device = news.device;
      showDevice(news.device);
      bench.facts(news.device);
      if (state.job === 'none') run.say('Ready');
      break;
    case 'no_device':
      device = null;
      showNoDevice(news.problem, news.secure);
      run.say('No device', 'bad');
      break;
    case 'state':
      state = news.state;
      trial.setModel(state.model);
      if (state.model && state.job !== 'none') network.show(state.model);
      break;
    case 'started':
      run.begin(news.model, news.history);
      run.say('Training', 'busy');
      run.note(news.model.step > 0 ? `Going on with ${news.model.name} from step ${format.count(news.model.step)}` : `Training ${news.model.name} from the beginning`);
      break;
    case 'progress':
      run.progress(news.progress);
      collect(news.progress.points);
      trial.learned(news.progress.step);
      return;
    case 'note':
      run.note(news.text);
      return;
    case 'lost':
      run.note(format.sentence(news.text));
      showBanner(lostWords(news.text));
      return;
    case 'files':
      network.forget();
      recipe.showFiles(news.files);
      return;
    case 'reading':
      recipe.files.reading(news.event);
      return;
    case 'read':
      recipe.files.read(news.report, news.problem);
      return;
    case 'kept':
      models.show(news.list, news.problem, news.deleted, device !== null);
      return;
    case 'verifying':
      verify.progress(news);
      return;
    case 'benched':
      bench.row(news.row);
      return;
  }
  update();
}

// Which buttons can be pressed, and why not.
function update(): void {
  const idle = state.job === 'none' || state.job === 'evaluate';
  const lacking = recipe.missing;
  const ready = device !== null && idle;
  byId('status', HTMLElement).dataset['job'] = state.job;
  enable(buttons.train, ready && recipe.info !== null && lacking.length === 0);
  enable(buttons.stop, state.job === 'train');
  enable(buttons.resume, ready && resumeText(state.resume, recipe.info, recipe.text) !== null);
  enable(buttons.evaluate, ready && state.job === 'none' && state.model !== null);
  models.update(state, device !== null);
  verify.update(state, device !== null);
  bench.update(state, device !== null);
  network.outdated(recipe.info === null);
  setText(byId('hint', HTMLElement), device ? hint(state, recipe.info, recipe.text, lacking) : '');
}

async function resume(): Promise<void> {
  const text = resumeText(state.resume, recipe.info, recipe.text);
  if (text === null) return;
  if (text !== recipe.text) recipe.set(text);
  await train('resume', text);
}

async function train(how: 'train' | 'resume', text: string): Promise<void> {
  hideBanner();
  clearEvaluation('Evaluated when the training ends.', classes());
  run.say('Starting …', 'busy');
  delete byId('status', HTMLElement).dataset['firstStep'];
  try {
    const end = await engine.call(how, text, lossEvery);
    ended(end);
  } catch (error) {
    const early = error instanceof EngineError && error.kind === 'stopped';
    if (early) run.say('Stopped before the first step');
    else failed(error as Error);
    clearEvaluation(early ? 'Evaluated after each training.' : 'The training failed.', classes());
    return;
  }
  await evaluate();
}

function failed(error: Error): void {
  const gone = error instanceof EngineError && (error.kind === 'no_adapter' || error.kind === 'device_lost');
  run.note(format.sentence(error.message));
  run.say(gone ? 'The GPU was lost for good. Reload the page or restart the browser, then press Resume.' : format.sentence(error.message), 'bad');
  if (!gone) return;
  hideBanner();
  showGone();
}

function ended(end: TrainEnd): void {
  const at = `at step ${format.count(end.step)}`;
  run.say(end.finished ? `Finished ${at} after ${format.seconds(end.seconds)}` : `Stopped ${at}`, end.finished ? 'good' : 'plain');
  if (end.firstStep === null) return;
  byId('status', HTMLElement).dataset['firstStep'] = String(end.firstStep);
  run.note(`${end.finished ? 'Finished' : 'Stopped'} ${at} after ${format.seconds(end.seconds)}; the first step was done after ${end.firstStep.toFixed(2)} s`);
}

// Ten until a model says otherwise: most recipes are about digits.
const classes = (): number => state.model?.classes.length ?? 10;

async function evaluate(): Promise<void> {
  clearEvaluation('Evaluating …', classes());
  try {
    showEvaluation(await engine.call('evaluate'));
  } catch (error) {
    clearEvaluation((error as Error).message, classes());
  }
}

async function preview(): Promise<void> {
  if (!recipe.info || recipe.missing.length > 0 || state.job !== 'none' || device === null) return;
  await network.preview(() => recipe.text);
}

function loaded({ model, history, recipe: text }: Loaded): void {
  if (text !== recipe.text) recipe.set(text);
  network.show(model);
  run.clear();
  run.begin(model, history);
  run.say(`Loaded: step ${format.count(model.step)}`);
  clearEvaluation('Press Evaluate to test the model.', model.classes.length);
}
