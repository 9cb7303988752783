// Drawings that are not open: all that are unsaved, and the last few others, so that their steps can still be undone.

const SAVED = 24;

export class Shelf {
  #kept = new Map();

  /** Puts a drawing away; a large canvas is made a PNG meanwhile. */
  keep(drawing) {
    this.#kept.delete(drawing.object.id);
    if (!drawing.history.steps.length && !drawing.dirty && !drawing.asked) return;
    this.#kept.set(drawing.object.id, drawing);
    drawing.rest();
    const saved = [...this.#kept.values()].filter((one) => !one.dirty && !one.asked && !one.object.saving);
    for (const one of saved.slice(0, Math.max(0, saved.length - SAVED))) this.#kept.delete(one.object.id);
  }

  drop(id) {
    this.#kept.delete(id);
  }

  take(id) {
    return this.#kept.get(id) ?? null;
  }
}
