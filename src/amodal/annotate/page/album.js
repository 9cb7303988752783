// The pictures and their objects: what state each is in, which come next, which are listed.

export class Album {
  objects = []; // in the order of the list; each knows its `picture` and its `index`
  byId = new Map();
  counts = { todo: 0, done: 0, unsure: 0 };

  constructor({ title, output, drafts, categories, pictures }) {
    Object.assign(this, { title, output, drafts, categories, pictures });
    for (const picture of pictures) for (const object of picture.objects) this.#take(object, picture);
    this.#number();
  }

  #take(object, picture) {
    Object.assign(object, { picture, saving: false, failed: false, unsaved: false });
    this.byId.set(object.id, object);
    this.counts[object.state] += 1;
    return object;
  }

  #number() {
    this.objects = this.pictures.flatMap((picture) => picture.objects);
    this.objects.forEach((object, index) => (object.index = index));
  }

  /** Takes in an object that was added to a picture; it comes after the others there. */
  add(object, picture) {
    picture.objects.push(this.#take(object, picture));
    this.#number();
    return object;
  }

  remove(object) {
    object.picture.objects = object.picture.objects.filter((one) => one !== object);
    this.byId.delete(object.id);
    this.counts[object.state] -= 1;
    this.#number();
  }

  update(object, state, hidden) {
    this.counts[object.state] -= 1;
    this.counts[state] += 1;
    Object.assign(object, { state, hidden });
  }

  get finished() {
    return this.objects.length > 0 && this.counts.todo === 0 && !this.objects.some((one) => one.saving || one.failed);
  }

  /** The next object that satisfies `fits`, after `from`, coming round at the end; null if there is none. */
  next(from, sign, fits) {
    const count = this.objects.length;
    for (let i = 1; i <= count; i++) {
      const one = this.objects[(((from + sign * i) % count) + count) % count];
      if (fits(one)) return one;
    }
    return null;
  }

  nextToDo(object) {
    const open = (one) => one !== object && one.state === "todo" && !one.saving;
    return this.next(object ? object.index : -1, 1, (one) => open(one) && !one.failed);
  }

  /** Whether the annotations have any object: what is added never comes to an end. */
  get givesObjects() {
    return this.objects.some((one) => !one.added);
  }

  /** Where the objects before a picture end: the index of the last of them, or -1. */
  before(picture) {
    return this.objects.findLastIndex((one) => this.pictures.indexOf(one.picture) < this.pictures.indexOf(picture));
  }

  /** The next picture, coming round at the end; null if there is no other. */
  nextPicture(picture, sign) {
    const count = this.pictures.length;
    const found = this.pictures[(this.pictures.indexOf(picture) + sign + count) % count];
    return found === picture ? null : found;
  }
}

/** Whether a picture without objects is listed. */
export function isListed(picture, filter, words) {
  if (picture.objects.length || filter !== "all") return false;
  return words.toLowerCase().split(/\s+/).every((word) => picture.name.toLowerCase().includes(word));
}

/** Whether an object is listed under a filter and the words looked for. */
export function listed(object, filter, words) {
  if (filter !== "all" && object.state !== filter && !object.failed) return false;
  if (!words) return true;
  const text = `${object.category} ${object.id} ${object.picture.name}`.toLowerCase();
  return words.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}
