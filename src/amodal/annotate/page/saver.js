// Sends drawings to the server, one after the other. One that cannot be saved stays, and is sent again when asked.

import * as api from "./api.js";

export class Saver {
  #queue = Promise.resolve();
  #failed = new Map(); // object -> what to send again
  #latest = new WeakMap(); // object -> what was sent last: what came before it is not sent again
  waiting = 0;

  /**
   * `changed(object)` after each answer; `failed(object, message, isOvertaken)` when one is refused, overtaken by
   * another tab or not; `gone(object)` where there is no such object any more.
   */
  constructor(album, { changed, failed, gone }) {
    Object.assign(this, { album, changed, failed, gone });
  }

  get failures() {
    return this.#failed.size;
  }

  /** What another tab has answered meanwhile: { object, theirs, message } each, theirs as it is now. */
  get overtaken() {
    return [...this.#failed.values()].filter((entry) => entry.theirs);
  }

  /** Sends the drawing as it is now. */
  save(drawing, state) {
    const { object, start } = drawing;
    const png = drawing.png();
    png.catch(() => {});
    this.#send({ object, drawing, state, start, png, top: drawing.history.mark });
  }

  /** Gives up on a drawing that could not be saved. */
  forget(object) {
    if (!this.#failed.delete(object)) return;
    object.failed = false;
    this.changed(object);
  }

  /** Sends again what failed; of what another tab has answered meanwhile only the object that is to be saved `over` it. */
  again(over = null) {
    for (const entry of [...this.#failed.values()]) {
      if (entry.theirs && entry.object !== over) continue;
      if (entry.theirs) entry.drawing.revision = entry.theirs.revision;
      this.#send(entry);
    }
  }

  /** Runs after all that was sent so far. */
  then(act) {
    const done = this.#queue.then(act);
    this.#queue = done.catch(() => {});
    return done;
  }

  #send(entry) {
    const { object } = entry;
    entry.theirs = null;
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
      const answer = await api.put(object.id, await entry.png, entry.state, entry.start, drawing.revision);
      this.album.update(object, answer.state, answer.hidden ?? null, answer.revision);
      drawing.saved = top;
      drawing.revision = answer.revision;
    } catch (error) {
      problem = error;
    }
    this.waiting -= 1;
    const isLatest = this.#latest.get(object) === entry;
    const isGone = problem?.status === 404;
    if (!isLatest || isGone) problem = null; // a newer drawing of it is on its way, or there is nothing to draw
    Object.assign(object, { saving: !isLatest, failed: problem !== null, unsaved: drawing.dirty });
    if (problem) {
      Object.assign(entry, { theirs: problem.entry ?? null, message: problem.message });
      this.#failed.set(object, entry);
      this.failed(object, problem.message, entry.theirs !== null);
    }
    if (isGone) this.gone(object);
    this.changed(object);
  }
}
