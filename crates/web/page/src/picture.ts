// A picture for networks on pictures: chosen, dropped or a test sample, shown as the network sees it.

import { byId, onPress, onStale } from './dom';
import { dropped } from './drop';

export class PictureView {
  // The values that the network takes; null where there is no picture.
  x: Float32Array | null = null;
  private file: File | null = null;
  private shape: [number, number, number] = [3, 1, 1];
  private readonly box = byId('picture-box', HTMLElement);
  private readonly canvas = byId('picture', HTMLCanvasElement);
  private readonly input = byId('picture-input', HTMLInputElement);

  constructor(
    // Brings a file to the size that the network takes.
    private readonly read: (file: File) => Promise<Float32Array>,
    private readonly changed: (x: Float32Array | null) => void,
    private readonly failed: (message: string) => void,
  ) {
    onPress(byId('choose-picture', HTMLButtonElement), () => this.input.click());
    this.input.addEventListener('change', () => {
      const file = this.input.files?.[0];
      if (file) void this.take(file);
      this.input.value = '';
    });
    this.box.addEventListener('dragover', (event) => {
      event.preventDefault();
      event.stopPropagation();
      if (event.dataTransfer) event.dataTransfer.dropEffect = 'copy';
      this.box.classList.add('over');
    });
    this.box.addEventListener('dragleave', () => this.box.classList.remove('over'));
    this.box.addEventListener('drop', (event) => {
      // It is no file for the training.
      event.preventDefault();
      event.stopPropagation();
      this.box.classList.remove('over');
      void dropped(event.dataTransfer).then(([first]) => first && this.take(first.file));
    });
    onStale(this.canvas, () => this.draw());
  }

  // A network that takes [channels, height, width]. The picture at hand goes its way again, which may be another one.
  use(shape: [number, number, number]): void {
    const same = shape.join() === this.shape.join();
    this.shape = shape;
    if (this.file) void this.take(this.file);
    else if (!same) this.show(null);
  }

  show(x: Float32Array | null): void {
    this.file = null;
    this.set(x);
  }

  private async take(file: File): Promise<void> {
    this.file = file;
    try {
      const x = await this.read(file);
      if (this.file === file) this.set(x);
    } catch (error) {
      if (this.file !== file) return;
      this.show(null);
      this.failed((error as Error).message);
    }
  }

  private set(x: Float32Array | null): void {
    this.x = x;
    this.box.classList.toggle('empty', x === null);
    this.draw();
    this.changed(x);
  }

  private draw(): void {
    const { x, canvas } = this;
    const [channels, height, width] = this.shape;
    canvas.hidden = x === null;
    if (!x) return;
    [canvas.width, canvas.height] = [width, height];
    const context = canvas.getContext('2d');
    const pixels = context?.createImageData(width, height);
    if (!context || !pixels) return;
    const plane = width * height;
    for (let i = 0; i < plane; i++) {
      for (let c = 0; c < 3; c++) pixels.data[4 * i + c] = 255 * (x[(channels === 3 ? c : 0) * plane + i] ?? 0);
      pixels.data[4 * i + 3] = 255;
    }
    context.putImageData(pixels, 0, 0);
  }
}
