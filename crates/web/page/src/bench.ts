// The Bench view.

import { byId, download, enable, make, onEnter, onPress, setText } from './dom';
import type { Engine } from './engine';
import * as format from './format';
import type { BenchRow, DeviceInfo, State } from './protocol';

const SMALL = /^(matmul 256x256x256|train_mlp)/;

export class BenchPanel {
  private readonly run = byId('bench-run', HTMLButtonElement);
  private readonly stop = byId('bench-stop', HTMLButtonElement);
  private readonly save = byId('bench-download', HTMLButtonElement);
  private readonly status = byId('bench-status', HTMLElement);
  private readonly body = byId('bench-table', HTMLTableElement).tBodies[0] as HTMLTableSectionElement;
  private rows: BenchRow[] = [];
  private wanted = 0;
  private stopped = false;
  private running = false;
  private able = false;
  private asked = false;
  private software = false;
  private ticked = false;

  constructor(
    private readonly engine: Engine,
    private readonly device: () => DeviceInfo | null,
  ) {
    onPress(this.run, () => void this.start());
    onEnter(byId('bench-seconds', HTMLInputElement), this.run);
    onPress(this.stop, () => {
      this.stopped = true;
      this.say('Stopping after this workload …');
      void engine.call('stop');
    });
    onPress(this.save, () => {
      const results = { date: new Date().toISOString(), device: this.device(), rows: this.rows };
      download('wgrad-bench.json', `${JSON.stringify(results, null, 1)}\n`, 'application/json');
    });
    onPress(byId('bench-all', HTMLButtonElement), () => this.tick(true));
    onPress(byId('bench-none', HTMLButtonElement), () => this.tick(false));
  }

  // At the view's first opening: the list comes with a program that only this view and Verify need.
  async open(): Promise<void> {
    if (this.asked) return;
    this.asked = true;
    this.say('Loading the workloads …');
    try {
      this.list(await this.engine.call('workloads'));
      this.say('Not run yet.');
      this.preset();
    } catch (error) {
      this.asked = false;
      this.say(`The workloads could not be loaded: ${(error as Error).message}. Open this view again to retry.`, 'bad');
    }
    this.buttons();
  }

  private list(workloads: { workload: string; shape: string }[]): void {
    const items = workloads.map(({ workload, shape }) => {
      const label = make('label', 'check');
      const box = make('input');
      box.type = 'checkbox';
      box.checked = true;
      box.value = `${workload} ${shape}`;
      box.addEventListener('change', () => this.buttons());
      label.append(box, ` ${workload} `, make('span', 'note', shape));
      return label;
    });
    byId('workload-list', HTMLElement).replaceChildren(...items);
  }

  // What decides how fast it can be.
  facts({ f16, limits, software }: DeviceInfo): void {
    this.software = software;
    this.preset();
    const parts = [f16 ? '16-bit floats' : 'no 16-bit floats', `bindings of up to ${format.bytes(limits.max_binding_bytes)}`, `${format.count(limits.max_invocations)} threads a workgroup`];
    setText(byId('bench-device', HTMLElement), `This adapter: ${parts.join(' · ')}.`);
  }

  // A processor takes minutes for the large ones: there only the small ones are ticked beforehand.
  private preset(): void {
    if (!this.software || this.ticked || this.boxes().length === 0) return;
    this.ticked = true;
    for (const box of this.boxes()) box.checked = SMALL.test(box.value);
    this.say('Not run yet. This adapter is the processor, so only the small workloads are ticked: the others take long.');
    this.buttons();
  }

  update(state: State, device: boolean): void {
    this.running = state.job === 'bench';
    this.able = device && (state.job === 'none' || state.job === 'evaluate');
    this.buttons();
  }

  row(row: BenchRow): void {
    this.rows.push(row);
    const line = make('tr');
    const head = make('th', '', row.workload);
    head.scope = 'row';
    const cells = [row.shape, milliseconds(row.median_ms), milliseconds(row.min_ms), format.rate(row.gflops_or_samples_per_s), row.unit];
    line.append(head, ...cells.map((text) => make('td', '', text)));
    this.body.append(line);
    if (!this.stopped) this.say(`Measured ${this.rows.length} of ${this.wanted} …`);
  }

  private boxes(): HTMLInputElement[] {
    return [...document.querySelectorAll<HTMLInputElement>('#workload-list input')];
  }

  private tick(on: boolean): void {
    for (const box of this.boxes()) box.checked = on;
    this.buttons();
  }

  private buttons(): void {
    enable(this.run, this.able && this.boxes().some((box) => box.checked));
    enable(this.stop, this.running);
    enable(this.save, !this.running && this.rows.length > 0);
    byId('workloads', HTMLFieldSetElement).disabled = this.running;
  }

  private async start(): Promise<void> {
    const seconds = byId('bench-seconds', HTMLInputElement).valueAsNumber;
    if (!(seconds > 0 && seconds <= 60)) {
      this.say('Give a number of seconds between 0.1 and 60.', 'bad');
      return;
    }
    const chosen = this.boxes().filter((box) => box.checked);
    this.rows = [];
    this.wanted = chosen.length;
    this.stopped = false;
    this.body.replaceChildren();
    this.say(`Measuring ${this.wanted} ${this.wanted === 1 ? 'workload' : 'workloads'} …`);
    try {
      await this.engine.call('bench', chosen.map((box) => box.value).join(','), seconds);
      this.say(`${this.stopped ? 'Stopped: ' : ''}${this.rows.length} of ${this.wanted} measured, ${seconds} s each.`, this.stopped ? 'plain' : 'good');
    } catch (error) {
      this.say((error as Error).message, 'bad');
    }
    this.buttons();
  }

  private say(text: string, tone: 'plain' | 'good' | 'bad' = 'plain'): void {
    setText(this.status, text);
    this.status.dataset['tone'] = tone;
  }
}

function milliseconds(ms: number): string {
  return ms < 10 ? ms.toFixed(3) : ms < 100 ? ms.toFixed(2) : ms.toFixed(1);
}
