// The object that is open: fetched, drawn on, started again, and the way to the next.

import { Answers } from "./answers.js";
import * as api from "./api.js";
import { Corrections } from "./corrections.js";
import { Drawing } from "./drawing.js";
import { Shelf } from "./shelf.js";
import { Steps } from "./steps.js";

const NO_DRAFT = 424; // what the server answers then
const MEANWHILE = {
  draft: "The draft has come. You have drawn already: D starts from it.",
  annotated: "The mask of the file has come. You have drawn already: A starts from it.",
};

export class Desk {
  object = null;
  drawing = null; // null while it is fetched
  problem = null; // why it could not be
  #picture = null; // open without an object
  #warned = null; // { object, top, isDrawn } that one more Delete removes, as it was told
  #serial = 0;
  #shelf = new Shelf();
  answers = new Answers(this);
  corrections = new Corrections(this);
  steps = new Steps(this);

  /**
   * `changed()` whenever there is something new to be seen, `say(text, kind)` to the person; `hush()` when a note that was
   * said is no longer so.
   */
  constructor({ album, loader, saver, painter, view, tools, changed, say, hush, finished, following }) {
    Object.assign(this, { album, loader, saver, painter, view, tools, changed, say, hush, finished, following });
  }

  /** The picture that is open. */
  get picture() {
    return this.object?.picture ?? this.#picture;
  }

  /** Opens the first object of a picture or, where it has none, the picture, to add some. */
  async openPicture(picture) {
    if (this.#isHeld()) return;
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
      const entry = await api.add(picture.id, box, category);
      const object = this.album.byId.get(entry.id) ?? this.album.add(entry, picture); // the list was read again meanwhile
      if (serial === this.#serial && !this.tools.busy && !this.tools.open) return this.open(object);
      this.say(`${category} ${object.id} is in the list.`);
    } catch (error) {
      if (serial === this.#serial && !this.tools.busy && !this.tools.open) this.tools.choose("box"); // to be dragged again
      this.say(`Not added: ${error.message}`, "problem");
    }
    this.changed();
  }

  showBox() {
    if (this.painter.scene) this.painter.scene.box = this.object?.box ?? null;
    this.painter.ask();
  }

  /** Takes away an object that was added here, with its drawing; what is drawn, or not `sure`, on the second press. */
  async remove(sure = true) {
    const { object, drawing, saver } = this;
    if (!object || object.removing) return;
    if (!object.added) return this.say("An object of the annotations stays. Those that were added here can be removed.");
    const isDrawn = Boolean(object.state !== "todo" || object.saving || drawing?.dirty);
    if ((isDrawn || !sure) && !this.#isWarned(object, isDrawn)) {
      this.#warned = { object, top: drawing?.history.top, isDrawn };
      if (!isDrawn) return this.say("Backspace once more removes this object, which was added here.");
      return this.say("It has been drawn. Delete once more removes it and its drawing for good.");
    }
    object.removing = true; // nothing is drawn or saved any more
    this.changed();
    try {
      await saver.then(() => api.remove(object.id, drawing?.revision ?? object.revision));
    } catch (error) {
      if (error.status !== 404) {
        object.removing = false;
        if (error.entry) this.takeTheirs(object, error.entry);
        this.changed();
        return this.say(`Not removed: ${error.message}`, "problem");
      } // another page was sooner
    }
    if (await this.#takeOut(object)) this.say(`${object.category} ${object.id} is removed.`);
  }

  /** Whether it was told that one more Delete removes the open object, and what it was told of is still so. */
  #isWarned(object, isDrawn) {
    const told = this.#warned;
    return told?.object === object && told.top === this.drawing?.history.top && told.isDrawn === isDrawn;
  }

  /** There is no such object any more: another tab has removed it. */
  async gone(object) {
    if (this.album.byId.get(object.id) !== object) return;
    await this.#takeOut(object);
    this.say(`${object.category} ${object.id} has been removed in another tab.`);
  }

  /** Takes an object out of the list; whether it was open, so that another has been opened in its place. */
  async #takeOut(object) {
    const { picture } = object;
    this.album.remove(object);
    this.saver.forget(object);
    this.#shelf.drop(object.id);
    if (object !== this.object) {
      this.changed();
      return false;
    }
    this.#giveUp();
    history.replaceState(null, "", `#picture-${picture.id}`);
    if (picture.objects.length) this.open(picture.objects.at(-1)); // what it says of itself is not waited for
    else await this.openPicture(picture);
    return true;
  }

  /** Shows what another tab has saved of an object, in place of what is drawn here. */
  takeTheirs(object, { state, hidden, revision }) {
    this.saver.forget(object);
    this.#shelf.drop(object.id);
    this.album.update(object, state, hidden, revision);
    object.unsaved = false;
    if (object === this.object) this.#giveUp();
    this.open(object);
  }

  /** The list has been read again: shows what other tabs have done of it. */
  async renewed(gone) {
    for (const one of gone) await this.gone(one);
    this.showBox();
    const { object, drawing } = this;
    const isMine = !drawing || drawing.waiting || drawing.dirty || this.tools.open || this.tools.busy;
    if (isMine || object.saving || object.failed || drawing.revision === object.revision) return this.changed();
    this.takeTheirs(object, object);
    this.say("It was drawn in another tab meanwhile.");
  }

  /** The open drawing is not put away. */
  #giveUp() {
    this.tools.drop();
    this.drawing = null;
  }

