// Pictures and masks, fetched a little ahead of when they are needed.

import * as api from "./api.js";
import { Levels } from "./levels.js";

const PICTURES = 3; // kept: the one shown, the next, the one before

export class Loader {
  #pictures = new Map();
  #ahead = null; // { id, masks }
  #prepared = new Set();

  /** The picture as Levels. */
  picture(id) {
    let found = this.#pictures.get(id);
    if (!found) {
      found = api.picture(id).then((bitmap) => new Levels(bitmap));
      found.then((levels) => levels.shrink()).catch(() => this.#pictures.delete(id));
    }
    this.#pictures.delete(id);
    this.#pictures.set(id, found);
    if (this.#pictures.size > PICTURES) this.#pictures.delete(this.#pictures.keys().next().value);
    return found;
  }

  /** What is needed to draw on an object: promises of `visible` (null: its box alone is known) and `whole`. */
  masks(object) {
    if (this.#ahead?.id === object.id && this.#ahead.revision === object.revision) {
      const { masks } = this.#ahead;
      this.#ahead = null;
      return masks;
    }
    return this.#fetch(object);
  }

  /** What is seen of an object, whatever was drawn. */
  visible(object) {
    return object.visible ? api.visible(object.id) : Promise.resolve(null);
  }

  /** Fetches what the object will need, before it is opened. */
  ahead(object) {
    this.picture(object.picture.id).catch(() => {});
    if (this.#ahead?.id === object.id) return;
    const masks = this.#fetch(object);
    this.#ahead = { id: object.id, revision: object.revision, masks };
    for (const one of Object.values(masks)) one.catch(() => (this.#ahead = null));
  }

  /** Has the server make the drafts of a picture in advance. */
  prepare(picture) {
    if (this.#prepared.has(picture.id)) return;
    this.#prepared.add(picture.id);
    api.prepare(picture.id).catch(() => this.#prepared.delete(picture.id));
  }

  #fetch(object) {
    const masks = { visible: this.visible(object), whole: api.whole(object.id, "current") };
    for (const one of Object.values(masks)) one.catch(() => {}); // whoever awaits it is told
    return masks;
  }
}
