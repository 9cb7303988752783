// The pictures and their objects at the left. Only the rows in sight are in the page, so that there may be any number.

import { isListed, listed } from "./album.js";

const ROW_PX = 30;
const STATES = { todo: "to do", done: "drawn", unsure: "unsure" };

export class List {
  filter = "all";
  words = "";
  current = null;
  #rows = []; // a picture or an object each
  #places = new Map();
  #asked = false;

  constructor(album, element, open) {
    Object.assign(this, { album, element, open });
    this.space = document.createElement("div");
    this.space.className = "space";
    element.append(this.space);
    element.addEventListener("scroll", () => this.#ask(false));
    new ResizeObserver(() => this.#ask(false)).observe(element);
    this.space.addEventListener("click", (event) => {
      const row = event.target.closest("button");
      if (row) open(this.#rows[Number(row.dataset.place)]);
    });
  }

  /** Whether the list shows an object. */
  has(object) {
    return listed(object, this.filter, this.words);
  }

  /** The states of objects have changed, or what is listed. */
  refresh() {
    this.#ask(true);
  }

  /** Shows where an object is listed, or a picture that has none. */
  reveal(object) {
    this.current = object;
    this.#build();
    const top = (this.#places.get(object) ?? 0) * ROW_PX;
    const { scrollTop, clientHeight } = this.element;
    if (top < scrollTop + ROW_PX || top > scrollTop + clientHeight - 2 * ROW_PX) {
      this.element.scrollTop = top - clientHeight / 3;
    }
    this.#paint();
  }

  #ask(build) {
    this.stale ||= build;
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame(() => {
      this.#asked = false;
      if (this.stale) this.#build();
      this.#paint();
    });
  }

  #build() {
    this.stale = false;
    this.#rows = [];
    this.#places.clear();
    for (const picture of this.album.pictures) {
      const objects = picture.objects.filter((one) => one === this.current || this.has(one));
      if (!objects.length && picture !== this.current && !isListed(picture, this.filter, this.words)) continue;
      this.#places.set(picture, this.#rows.length);
      this.#rows.push(picture);
      for (const one of objects) {
        this.#places.set(one, this.#rows.length);
        this.#rows.push(one);
      }
    }
    this.space.style.height = `${Math.max(1, this.#rows.length) * ROW_PX}px`;
  }

  #paint() {
    const first = Math.max(0, Math.floor(this.element.scrollTop / ROW_PX) - 5);
    const last = Math.min(this.#rows.length, first + Math.ceil(this.element.clientHeight / ROW_PX) + 10);
    const rows = [];
    for (let place = first; place < last; place++) rows.push(this.#row(this.#rows[place], place));
    if (!this.#rows.length) rows.push(text("p", "none", this.words ? "Nothing is called that." : "None."));
    const focused = document.activeElement?.dataset?.place;
    this.space.replaceChildren(...rows);
    if (focused) this.space.querySelector(`[data-place="${focused}"]`)?.focus({ preventScroll: true });
  }

  #row(one, place) {
    const row = one.objects ? pictureRow(one, one === this.current) : objectRow(one, one === this.current);
    row.dataset.place = place;
    row.style.top = `${place * ROW_PX}px`;
    return row;
  }
}

/** A picture; one without objects can be opened, to add some. */
function pictureRow(picture, isCurrent) {
  const isEmpty = picture.objects.length === 0;
  const row = text(isEmpty ? "button" : "div", "picture", picture.name);
  if (isEmpty) row.type = "button";
  if (isCurrent) row.setAttribute("aria-current", "true");
  row.title = `${picture.name}, ${picture.width} x ${picture.height}${isEmpty ? ": no object" : ""}`;
  return row;
}

function objectRow(object, isCurrent) {
  const row = document.createElement("button");
  const state = object.failed ? "failed" : object.saving ? "saving" : object.state;
  const words = [object.failed ? "not saved" : object.saving ? "being saved" : STATES[object.state]];
  if (object.unsaved && !object.saving && !object.failed) words.push("changed, not saved");
  row.type = "button";
  row.className = `object ${state}`;
  row.classList.toggle("unsaved", object.unsaved && !object.saving);
  if (isCurrent) row.setAttribute("aria-current", "true");
  row.title = `${object.category} ${object.id}: ${words.join(", ")}`;
  row.setAttribute("aria-label", row.title);
  const share = object.hidden === null || object.state === "todo" ? "" : `${Math.round(100 * object.hidden)}%`;
  row.append(text("i", "dot", ""), text("span", "name", object.category), text("small", "id", object.id));
  row.append(text("span", "share", share));
  return row;
}

function text(tag, className, words) {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = words;
  return made;
}
