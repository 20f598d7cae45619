/**
 * A steady beat for pings, also while the page is hidden.
 *
 * **Invariant:** after `stop` no further beat is heard.
 */
export interface Ticker {
  stop(): void;
}

export type StartTicker = (everyMs: number, beat: () => void) => Ticker;

/** From a worker where there is one, else from the page's own timers (beats are late while hidden then). */
export const startTicker: StartTicker = (everyMs, beat) => {
  let worker: Worker | undefined;
  try {
    worker = new Worker(new URL("./ticker.worker.ts", import.meta.url), { type: "module", name: "rookery-ticker" });
  } catch {
    return startPageTicker(everyMs, beat);
  }
  let fallback: Ticker | undefined;
  worker.onmessage = () => beat();
  worker.onerror = () => {
    worker?.terminate();
    fallback ??= startPageTicker(everyMs, beat);
  };
  worker.postMessage(everyMs);
  return {
    stop: () => {
      if (worker) worker.onmessage = null;
      worker?.terminate();
      fallback?.stop();
    },
  };
};

export const startPageTicker: StartTicker = (everyMs, beat) => {
  const timer = setInterval(beat, everyMs);
  return { stop: () => clearInterval(timer) };
};
