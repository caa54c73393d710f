// Asking the server: the newest question only, again when it is away, and never two at once.

const SLOW = 400; // milliseconds after which a question is said to take long
const LONGEST = 30_000; // milliseconds after which an answer is no longer waited for
const AWAY = [500, 1000, 2000]; // milliseconds before asking again, the last one for good

export class Asking {
  #next = null;
  #isRunning = false;
  #generation = 0;
  #running = new AbortController();

  // `onState` is told "asked", "slow", "away", "refused" or "idle", and why.
  constructor(onState) {
    this.onState = onState;
  }

  // Have `question` asked, instead of what waits: {request: async () => fetch's arguments, done}.
  ask(question) {
    this.#next = { ...question, generation: this.#generation };
    this.onState("asked");
    if (!this.#isRunning) this.#run();
  }

  // Forget what was asked; no answer is waited for any longer.
  forget() {
    this.#generation++;
    this.#next = null;
    this.#running.abort();
    this.onState("idle");
  }

  async #run() {
    this.#isRunning = true;
    let failures = 0;
    while (this.#next) {
      const question = this.#next;
      this.#next = null;
      const isOld = () => question.generation !== this.#generation;
      if (isOld()) continue;
      this.#running = new AbortController();
      const slow = setTimeout(() => isOld() || this.onState("slow"), SLOW);
      try {
        const answer = await post(...(await question.request()), this.#running.signal);
        failures = 0;
        if (isOld()) continue;
        question.done(answer);
        if (!this.#next) this.onState("idle");
      } catch (error) {
        if (isOld()) continue;
        if (!error.again) {
          this.onState("refused", error.message);
          continue;
        }
        this.onState("away", error.message);
        const wait = error.after ?? AWAY[Math.min(failures++, AWAY.length - 1)];
        this.#next ??= question;
        await new Promise((done) => setTimeout(done, wait));
      } finally {
        clearTimeout(slow);
      }
    }
    this.#isRunning = false;
  }
}

export async function post(path, body, type, signal = new AbortController().signal) {
  let response;
  try {
    response = await fetch(path, {
      method: "POST",
      body,
      headers: { "Content-Type": type },
      signal: AbortSignal.any([signal, AbortSignal.timeout(LONGEST)]),
    });
  } catch {
    throw Object.assign(new Error("No answer from the server; trying again."), { again: true });
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const after = Number(response.headers.get("Retry-After")) * 1000;
  const again = response.status === 503;
  throw Object.assign(new Error(answer.detail ?? `The server said ${response.status}.`), { again, after: after || undefined });
}
