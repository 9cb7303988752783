// What the page says: a line at the bottom, and a bar above the picture for what must not be missed.

const SHOWN_MS = { note: 6000, problem: 20_000 };

export class Status {
  #line = document.getElementById("status");
  #bar = document.getElementById("alert");
  #text = document.getElementById("alert-text");
  #again = document.getElementById("alert-again");
  #theirs = document.getElementById("alert-theirs");
  #timer = 0;

  /** `again()` and `theirs()` are what the bar's buttons do. */
  constructor({ again, theirs }) {
    this.#again.addEventListener("click", again);
    this.#theirs.addEventListener("click", theirs);
    document.getElementById("alert-close").addEventListener("click", () => (this.#bar.hidden = true));
  }

  /** A passing word. */
  say(text, kind = "note") {
    clearTimeout(this.#timer);
    this.#line.textContent = text;
    this.#line.dataset.kind = kind;
    if (text) this.#timer = setTimeout(() => (this.#line.textContent = ""), SHOWN_MS[kind]);
  }

  /** Takes back a note; what is a problem stays to be read. */
  hush() {
    if (this.#line.dataset.kind === "note") this.say("");
  }

  /** `again`: what the button that saves again is called; "": there is none. */
  alert(text, again = "", hasTheirs = false) {
    this.#text.textContent = text;
    this.#again.textContent = again;
    this.#again.hidden = !again;
    this.#theirs.hidden = !hasTheirs;
    this.#bar.hidden = false;
  }

  calm() {
    this.#bar.hidden = true;
  }
}
