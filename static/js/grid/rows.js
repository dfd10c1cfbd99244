/* The rows and cells of the grid: what its other modules build on.

   A place is {id, column}: the id of the row in the page ("r12"; "" for the titles) and the number of the column (0 for the
   row's own number). It names the same cell after any swap. The editor (edit/) needs, besides this module:
     active.js     active() is the place of the active cell, activeCell() its element, moveTo(cell, isExtending) makes another
                   one active; event "grid:active": detail {place, before, isExtending}
     selection.js  span() is the selection, {first, last, left, right}, two places and two indexes of cells, or null;
                   event "grid:selection" after it has changed
     here          cellOf(place), placeOf(cell), textOf(cell), columnOf(index), say(text), load(url), refresh() */
export const $ = (selector, from = document) => from.querySelector(selector);
export const on = (name, listener, options) => document.addEventListener(name, listener, options);
export const emit = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));
/* The click that ends a drag or a long press is not one. There may be none, so the next press ends the waiting for it. */
export const ignoreClick = (isMeant) => {
  const ignore = (event) => {
    if (!isMeant(event.target)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  on('click', ignore, { capture: true, once: true });
  on('pointerdown', () => document.removeEventListener('click', ignore, true), { capture: true, once: true });
};
export const box = () => $('#grid');
export const grid = () => $('#grid > .grid');
export const rows = () => [...document.querySelectorAll('#grid tbody.rows > tr')];
export const cellAt = (target) => target?.closest?.('#grid tbody.rows td');
export let said = 0; // how often: a slow answer must not replace what was said since
export const say = (text) => { said += 1; const line = $('#selection'); if (line) line.textContent = text; };
export const UNREAD = 'The rows could not be read. Try again.';
export const number = (value) => value.toLocaleString('en');
export const hasMore = (side) => Boolean($(`tbody.more .${side}`, grid())); // "earlier" or "further"

/* Whether the view shows some of the rows, or in another order. */
export const isNarrowed = () => grid() && ($('#toolbar .chip') || $('#q')?.value);

/* Columns are numbered for good; their indexes change as they are hidden and moved. */
const columns = () => [...grid().querySelectorAll('col:not(.filler)')];
export const columnOf = (index) => Number(columns()[index]?.dataset.column ?? 0);
export const indexOf = (column) => columns().findIndex((each) => Number(each.dataset.column ?? 0) === column);
export const markOf = (index) => columns()[index].dataset.mark; // of decimals, in a column of numbers
export const placeOf = (cell) => ({ id: cell.parentElement.id, column: columnOf(cell.cellIndex) });
export const rowOf = ({ id }) => (id ? document.getElementById(id) : grid().rows[0]);
export const cellOf = (place) => rowOf(place)?.cells[indexOf(place.column)];
export const textOf = (cell) => cell.textContent;

export const load = (url, swap = 'innerHTML scroll:top') => htmx.ajax('GET', url, { target: '#grid', swap });
export const at = (id) => `${grid().dataset.first}${grid().dataset.first.includes('?') ? '&' : '?'}at=${id.slice(1)}`;
export const firstVisible = () => {
  const edge = box().getBoundingClientRect().top + 40;
  return rows().find((row) => row.getBoundingClientRect().bottom > edge);
};
export const refresh = () => load(firstVisible() ? at(firstVisible().id) : grid()?.dataset.first ?? $('#toolbar').dataset.url);

/* A place in the order of the view: the number of the row where its id or the ends of the view tell, else one that only
   serves to compare rows. */
const FAR = 1e12; // more than any table has rows
const starts = new WeakMap(); // of a page of rows, the order of its first row
let counted = null; // the grid whose pages have been counted
let next = null; // where the rows that come next begin, if they are known to be beyond others
export const continueFrom = (order, direction) => { next = Math.max(order, FAR) + direction * 1e7; };
export const orderOf = (row) => ('byId' in grid().dataset ? Number(row.id.slice(1)) : starts.get(row.parentElement) + row.sectionRowIndex);
const count = () => {
  const table = grid();
  const pages = [...(table?.querySelectorAll('tbody.rows') ?? [])];
  if (!pages.length) return;
  if (counted !== table) {
    counted = table;
    const size = pages[0].rows.length;
    const total = Number(table.dataset.total);
    starts.set(pages[0], !hasMore('earlier') ? 1 : !hasMore('further') && total ? total - size + 1 : next ?? FAR * (2 + Number(table.dataset.way)));
    next = null;
  }
  const known = pages.findIndex((page) => starts.has(page));
  pages.slice(known + 1).forEach((page, index) => starts.set(page, starts.get(pages[known + index]) + pages[known + index].rows.length));
  for (let index = known - 1; index >= 0; index -= 1) starts.set(pages[index], starts.get(pages[index + 1]) - pages[index].rows.length);
  table.setAttribute('aria-rowcount', table.dataset.total ? Number(table.dataset.total) + 1 : -1);
  table.rows[0].setAttribute('aria-rowindex', 1);
  for (const page of pages) {
    const first = orderOf(page.rows[0]);
    if (first < FAR / 2 && first > 0 && !page.rows[0].ariaRowIndex) for (const row of page.rows) row.setAttribute('aria-rowindex', orderOf(row) + 1);
  }
};
on('htmx:after:swap', count);
count();
