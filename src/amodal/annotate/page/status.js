// What the page says: a line at the bottom, and a bar above the picture for what must not be missed.

const SHOWN_MS = { note: 6000, problem: 20_000 };

export class Status {
  #line = document.getElementById("status");
  #bar = document.getElementById("alert");
  #text = document.getElementById("alert-text");
  #again = document.getElementById("alert-again");
  #timer = 0;

  constructor({ again }) {
    this.#again.addEventListener("click", again);
    document.getElementById("alert-close").addEventListener("click", () => (this.#bar.hidden = true));
  }

  /** A passing word. */
  say(text, kind = "note") {
    clearTimeout(this.#timer);
    this.#line.textContent = text;
    this.#line.dataset.kind = kind;
    this.#timer = setTimeout(() => (this.#line.textContent = ""), SHOWN_MS[kind]);
  }

  alert(text, canTryAgain) {
    this.#text.textContent = text;
    this.#again.hidden = !canTryAgain;
    this.#bar.hidden = false;
  }

  calm() {
    this.#bar.hidden = true;
  }
}
