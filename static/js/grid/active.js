/* The active cell: the only one in the tab order, moved by keys and clicks as in the grid pattern of the ARIA Authoring
   Practices. It is a place, so it survives scrolling, sorting, filtering and Back. */
import { $, at, box, cellAt, cellOf, emit, grid, hasMore, load, number, on, placeOf, rowOf, rows, say, UNREAD } from './rows.js';
import { edgeOf } from './edges.js';

let place = null;
let index = 1; // of the column, where it is hidden; and of the row, where it is gone
let rowIndex = 0;
let stop = null; // the cell in the tab order: the active one, or one beside it while that is not on the page
let table = null; // the grid that the row was seen in

const linkOf = (cell) => $(':scope > div > .sort, :scope > a', cell);
const focusable = (cell) => (cell.matches('th') ? linkOf(cell) ?? cell : cell);
const key = () => `active:${location.pathname}`;
export const active = () => place;
export const activeCell = () => (place && grid() ? cellOf(place) : null);

const setStop = (cell) => {
  const left = stop && focusable(stop);
  if (left === stop) left?.removeAttribute('tabindex');
  else left.tabIndex = -1; // a link would be in the tab order by itself
  stop = cell;
  focusable(cell).tabIndex = 0;
};
export const moveTo = (cell, isExtending = false) => {
  if (!cell) return;
  const before = place;
  place = placeOf(cell);
  table = grid();
  index = cell.cellIndex;
  rowIndex = rows().indexOf(cell.parentElement);
  try { sessionStorage.setItem(key(), JSON.stringify(place)); } catch { /* private window: not after leaving the page */ }
  setStop(cell);
  focusable(cell).focus();
  emit('grid:active', { place, before, isExtending });
};

/* After a swap: the cell itself, or while its row or column is not there the nearest one. */
const restore = () => {
  if (!grid()) return;
  grid().setAttribute('role', 'grid');
  grid().setAttribute('aria-describedby', 'grid-help');
  /* Links to more rows too: with the focus on them they load rows, and it would come back to a cell, so Tab would never lead out. */
  for (const link of grid().querySelectorAll(':is(a, input):not([tabindex])')) link.tabIndex = -1;
  const [first, second] = grid().rows[0].cells;
  box().style.setProperty('--first-w', `${first.offsetWidth + (second?.offsetWidth ?? 0)}px`);
  const cell = activeCell();
  if (cell) {
    [table, index, rowIndex] = [grid(), cell.cellIndex, rows().indexOf(cell.parentElement)];
    if (cell !== stop) setStop(cell);
    return;
  }
  const list = rows();
  const row = (place && rowOf(place)) || list[Math.min(Math.max(rowIndex, 0), list.length - 1)] || grid().rows[0];
  const nearest = row.cells[Math.min(index, row.cells.length - 1)];
  if (!stop?.isConnected || stop !== nearest) setStop(nearest);
  if (place?.id && list.length && !rowOf(place) && !hasMore('earlier') && !hasMore('further')) takeOver(nearest);
};
const takeOver = (cell) => {
  say(`Row ${number(Number(place.id.slice(1)))} is no longer in this view; row ${number(Number(cell.parentElement.id.slice(1)))} took its place`);
  place = placeOf(cell);
};
/* The row was taken off the page by scrolling: its place is loaded again. */
const fetchActive = async () => {
  const { id } = place;
  await load(at(id));
  const row = rows()[0];
  if (!row || rowOf({ id })) return activeCell();
  takeOver(row.cells[Math.min(index, row.cells.length - 1)]);
  return activeCell();
};

const beside = (row, step) => {
  const list = [grid().rows[0], ...rows()];
  return list[Math.min(Math.max(list.indexOf(row) + step, 0), list.length - 1)];
};
const target = (cell, event) => {
  const row = cell.parentElement;
  const last = row.cells.length - 1;
  const screen = Math.max(1, Math.floor((box().clientHeight - 34) / (row.offsetHeight || 30)) - 1);
  const isFar = event.ctrlKey || event.metaKey;
  const moves = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0], PageDown: [screen, 0], PageUp: [-screen, 0] };
  if (moves[event.key]) {
    const [down, right] = moves[event.key];
    if (isFar && event.key.startsWith('Arrow')) return edgeOf(cell, down, right);
    return beside(row, down).cells[Math.min(Math.max(cell.cellIndex + right, 0), last)];
  }
  if (event.key === 'Home') return isFar ? edgeOf(cell, -1, 0, true) : row.cells[0];
  if (event.key === 'End') return isFar ? edgeOf(cell, 1, 0, true) : row.cells[last];
  return null;
};

