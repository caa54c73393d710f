// Requests to the server: one in flight, the latest one next, and retries with back-off.

const SLOW = 400; // milliseconds after which a request counts as slow
const TIMEOUT = 60_000; // milliseconds; more than the server takes to receive and read
const BACKOFF = [500, 1000, 2000]; // milliseconds before each retry; the last one repeats
const MAX_WAIT = 5000; // milliseconds before a retry, whatever Retry-After says
const MAX_BUSY = 5; // number of times that a server may be too busy for one request

export class RequestQueue {
  #next = null;
  #isRunning = false;
  #generation = 0;
  #controller = new AbortController();

  // `read` is given what a request prepared, and a controller that cancels it. `onState` is called
  // with "pending", "slow", "retrying", "failed" or "idle", and the reason.
  constructor(read, onState) {
    this.read = read;
    this.onState = onState;
  }

  // Send a request, in place of one that waits: {prepare: async () => content, done}.
  send(request) {
    this.#next = { ...request, generation: this.#generation, failures: 0 };
    this.onState("pending");
    if (!this.#isRunning) this.#run();
  }

  // Drop the request in flight and the one that waits.
  cancel() {
    this.#generation++;
    this.#next = null;
    this.#controller.abort();
    this.onState("idle");
  }

  async #run() {
    this.#isRunning = true;
    while (this.#next) {
      const request = this.#next;
      this.#next = null;
      const isCancelled = () => request.generation !== this.#generation;
      this.#controller = new AbortController();
      const slow = setTimeout(() => isCancelled() || this.onState("slow"), SLOW);
      try {
        const document = await this.read(await request.prepare(), this.#controller);
        if (isCancelled()) continue;
        request.done(document);
        if (!this.#next) this.onState("idle");
      } catch (error) {
        if (isCancelled()) continue;
        const retries = error.isTransient && !(error.isBusy && request.failures >= MAX_BUSY);
        const retrying = retries && !error.isBusy ? " Retrying." : "";
        this.onState(retries ? "retrying" : "failed", error.message + retrying);
        if (!retries) continue;
        const wait = error.retryAfter || BACKOFF[Math.min(request.failures, BACKOFF.length - 1)];
        request.failures++;
        this.#next ??= request;
        await this.#sleep(Math.min(wait, MAX_WAIT));
      } finally {
        clearTimeout(slow);
      }
    }
    this.#isRunning = false;
  }

  // Ends early when the request is cancelled.
  #sleep(milliseconds) {
    return new Promise((done) => {
      const timer = setTimeout(done, milliseconds);
      this.#controller.signal.addEventListener("abort", () => {
        clearTimeout(timer);
        done();
      });
    });
  }
}

// Send a body, if there is one; returns the document that comes back.
export async function post([path, body, type], controller = new AbortController()) {
  const timeout = setTimeout(() => controller.abort(), TIMEOUT);
  let response;
  let document = {};
  try {
    const headers = type ? { "Content-Type": type } : {};
    response = await fetch(path, { method: "POST", body, headers, signal: controller.signal });
    document = await response.json();
  } catch {
    if (!response || response.ok) {
      throw Object.assign(new Error("The server does not respond."), { isTransient: true });
    }
  } finally {
    clearTimeout(timeout);
  }
  if (response.ok) return document;
  const isTransient = [502, 503, 504].includes(response.status);
  const retryAfter = 1000 * Number(response.headers.get("Retry-After"));
  const message = document.detail ?? `The server responded with status ${response.status}.`;
  throw Object.assign(new Error(message), { isTransient, retryAfter, isBusy: response.status === 503 });
}
