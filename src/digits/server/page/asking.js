// Asking the server: the newest question only, again when it is away, and never two at once.

const SLOW = 400; // milliseconds after which a question is said to take long
const LONGEST = 60_000; // milliseconds: longer than the server takes to receive and read
const AWAY = [500, 1000, 2000]; // milliseconds before asking again, the last one for good
const LONGEST_REST = 5000; // milliseconds, whatever the server says
const BUSY = 5; // times that a server may say it is too busy for one question

export class Asking {
  #next = null;
  #isRunning = false;
  #generation = 0;
  #controller = new AbortController();

  // `onState` is told "asked", "slow", "away", "refused" or "idle", and why.
  constructor(onState = () => {}) {
    this.onState = onState;
  }

  // Have `question` asked, instead of what waits: {request: async () => [path, body, type], done}.
  ask(question) {
    this.#next = { ...question, generation: this.#generation, failures: 0 };
    this.onState("asked");
    if (!this.#isRunning) this.#run();
  }

  // Forget what was asked; no answer is waited for any longer.
  forget() {
    this.#generation++;
    this.#next = null;
    this.#controller.abort();
    this.onState("idle");
  }

  async #run() {
    this.#isRunning = true;
    while (this.#next) {
      const question = this.#next;
      this.#next = null;
      const isOld = () => question.generation !== this.#generation;
      this.#controller = new AbortController();
      const slow = setTimeout(() => isOld() || this.onState("slow"), SLOW);
      try {
        const answer = await post(await question.request(), this.#controller);
        if (isOld()) continue;
        question.done(answer);
        if (!this.#next) this.onState("idle");
      } catch (error) {
        if (isOld()) continue;
        const again = error.again && !(error.isBusy && question.failures >= BUSY);
        this.onState(again ? "away" : "refused", error.message);
        if (!again) continue;
        const wait = error.after || AWAY[Math.min(question.failures, AWAY.length - 1)];
        question.failures++;
        this.#next ??= question;
        await this.#rest(Math.min(wait, LONGEST_REST));
      } finally {
        clearTimeout(slow);
      }
    }
    this.#isRunning = false;
  }

  // For a while, or until all is forgotten.
  #rest(milliseconds) {
    return new Promise((done) => {
      const timer = setTimeout(done, milliseconds);
      this.#controller.signal.addEventListener("abort", () => {
        clearTimeout(timer);
        done();
      });
    });
  }
}

async function post([path, body, type], controller) {
  const late = setTimeout(() => controller.abort(), LONGEST);
  let response;
  let answer = {};
  try {
    response = await fetch(path, { method: "POST", body, headers: { "Content-Type": type }, signal: controller.signal });
    answer = await response.json();
  } catch {
    if (!response || response.ok) {
      throw Object.assign(new Error("No answer from the server; trying again."), { again: true });
    }
  } finally {
    clearTimeout(late);
  }
  if (response.ok) return answer;
  const again = [502, 503, 504].includes(response.status);
  const after = 1000 * Number(response.headers.get("Retry-After"));
  const words = answer.detail ?? `The server said ${response.status}.`;
  throw Object.assign(new Error(words), { again, after, isBusy: response.status === 503 });
}
