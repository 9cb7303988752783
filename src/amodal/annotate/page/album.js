// The pictures and their objects: what state each is in, which come next, which are listed.

export class Album {
  objects = []; // in the order of the list; each knows its `picture` and its `index`
  byId = new Map();
  counts = { todo: 0, done: 0, unsure: 0 };

  constructor({ title, output, drafts, pictures }) {
    Object.assign(this, { title, output, drafts, pictures });
    for (const picture of pictures) {
      for (const object of picture.objects) {
        Object.assign(object, { picture, index: this.objects.length, saving: false, failed: false, unsaved: false });
        this.objects.push(object);
        this.byId.set(object.id, object);
        this.counts[object.state] += 1;
      }
    }
  }

  update(object, state, hidden) {
    this.counts[object.state] -= 1;
    this.counts[state] += 1;
    Object.assign(object, { state, hidden });
  }

  get finished() {
    return this.counts.todo === 0 && !this.objects.some((one) => one.saving || one.failed);
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

  /** The first object of the next picture that has any. */
  nextPicture(object, sign) {
    const start = sign > 0 ? object.picture.objects.at(-1) : object.picture.objects[0];
    const found = this.next(start.index, sign, (one) => one.picture !== object.picture);
    return found && found.picture.objects[0];
  }
}

/** Whether an object is listed under a filter and the words looked for. */
export function listed(object, filter, words) {
  if (filter !== "all" && object.state !== filter && !object.failed) return false;
  if (!words) return true;
  const text = `${object.category} ${object.id} ${object.picture.name}`.toLowerCase();
  return words.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}
