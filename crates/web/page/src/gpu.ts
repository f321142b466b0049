// The device: opened at page load, and again after it was lost.

import { Device } from 'wgrad';
import type { News } from './protocol';

// A browser needs a moment after a crash of its GPU process.
const TRIES = 20;
const TRY_MS = 500;

export class Gpu {
  private device: Device | null = null;
  private gone = false;
  private opening: Promise<Device> | null = null;

  constructor(private readonly tell: (news: News) => void) {}

  get opened(): boolean {
    return this.device !== null;
  }

  async open(): Promise<Device> {
    if (this.device && !this.gone) return this.device;
    this.opening ??= this.openAnew().finally(() => (this.opening = null));
    return this.opening;
  }

  private async openAnew(): Promise<Device> {
    this.device?.free();
    this.device = null;
    for (let tries = this.gone ? TRIES : 1; ; tries--) {
      try {
        this.device = await Device.open();
        this.gone = false;
        this.tell({ news: 'device', device: this.device.info });
        return this.device;
      } catch (error) {
        if (tries <= 1) throw error;
        await new Promise((over) => setTimeout(over, TRY_MS));
      }
    }
  }

  // A device that was lost while nobody used it tells so at its next use: then there is a second one.
  async use<T>(body: (device: Device) => Promise<T>, again = () => true): Promise<T> {
    const device = await this.open();
    try {
      return await body(device);
    } catch (error) {
      if (!isLoss(error) || !again()) throw error;
      this.gone = true;
      return body(await this.open());
    }
  }

  // It was lost: the next one who asks gets another.
  lost(): void {
    this.gone = true;
  }

  failed(error: unknown): void {
    if (isLoss(error)) this.gone = true;
  }

  // For tests: loses it, as a driver's reset would.
  lose(): void {
    this.device?.lose();
  }
}

const isLoss = (error: unknown): boolean => (error as { kind?: string }).kind === 'device_lost';