on('keydown', async (event) => {
  let cell = event.target.closest?.('#grid .grid :is(td, th)');
  if (!cell || event.target.closest('tbody.more') || event.defaultPrevented) return;
  if (event.altKey) {
    if (event.key !== 'ArrowDown') return;
    event.preventDefault();
    $('.column-menu', grid().rows[0].cells[cell.cellIndex])?.click();
    return;
  }
  const isCommand = event.ctrlKey || event.metaKey;
  if (event.key === 'Enter' || (event.key === ' ' && !event.shiftKey && !isCommand)) {
    if (event.target.matches('input')) return; // a box handles Space itself
    const inHead = cell.closest('thead');
    if (event.key === ' ' && !cell.cellIndex) {
      event.preventDefault();
      $('input', cell)?.click();
      return;
    }
    const link = inHead ? null : (isCommand && $('a', cell)) || $('a', cell.parentElement.cells[0]);
    if ((event.key === 'Enter' && event.target.matches('a')) || !link) return; // links handle Enter themselves
    event.preventDefault();
    link.click();
    return;
  }
  if (!/^(Arrow|Page|Home|End)/.test(event.key) || (isCommand && event.key.startsWith('Page'))) return; // those change tabs of the browser
  event.preventDefault();
  place ??= placeOf(cell);
  if (table === grid() && !activeCell()) cell = (await fetchActive()) ?? cell;
  try {
    moveTo(await target(cell, event), event.shiftKey);
  } catch {
    say(UNREAD);
  }
});

/* Tab goes on to the next cell, from the last of a row to the next row, and leaves the grid from the last of all. Nobody is kept
   in it: after Escape, Tab leaves from any cell. */
let isLeaving = false;
const step = (cell, right) => {
  const list = rows();
  const last = cell.parentElement.cells.length - 1;
  let [row, column] = [list.indexOf(cell.parentElement), cell.cellIndex + right];
  if (column > last) [row, column] = [row + 1, 1];
  if (column < 1) [row, column] = [row - 1, last];
  if (list[row]) return list[row].cells[column];
  return hasMore(right > 0 ? 'further' : 'earlier') ? cell : null; // they are on their way
};
on('keydown', (event) => {
  const cell = event.target.closest?.('#grid tbody.rows :is(td, th)');
  if (event.key === 'Shift') return;
  if (event.key === 'Tab' && cell && !isLeaving && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const next = step(cell, event.shiftKey ? -1 : 1);
    if (next) {
      event.preventDefault();
      moveTo(next);
    }
  }
  isLeaving = Boolean(event.key === 'Escape' && cell);
  if (isLeaving && !event.defaultPrevented && !$('[data-close-panel]')) say('Tab leaves the table now');
});

on('click', (event) => {
  const cell = cellAt(event.target);
  if (cell && !event.target.closest('a') && getSelection().isCollapsed) moveTo(cell, event.shiftKey);
});
on('dblclick', (event) => {
  const cell = cellAt(event.target);
  if (!cell || event.target.closest('a')) return;
  getSelection().removeAllRanges();
  $('a', cell.parentElement.cells[0]).click();
});

/* The focus stays in the grid when its rows are replaced. */
let wasInside = false;
on('htmx:before:swap', () => { wasInside = Boolean(document.activeElement?.closest('#grid')); });
on('htmx:after:swap', ({ detail: { ctx } }) => {
  if (ctx.target?.id === 'main') remember();
  restore();
  if (wasInside && document.activeElement === document.body && stop?.isConnected) focusable(stop).focus({ preventScroll: true });
});
on('grid:trim', () => { restore(); if (document.activeElement === document.body) focusable(stop).focus({ preventScroll: true }); });
on('column:width', restore);
on('grid:go', ({ detail: cell }) => { restore(); moveTo(cell); });
const remember = () => {
  try { place = JSON.parse(sessionStorage.getItem(key())); } catch { place = null; }
};
remember();
restore();
/* Rows that could not be loaded are asked for again by their link. */
for (const name of ['htmx:response:error', 'htmx:error']) {
  on(name, ({ detail: { ctx } }) => { if (ctx?.sourceElement?.matches?.('tbody.more a')) ctx.sourceElement.tabIndex = 0; });
}
