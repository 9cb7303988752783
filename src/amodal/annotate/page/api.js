// Every request of the page. What fails is thrown as a Refusal, whose message can be shown as it is.

const GONE = "The server does not answer. Start amodal annotate again: what is not saved yet is kept in this page.";
const STRANGER = "The server was started anew: open the address it printed in another tab, then come back to this one.";
const PATIENCE_MS = 120_000;

export class Refusal extends Error {
  constructor(message, status, entry = null) {
    super(message);
    this.status = status; // 0: no answer at all
    this.entry = entry; // of an object that another tab has answered meanwhile
  }
}

const PAGE = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
let turn = 0;
let told = () => {};
let key = null; // of the album this page shows: a server that shows another one refuses

/** `listener(true)` after each answer, `listener(false)` when none came. */
export function whenReached(listener) {
  told = listener;
}

async function ask(path, { headers = {}, ...options } = {}) {
  let answer;
  if (key) headers = { ...headers, "X-Album": key };
  try {
    answer = await fetch(path, { signal: AbortSignal.timeout(PATIENCE_MS), headers, ...options });
  } catch {
    told(false);
    throw new Refusal(GONE, 0);
  }
  told(true);
  if (answer.ok) return answer;
  if (answer.status === 403) throw new Refusal(STRANGER, 403);
  const said = await answer.json().catch(() => ({}));
  const detail = typeof said.detail === "string" ? said.detail : `The server answered ${answer.status} to ${path}.`;
  throw new Refusal(detail, answer.status, said.entry);
}

async function bitmap(answer) {
  try {
    return await createImageBitmap(await answer.blob());
  } catch {
    throw new Refusal("A picture of the server could not be read, or is too large for this browser.", answer.status);
  }
}

export async function album() {
  const found = await (await ask("api/album", { cache: "no-store" })).json();
  key = found.key;
  return found;
}

export const picture = async (id) => bitmap(await ask(`api/pictures/${id}/picture`));
export const prepare = (id) => ask(`api/pictures/${id}/prepare`, { method: "POST" });
export const visible = async (id) => bitmap(await ask(`api/objects/${id}/visible`));
export const others = async (id) => bitmap(await ask(`api/objects/${id}/others`));

/** A mask to start from: { bitmap, start, revision }: start says what it is, revision which answer stood then. */
export async function whole(id, start) {
  const answer = await ask(`api/objects/${id}/whole?start=${start}`, { cache: "no-store" });
  const revision = answer.headers.get("X-Revision") ?? "";
  return { start: answer.headers.get("X-Start") ?? start, revision, bitmap: await bitmap(answer) };
}

/** Says who asks: where an answer was lost, the server knows what this page has changed itself. */
const signed = () => ({ "X-Page": PAGE, "X-Turn": String(++turn) });

/** Saves a drawing, in place of the answer of that revision; without one, in place of whatever there is. */
export async function put(id, png, state, start, revision) {
  const base = revision === undefined ? "" : `&revision=${revision}`;
  const path = `api/objects/${id}/whole?state=${state}&start=${encodeURIComponent(start)}${base}`;
  const options = { method: "PUT", body: png, headers: { "Content-Type": "image/png", ...signed() } };
  return (await ask(path, options)).json();
}

const json = (method, values) => ({ method, body: JSON.stringify(values), headers: { "Content-Type": "application/json" } });

/** A new object: its entry. */
export async function add(picture, box, category) {
  return (await ask(`api/pictures/${picture}/objects`, json("POST", { box, category }))).json();
}

/** What an object that was added is, after all: its entry. */
export const setCategory = async (id, category) => (await ask(`api/objects/${id}/category`, json("PUT", { category }))).json();

/** Where an object that was added is seen, after all: its entry. */
export const setBox = async (id, box) => (await ask(`api/objects/${id}/box`, json("PUT", { box }))).json();

/** Removes an object that was added, with the answer of that revision; without one, with whatever there is. */
export async function remove(id, revision) {
  const base = revision === undefined ? "" : `?revision=${revision}`;
  await ask(`api/objects/${id}${base}`, { method: "DELETE", headers: signed() });
}

export const forget = async (id, revision = "") =>
  (await ask(`api/objects/${id}/whole?revision=${revision}`, { method: "DELETE", headers: signed() })).json();
export const save = async () => (await ask("api/save", { method: "POST" })).json();
