/**
 * Whether the network that media goes by is still there. Browsers say late that it is gone (Chromium after 2 to 5 s), so
 * silence is taken as a hint, and the addresses that can still be sent from as the proof: asking for those costs the server
 * nothing, and a server that pauses for a moment is not asked for a new way by all of its clients at once.
 *
 * **Invariant:** a change is told once; and there is one look at the networks at a time, none after `stop`.
 */
import { now } from "../clock";

/** Sound comes every 20 ms: eight times of it in a row are worth a look. */
const SILENT_MS = 160;
/** How often it is listened. In the background timers are too slow for it, and the connection's state has to tell. */
const LISTEN_MS = 40;
/** A beat that comes later than this says that the machine is busy, and so its silence says nothing. */
const BUSY_MS = 3 * LISTEN_MS;
/** Between two looks while there is silence. */
const LOOK_MS = 200;
/** After so many looks in one silence it is not the network, or nothing that a look can find; the connection's state will tell. */
const LOOKS_MAX = 15;
/** Own addresses are known at once; a socket that cannot be made costs no more. */
const LOOK_WITHIN_MS = 500;
/** They come together: after this long without another one there is none. */
const TOGETHER_MS = 50;

/** What can be sent from, in a form that can be compared. `quickly`: rather now than surely all of it. */
export type ReadNetworks = (quickly: boolean) => Promise<string>;

type Source = Pick<RTCRtpReceiver, "getSynchronizationSources">;

/** Listens to several receivers for as long as something is expected of all of them. */
export class Flow {
  #newest = 0;
  #since = 0;

  /** How long nothing has come of any of them, ms; 0 where nothing is expected, or nothing has ever come. */
  silence(receivers: readonly Source[], at: number): number {
    const newest = Math.max(0, ...receivers.flatMap((receiver) => receiver.getSynchronizationSources().map(({ timestamp }) => timestamp)));
    if (newest === 0 || newest !== this.#newest) {
      this.#newest = newest;
      this.#since = at;
    }
    return at - this.#since;
  }

  /** What was not heard so far does not count. */
  forget(at: number): void {
    this.#since = at;
  }
}

export interface NetworkHooks {
  /** What sound is to be expected of; none where there is none. */
  expected(): readonly Source[];
  /** It is not the network that it was. */
  changed(): void;
}

export class NetworkWatch {
  readonly #read: ReadNetworks;
  readonly #hooks: NetworkHooks;
  readonly #flow = new Flow();
  #known: string | undefined;
  #looks = 0;
  #lookedAt = -Infinity;
  #beatAt = -Infinity;
  #looking = false;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(read: ReadNetworks, hooks: NetworkHooks) {
    this.#read = read;
    this.#hooks = hooks;
  }

  /** Media flows: the networks are what they are now. */
  start(): void {
    if (this.#timer !== undefined) return;
    this.#beatAt = now();
    this.#timer = setInterval(() => this.#listen(), LISTEN_MS);
    void this.#look(false);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#known = undefined;
  }

  #listen(): void {
    const at = now();
    const busy = at - this.#beatAt > BUSY_MS;
    this.#beatAt = at;
    if (busy) this.#flow.forget(at);
    if (this.#flow.silence(this.#hooks.expected(), at) < SILENT_MS) {
      if (!busy) this.#looks = 0;
      return;
    }
    if (this.#looks >= LOOKS_MAX || this.#looking || at - this.#lookedAt < LOOK_MS) return;
    this.#looks += 1;
    this.#lookedAt = at;
    void this.#look(true);
  }

  async #look(quickly: boolean): Promise<void> {
    this.#looking = true;
    const found = await this.#read(quickly).catch(() => undefined);
    this.#looking = false;
    if (found === undefined || this.#timer === undefined) return;
    const before = this.#known;
    this.#known = found;
    if (before !== undefined && before !== found) this.#hooks.changed();
  }
}

/**
 * The addresses that the browser can send from, which is where it can make a UDP socket: what it believes of its networks is
 * up to two seconds old. Where it hides them behind names, how many there are.
 */
export async function readNetworks(quickly: boolean): Promise<string> {
  const scout = new RTCPeerConnection();
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    scout.createDataChannel("");
    const found = new Set<string>();
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(resolve, LOOK_WITHIN_MS);
      scout.onicecandidate = ({ candidate }) => {
        // Nothing is bound for TCP, so that it says nothing; it comes last.
        if (candidate?.protocol !== "udp") return resolve();
        if (candidate.address) found.add(candidate.address);
        if (!quickly) return;
        clearTimeout(timer);
        timer = setTimeout(resolve, TOGETHER_MS);
      };
      scout.setLocalDescription().catch(reject);
    });
    const told = [...found].filter((address) => !address.endsWith(".local"));
    return [...told.sort(), found.size - told.length].join(" ");
  } finally {
    clearTimeout(timer);
    scout.onicecandidate = null;
    scout.close();
  }
}
