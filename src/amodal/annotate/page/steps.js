// The steps of the open drawing: taken back, made again; the polygon that was drawn last is opened again.

export class Steps {
  #taken = null; // the step of the polygon that was opened again

  constructor(desk) {
    this.desk = desk;
  }

  /** Takes back the last step of the corners that are open, else of the drawing. */
  undo() {
    const { drawing, hush, tools } = this.desk;
    if (tools.reopened && !tools.canUndo) return this.drop();
    hush();
    if (tools.open) tools.undo();
    else this.#turned(drawing?.undo(), 0);
  }

  redo() {
    const { drawing, hush, tools } = this.desk;
    hush();
    if (tools.open) tools.redo();
    else this.#turned(drawing?.redo(), 1);
  }

  #turned(step, way) {
    const { desk } = this;
    if (!step) return;
    if (step.boxes) desk.corrections.putBox(desk.object, step.boxes[way]);
    desk.refresh();
  }

  /** Takes the polygon that was drawn last out of the mask, and opens it again. */
  reopen() {
    const { canDraw, drawing, say, tools } = this.desk;
    if (tools.open) return say("It is open: drag its corners, or set more.");
    const polygon = canDraw && !tools.busy && drawing.polygon;
    if (!polygon) return say("There is no polygon to open again: the last step is none.");
    this.#taken = drawing.history.top;
    this.undo();
    tools.reopen(polygon);
    say("Drag its corners, set more, then close it (Enter). Escape leaves it as it was.");
  }

  /** Gives up the corners that are open. A polygon that was opened again is back in the mask, as it was. */
  drop() {
    const { drawing, say, tools } = this.desk;
    const { reopened } = tools;
    tools.drop();
    if (!reopened || drawing?.history.next !== this.#taken) return; // else a draft has come meanwhile
    this.#turned(drawing.redo(), 1);
    say("The polygon is as it was.");
  }

  /** Says that something has to wait for the polygon that is open. */
  sayOpen() {
    const left = this.desk.tools.reopened ? "leave it as it was" : "drop it";
    this.desk.say(`Close the polygon first (Enter), or ${left} (Escape).`);
  }
}
