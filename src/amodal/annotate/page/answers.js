// The answers to the open object: done, unsure, or to do again.

import * as api from "./api.js";
import { leftOut } from "./reach.js";

export class Answers {
  #told = null; // the step at which what a drawing leaves out was told: one more Done saves it

  constructor(desk) {
    this.desk = desk;
  }

  /** Saves as done or unsure, and goes on; the answer is not waited for. */
  accept(state) {
    const { desk } = this;
    const { drawing, object, saver, say, tools } = desk;
    if (!drawing || desk.problem || object.removing) return;
    if (tools.open) return desk.steps.sayOpen();
    if (tools.frame) return; // the box of another object is being dragged
    tools.finish();
    if (drawing.waiting) return say("What it starts from is still on its way.");
    if (drawing.count === 0) return say("Nothing is drawn yet: a whole object has at least one pixel.", "problem");
    if (state === "done" && this.#leavesOut()) return;
    const isReview = object.state !== "todo";
    saver.save(drawing, state);
    const next = desk.following(object, isReview);
    if (next) return desk.open(next);
    desk.refresh();
    saver.then(desk.finished);
  }

  /** Whether some of the box in which the open object is seen is not drawn; says so, once for each step. */
  #leavesOut() {
    const { drawing, object, say } = this.desk;
    if (object.visible || object.added || this.#told === drawing.history.top) return false; // of one added, the box is cut
    const whole = drawing.reach();
    const left = whole && leftOut(object.box, whole);
    if (!left) return false;
    this.#told = drawing.history.top;
    say(`What is seen is part of the whole: ${left} px of its box are left out. Done once more saves it so.`, "problem");
    return true;
  }

  /** Forgets the saved answer of the object, which is to do again. The drawing can be had back with undo. */
  async toDoAgain() {
    const { desk } = this;
    const { album, drawing, object, saver, say } = desk;
    if (!drawing || object.removing) return;
    if (object.state === "todo" && !object.saving && !object.failed) return say("It is to do already.");
    if (desk.tools.open) return desk.steps.sayOpen();
    try {
      const answer = await saver.then(() => {
        saver.forget(object);
        return api.forget(object.id, drawing.revision);
      });
      album.update(object, "todo", answer.hidden ?? null, answer.revision);
      drawing.revision = answer.revision;
    } catch (error) {
      if (error.entry && !drawing.dirty) desk.takeTheirs(object, error.entry);
      return say(`It is not to do again: ${error.message}.`, "problem");
    }
    if (drawing !== desk.drawing) return desk.changed();
    desk.steps.drop(); // corners set meanwhile
    await desk.startFrom("current");
    drawing.saved = drawing.history.mark;
    desk.refresh();
    say("It is to do again. Undo brings back what was drawn.");
  }
}
