/* What the editing modules know of the table, its cells and their columns. They are loaded by pages of tables that may be
   edited, and rest while another table is shown that may not. */
import { $, cellOf, emit, grid, indexOf, isNarrowed, on } from '../rows.js';

export const page = () => $('.table-page[data-may-edit]');
export const mayEdit = () => Boolean(page() && grid());
export const base = () => page()?.dataset.base; // the address of the table that is shown
export const mayUndo = () => Boolean(page() && 'mayUndo' in page().dataset); // visitors by a link have no history
export const isTouch = (event) => event.pointerType === 'touch';
export const make = (tag, properties, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};
export const button = (text, act, isPrimary) => make('button', { type: 'button', className: `button${isPrimary ? ' primary' : ''}`, onclick: act }, text);
export const tell = (text) => { if ($('#saving')) $('#saving').textContent = text; }; // politely
export const alarm = (text) => { if ($('#edit-alert')) $('#edit-alert').textContent = text; }; // at once

const headOf = (column) => grid().rows[0].cells[indexOf(column)];
export const typeOf = (column) => headOf(column)?.classList[0] ?? 'text';
export const isThere = (column) => Boolean(headOf(column));
export const titleOf = ({ column, title }) => (isThere(column) && $('.sort', headOf(column)).title) || title || `column ${column}`;
export const nameOf = (place) => `${titleOf(place)}, row ${place.id.slice(1)}`;
export const keyOf = ({ id, column }) => `${id}.${column}`;

/* What editors of a column have in common, by its number: see tables/cells/_editor.html. */
export const fields = new Map();
on('htmx:after:swap', ({ detail: { ctx } }) => { if (['grid', 'main'].includes(ctx.target?.id)) fields.clear(); });

/* What the server has decided; other errors are of the connection. */
export class Refused extends Error {
  constructor(message, status) { super(message); this.status = status; }
}
/* The exact text of a cell, or null for one that is too long to be edited here, or holds what a field cannot. */
export const HEADERS = () => ({ 'HX-Request': 'true', 'HX-Current-URL': location.href, 'X-Page': document.documentElement.dataset.page ?? page().dataset.page, Accept: 'text/html' });
export const readCell = async ({ id, column }, signal) => {
  const answer = await fetch(`${base()}/cells/${id.slice(1)}/${column}/edit`, { headers: { ...HEADERS(), 'HX-Request-Type': 'partial' }, signal });
  if (!answer.ok) throw new Refused(answer.status === 404 ? 'This row is not there any more.' : 'The cell could not be read.', answer.status);
  const form = new DOMParser().parseFromString(await answer.text(), 'text/html').querySelector('#cell-editor');
  fields.set(column, { hint: form.dataset.hint, words: JSON.parse(form.dataset.words), yes: form.dataset.yes });
  emit('edit:field', column);
  return JSON.parse(form.dataset.seen);
};
/* Whether the page shows all of a text, exactly: markup has one kind of line breaks and no NUL, and long texts are cut. */
export const isExact = (shown) => !/[\n\u2400]|\u2026$/.test(shown);
export const matches = (exact, shown) => {
  const text = exact.replace(/\r\n?/g, '\n').replaceAll('\0', '\u2400');
  return text === shown || (shown.endsWith('\u2026') && text.startsWith(shown.slice(0, -1)));
};

/* Which of the rows no longer fit the view, in words, or "". What was saved is saved, even if that cannot be found out. */
export const findUnfit = async (ids) => {
  try { return isNarrowed() ? await (await import('../fit.js')).findUnfit(ids) : ''; } catch { return ''; }
};

/* A text as the grid shows it: see tables/_grid.html. */
const MAIL = /^[\w.+-]+@[\w-]+(\.[\w-]+)+$/;
const linkOf = (text) => (/^https?:\/\/\S+$/.test(text) ? text : MAIL.test(text) ? `mailto:${text}` : null);
export const paint = (place, text) => {
  const cell = cellOf(place);
  if (!cell) return;
  const type = typeOf(place.column);
  const yes = fields.get(place.column)?.yes;
  const href = type === 'text' && linkOf(text);
  if (href) cell.replaceChildren(make('a', { href, rel: 'noreferrer', target: '_blank', tabIndex: -1 }, text));
  else if (type === 'boolean' && text && yes) cell.replaceChildren(make(text === yes ? 'b' : 'i', {}, text));
  else cell.textContent = text;
};