  async open(object) {
    if (this.#isHeld()) return;
    const serial = ++this.#serial;
    this.#address(object.id);
    this.#leave();
    Object.assign(this, { object, drawing: null, problem: null });
    this.changed();
    try {
      await this.#fetch(object, () => serial === this.#serial);
    } catch (error) {
      if (serial !== this.#serial) return;
      if (error.status === 404 && object.added) return this.gone(object);
      this.problem = error.message;
      this.changed();
    }
    if (serial === this.#serial) this.#lookAhead();
  }

  #address(word) {
    const isFirst = this.picture === null;
    if (location.hash !== `#${word}`) history[isFirst ? "replaceState" : "pushState"](null, "", `#${word}`);
  }

  /** Whether there are corners that leaving would lose; says so, and takes the address back. */
  #isHeld() {
    if (!this.tools.open || !this.drawing) return false;
    if (location.hash !== `#${this.object.id}`) history.replaceState(null, "", `#${this.object.id}`);
    this.steps.sayOpen();
    return true;
  }

  #leave() {
    this.#warned = null;
    this.tools.finish();
    this.tools.drop();
    if (this.tools.boxes) this.tools.choose("brush");
    if (this.drawing) this.#shelf.keep(this.drawing);
    this.painter.scene = null;
  }

  async #fetch(object, still) {
    const found = this.#shelf.take(object.id);
    const isMine = found && (found.dirty || found.asked || object.saving || object.failed);
    const shelved = isMine || found?.revision === object.revision ? found : null; // else another tab has drawn it
    if (!shelved) this.#shelf.drop(object.id);
    const masks = shelved ? null : this.loader.masks(object);
    const picture = await this.loader.picture(object.picture.id);
    if (!still()) return;
    this.painter.scene = { id: object.picture.id, object: object.id, picture, drawing: null, box: object.box };
    this.view.picture = picture;
    this.fitObject();
    if (shelved) {
      await shelved.wake(() => this.loader.visible(object));
      if (!still()) return shelved.rest();
      this.#show(shelved);
      return shelved.recount().then(() => this.changed());
    }
    const drawing = new Drawing(object, picture, await masks.visible);
    if (!still()) return;
    drawing.begin(null, drawing.visible ? "visible" : "blank").then(() => this.changed());
    this.#show(drawing);
    let first = null;
    try {
      first = await masks.whole;
    } catch (error) {
      if (error.status !== NO_DRAFT) throw error; // else the networks fail: one draws without
      first = error;
    } finally {
      drawing.waiting = false;
    }
    if (!still()) return;
    if (first.status) this.say(`${first.message} (D tries again)`, "problem");
    else if (drawing.history.steps.length) this.say(MEANWHILE[first.start] ?? "");
    else {
      drawing.revision = first.revision;
      drawing.begin(first.bitmap, first.start).then(() => this.changed());
    }
    this.refresh();
  }

  #show(drawing) {
    this.drawing = this.painter.scene.drawing = drawing;
    this.fetchOthers();
    this.refresh();
  }

  /** Has the other objects fetched, once they are to be shown. */
  async fetchOthers() {
    const { drawing, object } = this;
    if (!this.painter.showOthers || !drawing || drawing.others) return;
    const found = await api.others(object.id).catch((error) => this.say(error.message, "problem"));
    if (drawing === this.drawing && found) drawing.others = found;
    this.painter.ask();
  }

  refresh() {
    this.#warned = null;
    if (this.drawing) this.object.unsaved = this.drawing.dirty;
    this.painter.ask();
    this.changed();
  }

  #lookAhead() {
    const next = this.following(this.object, this.object.state !== "todo");
    if (next && !this.#shelf.take(next.id)) this.loader.ahead(next);
    const picture = this.album.nextPicture(this.picture, 1);
    if (picture && this.album.drafts) this.loader.prepare(picture);
  }

  fitObject() {
    this.view.fit(this.object.box, 0.35);
    this.painter.ask();
  }

  /** Whether closing the page would lose something. */
  get holdsUnsaved() {
    return this.tools.open || this.album.objects.some((one) => one.saving || one.failed || one.unsaved);
  }

  get canDraw() {
    if (!this.drawing || this.problem || this.object.removing) return false;
    return !this.drawing.waiting || this.object.state === "todo"; // nothing over what was drawn before it is there
  }

  draw(shape) {
    if (this.drawing?.draw(shape)) this.refresh();
  }

  /** Starts again from another mask, as a step, or as part of the one that corrected the box, if that is still the last. */
  async startFrom(start, boxed = null) {
    const { drawing, object } = this;
    if (!drawing || drawing.waiting || object.removing) return;
    if (this.tools.open) return this.steps.sayOpen();
    this.tools.finish();
    drawing.waiting = drawing.asked = true;
    this.changed();
    const isOpen = () => drawing === this.drawing;
    try {
      const { bitmap, start: found } = await api.whole(object.id, start);
      if (!boxed) drawing.replace(bitmap, found);
      const isDrawnOn = boxed && !drawing.redraft(boxed, bitmap, found) && drawing.dirty;
      if (isOpen()) this.say(isDrawnOn ? MEANWHILE.draft : "");
    } catch (error) {
      if (isOpen()) this.say(error.message, "problem");
    }
    drawing.waiting = drawing.asked = false;
    if (isOpen()) return this.refresh();
    if (this.#shelf.take(object.id) !== drawing) return;
    object.unsaved = drawing.dirty; // it came after one had gone on
    this.#shelf.keep(drawing);
    this.changed();
  }
}
