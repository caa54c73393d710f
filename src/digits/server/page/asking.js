// Asking the server: the newest question only, again when it is away, and never two at once.

const SLOW = 400; // milliseconds after which a question is said to take long
const LONGEST = 30_000; // milliseconds after which an answer is no longer waited for
const AWAY = [500, 1000, 2000]; // milliseconds before asking again, the last one for good

export class Asking {
  #next = null;
  #isRunning = false;
  #generation = 0;
  #wake = null;

  // `onState` is told "idle", "slow" or "away", and why.
  constructor(onState) {
    this.onState = onState;
  }

  // Have `question` asked, instead of what waits: {request: async () => fetch's arguments, done}.
  ask(question) {
    this.#next = { ...question, generation: this.#generation };
    this.#wake?.();
    if (!this.#isRunning) this.#run();
  }

  // Forget what was asked; answers still under way are dropped.
  forget() {
    this.#generation++;
    this.#next = null;
    this.#wake?.();
    this.onState("idle");
  }

  async #run() {
    this.#isRunning = true;
    let failures = 0;
    while (this.#next) {
      const question = this.#next;
      this.#next = null;
      const isOld = () => question.generation !== this.#generation;
      const slow = setTimeout(() => isOld() || this.onState(failures ? "away" : "slow"), SLOW);
      try {
        const answer = await post(...(await question.request()));
        failures = 0;
        if (!isOld()) {
          this.onState("idle");
          question.done(answer);
        }
      } catch (error) {
        if (isOld()) continue;
        if (!error.again) {
          this.onState("refused", error.message);
          continue;
        }
        this.onState("away", error.message);
        const wait = error.after ?? AWAY[Math.min(failures++, AWAY.length - 1)];
        this.#next ??= question;
        await this.#rest(wait);
      } finally {
        clearTimeout(slow);
      }
    }
    this.#isRunning = false;
  }

  // A new question is worth asking at once only if nothing was heard for long.
  #rest(milliseconds) {
    return new Promise((done) => {
      const timer = setTimeout(done, milliseconds);
      this.#wake = () => {
        if (this.#next) return;
        clearTimeout(timer);
        done();
      };
    });
  }
}

export async function post(path, body, type) {
  let response;
  try {
    response = await fetch(path, {
      method: "POST",
      body,
      headers: { "Content-Type": type },
      signal: AbortSignal.timeout(LONGEST),
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
