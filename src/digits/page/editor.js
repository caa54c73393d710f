// The form in which the right number is typed, in the place of what was read.

const MAX_DIGITS = 32; // the server's limit
const HELP = "Enter keeps it, Escape cancels.";

export class Editor {
  #form;
  #input;
  #help;
  #opener = null; // the button in whose place it is
  #onKeep;

  constructor(form) {
    this.#form = form;
    [this.#input, this.#help] = [form.querySelector("input"), form.querySelector("small")];
    form.remove();
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#keep();
    });
    form.addEventListener("reset", () => this.cancel());
    form.addEventListener("keydown", (event) => event.key === "Escape" && this.cancel());
  }

  // `onKeep` is called with the digits that were typed.
  open(opener, value, onKeep) {
    this.close();
    this.#opener = opener;
    this.#onKeep = onKeep;
    this.#input.value = value;
    this.#say(HELP, false);
    opener.hidden = true;
    opener.after(this.#form);
    this.#input.select();
    this.#input.focus();
  }

  close() {
    this.#form.remove();
    if (this.#opener) this.#opener.hidden = false;
    this.#opener = null;
  }

  cancel() {
    const opener = this.#opener;
    this.close();
    opener?.focus();
  }

  #keep() {
    const label = this.#input.value.trim();
    if (/^[0-9]+$/.test(label) && label.length <= MAX_DIGITS) {
      this.close();
      this.#onKeep(label);
    } else {
      this.#say(`Expected 1 to ${MAX_DIGITS} digits, found ${label ? `“${label}”` : "none"}.`, true);
      this.#input.focus();
    }
  }

  #say(words, isError) {
    this.#help.textContent = words;
    this.#help.classList.toggle("error", isError);
    this.#input.setAttribute("aria-invalid", String(isError));
  }
}
