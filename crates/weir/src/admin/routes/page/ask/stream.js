// How does news come, and how is it noticed that none comes? Server-sent events, opened anew until weir is back.

/** Silence after which what is shown is called stale, in milliseconds; an event comes each second. */
const SILENCE = 4000;
/** Time between two tries, in milliseconds: the first, and the longest. */
const RETRY = [500, 4000];

/** The stream of snapshots. */
export class Stream {
  /** @param {{snapshot: (snapshot: any) => void, state: (isLive: boolean, since: number|null) => void}} heard */
  constructor(heard) {
    this.heard = heard;
    this.source = null;
    this.address = null;
    this.last = null;
    this.opened = 0;
    this.pause = RETRY[0];
    this.retry = null;
    setInterval(() => this.watch(), 1000);
    document.addEventListener("visibilitychange", () => (document.hidden ? this.close() : this.connect()));
  }

  /** Listens with these parameters from now on. */
  open(parameters) {
    const text = parameters.toString();
    const address = text ? `/api/v1/stream?${text}` : "/api/v1/stream";
    if (address === this.address && this.source) return;
    this.address = address;
    this.pause = RETRY[0];
    this.connect();
  }

  connect() {
    this.close();
    // A page that nobody sees costs weir nothing.
    if (document.hidden || this.address === null) return;
    this.opened = Date.now();
    const source = new EventSource(this.address);
    this.source = source;
    source.addEventListener("snapshot", (event) => {
      if (source !== this.source) return;
      this.last = Date.now();
      this.pause = RETRY[0];
      this.heard.state(true, null);
      this.heard.snapshot(JSON.parse(event.data));
    });
    source.addEventListener("error", () => {
      if (source === this.source) this.fail();
    });
  }

  close() {
    clearTimeout(this.retry);
    this.source?.close();
    this.source = null;
  }

  fail() {
    this.close();
    this.heard.state(false, this.last);
    this.retry = setTimeout(() => this.connect(), this.pause);
    this.pause = Math.min(this.pause * 2, RETRY[1]);
  }

  watch() {
    if (this.source && Date.now() - Math.max(this.last ?? 0, this.opened) > SILENCE) this.fail();
  }
}
