// The pictures and their objects: what state each is in, which come next, which are listed.

export class Album {
  objects = []; // in the order of the list; each knows its `picture` and its `index`
  byId = new Map();
  #removed = new Set(); // ids: none is given twice
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
    this.#removed.add(object.id);
    this.counts[object.state] -= 1;
    this.#number();
  }

  update(object, state, hidden, revision = object.revision) {
    this.counts[object.state] -= 1;
    this.counts[state] += 1;
    Object.assign(object, { state, hidden, revision });
  }

  /** Takes in what other tabs have done. Returns the objects that are gone, of those `known` when it was asked for. */
  renew({ pictures }, known) {
    const places = new Map(this.pictures.map((one) => [one.id, one]));
    const there = new Set();
    for (const { id, objects } of pictures) {
      for (const entry of objects) {
        there.add(entry.id);
        const object = this.byId.get(entry.id);
        if (!object && !this.#removed.has(entry.id)) this.add(entry, places.get(id));
        if (!object || object.saving || object.removing) continue;
        this.update(object, entry.state, entry.hidden, entry.revision);
        Object.assign(object, { category: entry.category, kept: entry.category, box: entry.box });
      }
    }
    return this.objects.filter((one) => known.has(one.id) && !there.has(one.id));
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

  nextToDo(object, fits = () => true) {
    const open = (one) => one !== object && one.state === "todo" && !one.saving && !one.failed;
    return this.next(object ? object.index : -1, 1, (one) => open(one) && fits(one));
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

/** Where Enter leads: the next listed to do; who looks through the drawn or unsure ones, or all again, goes on there. */
export function following(album, list, object, isReview) {
  const inList = () => album.next(object.index, 1, (one) => one !== object && !one.saving && list.has(one));
  if (list.filter === "done" || list.filter === "unsure") return inList();
  return album.nextToDo(object, (one) => list.has(one)) ?? (isReview ? inList() : null);
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
