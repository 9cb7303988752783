// The object that is open: fetched, drawn on, started again, saved, and the way to the next.

import * as api from "./api.js";
import { Drawing } from "./drawing.js";
import { Shelf } from "./shelf.js";

const MEANWHILE = {
  draft: "The draft has come. You have drawn already: D starts from it.",
  annotated: "The mask of the file has come. You have drawn already: A starts from it.",
};

export class Desk {
  object = null;
  drawing = null; // null while it is fetched
  problem = null; // why it could not be
  #picture = null; // open without an object
  #warned = null; // the object that one more Delete removes, drawing and all
  #serial = 0;
  #shelf = new Shelf();

  /** `changed()` whenever there is something new to be seen, `say(text, kind)` to the person. */
  constructor({ album, loader, saver, painter, view, tools, changed, say, finished, following }) {
    Object.assign(this, { album, loader, saver, painter, view, tools, changed, say, finished, following });
  }

  /** The picture that is open. */
  get picture() {
    return this.object?.picture ?? this.#picture;
  }

  /** Opens the first object of a picture or, where it has none, the picture, to add some. */
  async openPicture(picture) {
    if (picture.objects.length) {
      const [first] = picture.objects;
      if (location.hash === `#picture-${picture.id}`) history.replaceState(null, "", `#${first.id}`); // Back leads on
      return this.open(first);
    }
    const serial = ++this.#serial;
    this.#address(`picture-${picture.id}`);
    this.#leave();
    Object.assign(this, { object: null, drawing: null, problem: null });
    this.#picture = picture;
    this.changed();
    try {
      const found = await this.loader.picture(picture.id);
      if (serial !== this.#serial) return;
      this.painter.scene = { id: picture.id, object: null, picture: found, drawing: null, box: null };
      this.view.picture = found;
      this.view.fitPicture();
      this.tools.choose("box");
      this.say("This picture has no object. Drag a box around what is seen of one.");
    } catch (error) {
      if (serial !== this.#serial) return;
      this.problem = error.message;
    }
    this.changed();
  }

  /** Adds an object to the picture that is open, and opens it. */
  async add(box, category) {
    const { picture } = this;
    const serial = this.#serial;
    try {
      const object = this.album.add(await api.add(picture.id, box, category), picture);
      if (serial === this.#serial && !this.tools.busy && !this.tools.open) return this.open(object);
      this.say(`${category} ${object.id} is in the list.`);
    } catch (error) {
      if (serial === this.#serial) this.tools.choose("box"); // to be dragged again
      this.say(`Not added: ${error.message}`, "problem");
    }
    this.changed();
  }

  /** Says what the open object is, after all; it was added here. */
  async setCategory(category) {
    const { object, saver } = this;
    if (!object?.added || object.removing || object.category === category) return;
    object.kept ??= object.category; // what the server has: several choices may be on their way
    object.category = category;
    this.changed();
    try {
      const put = () => api.setCategory(object.id, category); // one after the other: the last one counts
      object.kept = (await saver.then(put)).category;
    } catch (error) {
      if (object.category !== category) return; // another choice follows
      object.category = object.kept;
      this.say(`It is ${object.kept} as before: ${error.message}`, "problem");
      this.changed();
    }
  }

  /** Takes away an object that was added here, with its drawing. */
  async remove() {
    const { object, saver } = this;
    if (!object || object.removing) return;
    if (!object.added) return this.say("An object of the annotations stays. Those that were added here can be removed.");
    if ((object.state !== "todo" || object.saving || this.drawing?.dirty) && this.#warned !== object) {
      this.#warned = object;
      return this.say("It has been drawn. Delete once more removes it and its drawing for good.");
    }
    object.removing = true; // nothing is drawn or saved any more
    this.changed();
    try {
      await saver.then(() => api.remove(object.id));
    } catch (error) {
      if (error.status !== 404) {
        object.removing = false;
        this.changed();
        return this.say(error.message, "problem");
      } // another page was sooner
    }
    const { picture } = object;
    this.album.remove(object);
    saver.forget(object);
    this.#shelf.drop(object.id);
    if (object !== this.object) return this.changed();
    this.drawing = null; // it is not put away
    history.replaceState(null, "", `#picture-${picture.id}`);
    if (picture.objects.length) await this.open(picture.objects.at(-1));
    else await this.openPicture(picture);
    this.say(`${object.category} ${object.id} is removed.`);
  }

  async open(object) {
    const serial = ++this.#serial;
    this.#address(object.id);
    this.#leave();
    Object.assign(this, { object, drawing: null, problem: null });
    this.changed();
    try {
      await this.#fetch(object, () => serial === this.#serial);
    } catch (error) {
      if (serial !== this.#serial) return;
      this.problem = error.message;
      this.changed();
    }
    if (serial === this.#serial) this.#lookAhead();
  }

  #address(word) {
    const isFirst = this.picture === null;
    if (location.hash !== `#${word}`) history[isFirst ? "replaceState" : "pushState"](null, "", `#${word}`);
  }

  #leave() {
    this.#warned = null;
    this.tools.drop();
    if (this.tools.name === "box") this.tools.choose("brush");
    if (this.drawing) this.#shelf.keep(this.drawing);
    this.painter.scene = null;
  }

  async #fetch(object, still) {
    const shelved = this.#shelf.take(object.id);
    const masks = shelved ? null : this.loader.masks(object);
    const picture = await this.loader.picture(object.picture.id);
    if (!still()) return;
    this.painter.scene = { id: object.picture.id, object: object.id, picture, drawing: null, box: object.box };
    this.view.picture = picture;
    this.fitObject();
    if (shelved) {
      await shelved.wake(() => this.loader.around(object));
      if (still()) this.#show(shelved);
      else shelved.rest();
      return;
    }
    const drawing = new Drawing(object, picture, await masks.visible, await masks.others);
    if (!still()) return;
    drawing.begin(null, drawing.visible ? "visible" : "blank").then(() => this.changed());
    this.#show(drawing);
    let first = null;
    try {
      first = await masks.whole;
    } finally {
      drawing.waiting = false;
    }
    if (!still()) return;
    if (drawing.history.steps.length) this.say(MEANWHILE[first.start] ?? "");
    else drawing.begin(first.bitmap, first.start).then(() => this.changed());
    this.#refresh();
  }

  #show(drawing) {
    this.drawing = this.painter.scene.drawing = drawing;
    this.#refresh();
  }

  #refresh() {
    if (this.drawing) this.object.unsaved = this.drawing.dirty;
    this.painter.ask();
    this.changed();
  }

  #lookAhead() {
    const next = this.album.nextToDo(this.object);
    if (next && !this.#shelf.take(next.id)) this.loader.ahead(next);
    const picture = this.album.nextPicture(this.picture, 1);
    if (picture && this.album.drafts) this.loader.prepare(picture);
  }

  fitObject() {
    this.view.fit(this.object.box, 0.35);
    this.painter.ask();
  }

  get canDraw() {
    if (!this.drawing || this.problem || this.object.removing) return false;
    return !this.drawing.waiting || this.object.state === "todo"; // nothing over what was drawn before it is there
  }

  draw(shape) {
    if (this.drawing?.draw(shape)) this.#refresh();
  }

  undo() {
    if (this.drawing?.undo()) this.#refresh();
  }

  redo() {
    if (this.drawing?.redo()) this.#refresh();
  }

  /** Starts again from another mask; can be undone. */
  async startFrom(start) {
    const { drawing } = this;
    if (!drawing || drawing.waiting || this.object.removing) return;
    drawing.waiting = true;
    this.tools.drop();
    this.changed();
    try {
      const { bitmap, start: found } = await api.whole(this.object.id, start);
      if (drawing === this.drawing) drawing.replace(bitmap, found);
      this.say("");
    } catch (error) {
      this.say(error.message, "problem");
    }
    drawing.waiting = false;
    if (drawing !== this.drawing) return;
    this.#refresh();
  }

  /** Saves as done or unsure, and goes on; the answer is not waited for. */
  accept(state) {
    const { drawing, object } = this;
    if (!drawing || this.problem || object.removing) return;
    if (this.tools.open) return this.say("Close the polygon first (Enter), or drop it (Escape).");
    if (drawing.waiting) return this.say("What it starts from is still on its way.");
    if (drawing.count === 0) return this.say("Nothing is drawn yet: a whole object has at least one pixel.", "problem");
    const isReview = object.state !== "todo";
    this.saver.save(drawing, state);
    const next = this.following(object, isReview);
    if (next) return this.open(next);
    this.#refresh();
    this.saver.then(this.finished);
  }

  /** Forgets the saved answer of the object, which is to do again. The drawing can be had back with undo. */
  async toDoAgain() {
    const { drawing, object } = this;
    if (!drawing || object.removing) return;
    if (object.state === "todo" && !object.saving && !object.failed) return this.say("It is to do already.");
    try {
      const answer = await this.saver.then(() => {
        this.saver.forget(object);
        return api.forget(object.id);
      });
      this.album.update(object, "todo", answer.hidden ?? null);
    } catch (error) {
      return this.say(error.message, "problem");
    }
    if (drawing !== this.drawing) return this.changed();
    await this.startFrom("current");
    drawing.saved = drawing.history.top;
    this.#refresh();
    this.say("It is to do again. Undo brings back what was drawn.");
  }
}
