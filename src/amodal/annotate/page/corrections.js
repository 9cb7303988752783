// What an object that was added here is after all, and where it is seen; the server keeps it at once.

import * as api from "./api.js";

export class Corrections {
  constructor(desk) {
    this.desk = desk;
  }

  /** Says what the open object is, after all. */
  async setCategory(category) {
    const { desk } = this;
    const { object, saver } = desk;
    if (!object?.added || object.removing || object.category === category) return;
    object.kept ??= object.category; // what the server has: several choices may be on their way
    object.category = category;
    desk.changed();
    try {
      const put = () => api.setCategory(object.id, category); // one after the other: the last one counts
      object.kept = (await saver.then(put)).category;
    } catch (error) {
      if (object.category !== category) return; // another choice follows
      object.category = object.kept;
      desk.say(`It is ${object.kept} as before: ${error.message}`, "problem");
      desk.changed();
    }
  }

  /**
   * Says where the open object is seen, after all: a step, to be undone. What was drawn of it stays; where nothing was, the
   * draft of that box is part of the step.
   */
  async setBox(box) {
    const { desk } = this;
    const { object, drawing } = desk;
    if (!object?.added || object.removing) return;
    const before = await this.putBox(object, box);
    if (!before) return;
    drawing?.reframe(before, object.box);
    desk.changed();
    if (object !== desk.object || !desk.album.drafts) return;
    if (!drawing || drawing.isAnswered || drawing.dirty) desk.say("Its box is corrected. D starts from the draft of it.");
    else await this.#redraft(drawing);
  }

  /** Asks for the draft of the box corrected last; anew where it is corrected once more meanwhile. */
  async #redraft(drawing) {
    const { desk } = this;
    const isLacking = ({ boxes, drafted }) => boxes && !drafted && !drawing.dirty && desk.drawing === drawing;
    let asked = null;
    while (!drawing.waiting && drawing.history.top !== asked && isLacking(drawing.history.top)) {
      asked = drawing.history.top;
      await desk.startFrom("draft", asked);
    }
  }

  /** Has the server keep a box; the one that it had before, or null where that fails. */
  async putBox(object, box) {
    const { desk } = this;
    const put = async () => {
      const before = object.box; // not earlier: another one may be on its way
      object.box = (await api.setBox(object.id, box)).box;
      return before;
    };
    try {
      const before = await desk.saver.then(put); // one after the other: the last one counts
      desk.showBox();
      return before;
    } catch (error) {
      if (error.status === 404) desk.gone(object);
      else desk.say(`Its box is as before: ${error.message}`, "problem");
      return null;
    }
  }
}
