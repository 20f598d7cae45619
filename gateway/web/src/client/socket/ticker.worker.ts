/**
 * Ticks from a worker: timers of a hidden page are slowed to one a second or a minute, those of its workers are not.
 *
 * **Invariant:** it does nothing but tick at the interval that it was told last.
 */
let timer: ReturnType<typeof setInterval> | undefined;

self.onmessage = (event: MessageEvent<number>): void => {
  if (timer !== undefined) clearInterval(timer);
  timer = event.data > 0 ? setInterval(() => self.postMessage(0), event.data) : undefined;
};
