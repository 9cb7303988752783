// How light the picture is shown, and with how much contrast; what is drawn stays as it is, and so do the masks.

const STEP = 1.25;
const LEAST = -6;
const MOST = 9;

export class Light {
  #steps = { brightness: 0, contrast: 0 };

  /** `changed()` whenever it is another one. */
  constructor(changed) {
    this.changed = changed;
  }

  /** In steps of a quarter more than before; 0: as the file has it. */
  step(what) {
    return this.#steps[what];
  }

  percent(what) {
    return Math.round(100 * STEP ** this.#steps[what]);
  }

  set(what, step) {
    this.#steps[what] = Math.min(MOST, Math.max(LEAST, step));
    this.changed();
  }

  change(what, by) {
    this.set(what, this.#steps[what] + by);
  }

  reset() {
    this.#steps = { brightness: 0, contrast: 0 };
    this.changed();
  }

  /** As a style of the picture; "" where it is as the file has it. */
  get filter() {
    const { brightness, contrast } = this.#steps;
    return brightness || contrast ? `brightness(${this.percent("brightness")}%) contrast(${this.percent("contrast")}%)` : "";
  }

  get told() {
    const shown = `Brightness ${this.percent("brightness")} %, contrast ${this.percent("contrast")} %`;
    return this.filter ? `${shown}. I shows the picture as it is.` : "The picture is shown as it is.";
  }
}
