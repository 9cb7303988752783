// Sends drawings to the server, one after the other. One that cannot be saved stays, and is sent again when asked.

import * as api from "./api.js";

export class Saver {
  #queue = Promise.resolve();
  #failed = new Map(); // object -> what to send again
  #latest = new WeakMap(); // object -> what was sent last: what came before it is not sent again
  waiting = 0;

  /** `changed(object)` after each answer; `failed(object, message)` when one is refused. */
  constructor(album, { changed, failed }) {
    Object.assign(this, { album, changed, failed });
  }

  get failures() {
    return this.#failed.size;
  }

  /** Sends the drawing as it is now. */
  save(drawing, state) {
    const { object, start } = drawing;
    const png = drawing.png();
    png.catch(() => {});
    this.#send({ object, drawing, state, start, png, top: drawing.history.top });
  }

  /** Gives up on a drawing that could not be saved. */
  forget(object) {
    if (!this.#failed.delete(object)) return;
    object.failed = false;
    this.changed(object);
  }

  again() {
    for (const entry of [...this.#failed.values()]) this.#send(entry);
  }

  /** Runs after all that was sent so far. */
  then(act) {
    const done = this.#queue.then(act);
    this.#queue = done.catch(() => {});
    return done;
  }

  #send(entry) {
    const { object } = entry;
    this.waiting += 1;
    this.#failed.delete(object);
    this.#latest.set(object, entry);
    Object.assign(object, { saving: true, failed: false });
    this.changed(object);
    this.then(() => this.#put(entry));
  }

  async #put(entry) {
    const { object, drawing, top } = entry;
    let problem = null;
    try {
      const answer = await api.put(object.id, await entry.png, entry.state, entry.start);
      this.album.update(object, answer.state, answer.hidden ?? null);
      drawing.saved = top;
    } catch (error) {
      problem = error;
    }
    this.waiting -= 1;
    const isLatest = this.#latest.get(object) === entry;
    if (!isLatest) problem = null; // a newer drawing of it is on its way
    Object.assign(object, { saving: !isLatest, failed: problem !== null, unsaved: drawing.dirty });
    if (problem) {
      this.#failed.set(object, entry);
      this.failed(object, problem.message);
    }
    this.changed(object);
  }
}
