// Tasks that held the main thread for over 50 ms, as the browser reports them.

/** Begins to watch; the function returned gives all that were seen since. */
export async function longTasks(page) {
  await page.evaluate(() => {
    globalThis.seenTasks = [];
    const note = (list) => globalThis.seenTasks.push(...list.getEntries().map((e) => ({ start: e.startTime, duration: e.duration })));
    new PerformanceObserver(note).observe({ type: 'longtask' });
  });
  return () => page.evaluate(() => globalThis.seenTasks);
}
