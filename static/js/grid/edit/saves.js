/* What is on its way to the server: in order, one at a time per cell, at most four at once. What could not be sent waits for the
   connection. All but undo and redo may be sent again: a cell that holds the text already is saved, and what adds rows has a key. */
import { cellOf, emit, number, on } from '../rows.js';
import { base, HEADERS, keyOf, matches, mayEdit, paint, readCell, Refused, tell } from './cells.js';

const AT_ONCE = 4;
const LATE = 2_000; // milliseconds until a cell says that it is not saved yet
const PATIENCE = 60_000; // milliseconds for an answer
const MAX_PAUSE = 15_000; // milliseconds between two tries
const MAYBE = 'It may have been done all the same: look at the table before you try again.';
const queue = [];
let failures = 0;
let timer = 0;
let signIn = null; // the address, once the session has ended

const randomKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
const enqueue = (job) => new Promise((resolve, reject) => {
  queue.push({ base: base(), ...job, resolve, reject });
  tell('');
  pump();
});
/* A request that waits for all before it. `cells` are those that show that it is on its way. */
export const send = (path, body, { isOnce = true, cells = () => [] } = {}) => enqueue({ path, body: () => body, key: isOnce ? randomKey() : null, isRepeatable: isOnce, cells });
/* The answer, or null if a later edit of the cell takes its place. Once saved, `edit.holds` is the cell's exact text. */
export const sendEdit = (edit) => {
  const cell = keyOf(edit.place);
  const earlier = queue.findLast((job) => isOf(job, edit.place));
  if (earlier && !earlier.isRunning) {
    Object.assign(earlier.edit, { text: edit.text, asText: edit.asText });
    draw();
    return Promise.resolve(null);
  }
  if (earlier) Object.assign(edit, { after: earlier.edit, seen: earlier.edit.seen, shown: earlier.edit.shown });
  return enqueue({ path: 'cells', cell, edit, isRepeatable: true, cells: () => [cellOf(edit.place)], body: () => bodyOf(edit) });
};
const bodyOf = async (edit) => {
  if (edit.after?.holds !== undefined) edit.seen = edit.after.holds;
  edit.seen ??= await readSeen(edit);
  return { edits: [{ row: Number(edit.place.id.slice(1)), column: edit.place.column, seen: edit.seen, text: edit.text, as_text: edit.asText === true }] };
};
const readSeen = async ({ place, shown }) => {
  try {
    const exact = await readCell(place);
    if (exact === null) throw new Refused('This cell is too long to be edited here. Open its row to see what can be done.');
    return shown === undefined || matches(exact, shown) ? exact : shown; // changed by others: what was shown conflicts with it
  } catch (error) {
    if (error.status !== 401) throw error;
    return ''; // the request itself will tell
  }
};
const isOf = (job, place) => job.cell === keyOf(place) && job.base === base();
export const isPending = (place) => queue.some((job) => isOf(job, place));
export const hasPending = () => queue.length > 0;

const clash = (one, other) => one.base === other.base && (!one.cell || !other.cell || one.cell === other.cell);
const pump = () => {
  if (signIn || timer) return;
  queue.forEach((job, index) => {
    const before = queue.slice(0, index);
    if (!job.isRunning && queue.filter(({ isRunning }) => isRunning).length < AT_ONCE && !before.some((other) => clash(other, job))) run(job);
  });
};
const run = async (job) => {
  job.isRunning = true;
  const late = setTimeout(setLate, LATE, job);
  draw();
  let [status, data, problem] = [0, {}, null];
  try {
    const body = JSON.stringify(await job.body());
    const headers = { ...HEADERS(), Accept: 'application/json', 'Content-Type': 'application/json', ...(job.key ? { 'Idempotency-Key': job.key } : {}) };
    const answer = await fetch(`${job.base}/${job.path}`, { method: 'POST', body, headers, signal: AbortSignal.timeout(PATIENCE) });
    data = await answer.json().catch((error) => { if (answer.ok) throw error; return {}; });
    status = answer.status;
    if (status === 401) end(answer.headers.get('HX-Redirect') ?? '/login');
  } catch (error) { if (error instanceof Refused) problem = error; }
  clearTimeout(late);
  job.isRunning = false;
  if (signIn) return setLate(job);
  const isTemporary = !problem && [0, 429, 502, 503, 504].includes(status);
  if (isTemporary && job.isRepeatable) {
    setLate(job);
    return wait(data.detail);
  }
  queue.splice(queue.indexOf(job), 1);
  erase(job);
  failures = 0;
  if (job.edit && data.saved?.length) [[, , job.edit.holds]] = data.saved; // what the next edit of the cell has seen
  if (status === 200) job.resolve(data);
  else job.reject(problem ?? new Error(data.detail ?? (isTemporary ? MAYBE : `The server answered with an error (${status}).`)));
  draw();
  pump();
};
const wait = (why = 'the server cannot be reached.') => {
  if (timer) return;
  const [count, one] = [number(queue.length), queue.length === 1];
  tell(`Not saved yet: ${why} ${count} ${one ? 'change waits' : 'changes wait'} here and ${one ? 'is' : 'are'} sent when it answers.`);
  timer = setTimeout(resume, Math.min(1_000 * 2 ** failures, MAX_PAUSE));
  failures += 1;
};
const resume = () => {
  clearTimeout(timer);
  timer = 0;
  pump();
};
const end = (address) => {
  if (!signIn) emit('edit:ended', address);
  signIn = address;
};
addEventListener('online', resume);
addEventListener('beforeunload', (event) => { if (queue.some(({ edit }) => !edit || !signIn)) event.preventDefault(); }); // drafts outlast the session

/* Cells that are on their way have a thin line, and keep their new text when rows are shown anew. */
const setLate = (job) => {
  job.isLate = true;
  draw();
};
const erase = (job) => {
  if (!mayEdit() || job.base !== base()) return;
  for (const cell of job.cells()) {
    cell?.classList.remove('saving', 'late');
    if (job.isLate) cell?.removeAttribute('title');
  }
};
const draw = () => {
  if (!mayEdit()) return;
  for (const job of queue) {
    for (const cell of job.base === base() ? job.cells() : []) {
      cell?.classList.add('saving');
      cell?.classList.toggle('late', Boolean(job.isLate));
      if (job.isLate && cell) cell.title = 'Not saved yet';
    }
  }
};
on('htmx:after:swap', () => {
  if (!mayEdit()) return;
  for (const { edit, base: where } of queue) if (edit && where === base()) paint(edit.place, edit.text);
  draw();
});
on('rowcast:remote', (event) => { // what is on its way is newer, or will conflict
  if (isPending({ id: `r${event.detail.row}`, column: event.detail.column })) event.preventDefault();
});
