// The steps of one drawing. A step keeps one bit a pixel of the strips it changed, and is taken back by turning them over.

const LIMIT_BYTES = 200 * 2 ** 20;

export class History {
  steps = [];
  at = 0;
  bytes = 0;
  root = {};

  /** The step the drawing stands at; the same object always means the same mask. */
  get top() {
    return this.at ? this.steps[this.at - 1] : this.root;
  }

  /** The step that made the mask what it is: a box that was corrected is a step that changes none. */
  get mark() {
    let { at } = this;
    while (at && isBoxAlone(this.steps[at - 1])) at -= 1;
    return at ? this.steps[at - 1] : this.root;
  }

  /** The step that would be made again, or undefined. */
  get next() {
    return this.steps[this.at];
  }

  get canUndo() {
    return this.at > 0;
  }

  get canRedo() {
    return this.at < this.steps.length;
  }

  add(step) {
    for (const dropped of this.steps.splice(this.at)) this.bytes -= size(dropped);
    this.steps.push(step);
    this.at += 1;
    this.bytes += size(step);
    while (this.bytes > LIMIT_BYTES && this.steps.length > 1) {
      const dropped = this.steps.shift();
      this.at -= 1;
      this.bytes -= size(dropped);
      dropped.pieces = [];
      if (!isBoxAlone(dropped)) this.root = dropped;
    }
  }

  back() {
    return this.canUndo ? this.steps[--this.at] : null;
  }

  forth() {
    return this.canRedo ? this.steps[this.at++] : null;
  }
}

const isBoxAlone = (step) => Boolean(step.boxes && !step.drafted);
const size = (step) => step.pieces.reduce((sum, piece) => sum + piece.bits.length, 200);
