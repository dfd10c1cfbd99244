/* A block of cells: by dragging, Shift, a long press, Ctrl+A. Its corners are places with their order in the view, so it
   survives when its rows leave the page. */
import { box, cellAt, cellOf, emit, grid, hasMore, ignoreClick, indexOf, number, on, orderOf, placeOf, rowOf, rows, said, say, textOf } from './rows.js';
import { moveTo } from './active.js';

const LONG_PRESS = 500; // milliseconds
let from = null; // the corner where the selection began, and the one that moves; null: only the active cell
let to = null;
let beginning = null; // of a selection that Shift would make: the active cell
let view = ''; // the address of what is selected in
let isAll = false; // all rows of the view, not only of the page
const frame = Object.assign(document.createElement('div'), { className: 'selection-frame' });
let chosen = [];
let timer = 0;

/* A corner keeps its page of rows: from there on can be read what is no longer in the document. */
const cornerOf = (cell) => ({ ...placeOf(cell), order: orderOf(cell.parentElement), page: cell.closest('tbody') });
export const span = () => {
  if (!from || !grid()) return null;
  const [first, last] = from.order <= to.order ? [from, to] : [to, from];
  const indexes = [from, to].map(({ column }) => Math.max(indexOf(column), 1));
  return { first, last, left: Math.min(...indexes), right: Math.max(...indexes), isAll };
};
/* The rows of the selection that are on the page. */
const shown = ({ first, last }) => {
  const list = rows();
  let start = list.indexOf(rowOf(first));
  let end = list.indexOf(rowOf(last));
  if (start < 0 && list.length && first.order < orderOf(list[0])) start = 0;
  if (end < 0 && list.length && last.order > orderOf(list.at(-1))) end = list.length - 1;
  return start < 0 || end < 0 ? [] : list.slice(start, end + 1);
};
/* The texts of the selection, or null if some of its rows are not on the page. */
export const textsOf = (found) => {
  if (found.isAll || !rowOf(found.first) || !rowOf(found.last)) return null;
  return shown(found).map((row) => [...row.cells].slice(found.left, found.right + 1).map(textOf));
};

const draw = () => {
  for (const row of chosen) row.classList.remove('chosen');
  const found = span();
  const list = found ? shown(found) : [];
  chosen = found?.left === 1 ? list : []; // the pinned column covers the frame
  for (const row of chosen) row.classList.add('chosen');
  if (!list.length) return frame.remove();
  const heads = grid().rows[0].cells;
  const edge = (index) => (index === 1 ? heads[0].offsetWidth : heads[index].offsetLeft);
  const [top, last] = [list[0].offsetTop, list.at(-1)];
  Object.assign(frame.style, { left: `${edge(found.left)}px`, top: `${top}px`, width: `${edge(found.right) + heads[found.right].offsetWidth - edge(found.left)}px`, height: `${last.offsetTop + last.offsetHeight - top}px` });
  if (frame.parentElement !== box()) box().append(frame);
};
/* What adds up is loaded with the first selection. */
export const describe = async (...given) => (await import('./totals.js')).describe(...given);
const tell = async (before) => {
  const found = span();
  const own = timer; // a later selection has another, and its own sentence
  if (!found) return;
  const texts = textsOf(found);
  const words = texts && (await describe(texts, found.left) || '1 cell');
  if (timer === own && span() && said === before) say(words ?? `Selected from row ${found.first.id.slice(1)} to row ${found.last.id.slice(1)}`);
};
const clear = () => {
  if (!from) return;
  from = to = null;
  isAll = false;
  say('');
  changed();
};
const changed = () => {
  draw();
  clearTimeout(timer);
  timer = setTimeout(tell, 60, said);
  emit('grid:selection');
};
const select = (start, end) => {
  [from, to, view, isAll] = [start, end, grid().dataset.first, false];
  changed();
};
const selectCells = (start, end) => select(cornerOf(start), cornerOf(end));

on('grid:active', ({ detail: { place, before, isExtending } }) => {
  const cell = cellOf(place);
  if (!isExtending) clear();
  else if (cellAt(cell) && !(before?.id === place.id && before.column === place.column)) {
    const start = from ?? beginning ?? (cellAt(before && cellOf(before)) ? cornerOf(cellOf(before)) : null);
    if (start) select(start, cornerOf(cell));
  }
  beginning = cellAt(cell) ? cornerOf(cell) : null;
});

/* Dragging; near an edge the grid scrolls along. */
let drag = null;
const reach = () => {
  const area = box().getBoundingClientRect();
  const [x, y] = drag.point;
  const cell = cellAt(document.elementFromPoint(Math.min(Math.max(x, area.left + 4), area.right - 28), Math.min(Math.max(y, area.top + 44), area.bottom - 8)));
  if (!cell || cell === drag.last || (!drag.isMoved && cell === drag.cell)) return;
  if (!drag.isMoved) moveTo(drag.cell);
  drag.isMoved = true;
  drag.last = cell;
  getSelection().removeAllRanges();
  box().classList.add('selecting');
  select(drag.start, cornerOf(cell));
};
const extend = () => {
  if (!drag?.point) return;
  const area = box().getBoundingClientRect();
  const [x, y] = drag.point;
  box().scrollBy((x > area.right - 24) * 24 - (x < area.left + 24) * 24, (y > area.bottom - 24) * 24 - (y < area.top + 40) * 24);
  reach();
  drag.frame = requestAnimationFrame(extend);
};
on('pointerdown', (event) => {
  const cell = cellAt(event.target);
  clearTimeout(press);
  if (!cell || event.button || event.shiftKey || event.target.closest('a')) return;
  if (event.pointerType === 'touch') press = setTimeout(hold, LONG_PRESS, cell);
  else drag = { start: cornerOf(cell), cell };
});
on('mousedown', (event) => { if (event.shiftKey && cellAt(event.target)) event.preventDefault(); }); // no selection of text
on('pointermove', (event) => {
  if (!drag || !event.buttons) return;
  const isFirst = !drag.point;
  drag.point = [event.clientX, event.clientY];
  if (isFirst) extend();
});
const drop = () => {
  clearTimeout(press);
  if (!drag) return;
  cancelAnimationFrame(drag.frame);
  if (drag.point && box()) reach(); // a move that no frame has followed yet
  box()?.classList.remove('selecting');
  if (drag.isMoved) ignoreClick(cellAt);
  drag = null;
};
on('pointerup', drop);
on('pointercancel', drop);

/* A long press selects a cell; another one selects all from there. The browser's own would select text. */
let press = 0;
let isHeld = false;
const hold = (cell) => {
  isHeld = true;
  const start = from ?? cornerOf(cell);
  moveTo(cell);
  select(start, cornerOf(cell));
};
on('contextmenu', (event) => { if (isHeld) event.preventDefault(); });
on('pointerup', () => { if (isHeld) { isHeld = false; ignoreClick(cellAt); } });

on('keydown', (event) => {
  const cell = cellAt(event.target);
  const isCommand = event.ctrlKey || event.metaKey;
  if (!cell) return;
  const act = (what) => { event.preventDefault(); what(); };
  const list = rows();
  if (event.key === 'Escape' && from) act(clear);
  else if (isCommand && !event.shiftKey && event.key.toLowerCase() === 'a') act(() => selectRows(1, list[0].cells.length - 1, 'Ctrl+A'));
  else if (event.key === ' ' && isCommand) act(() => selectRows(cell.cellIndex, cell.cellIndex, 'Ctrl+Space'));
  else if (event.key === ' ' && event.shiftKey) act(() => selectCells(cell.parentElement.cells[1], cell.parentElement.lastElementChild));
}, true);
/* Those columns of all rows on the page; once more, of all rows of the view. */
const selectRows = (left, right, keys) => {
  const list = rows();
  const found = span();
  const isPage = found && rowOf(found.first) === list[0] && rowOf(found.last) === list.at(-1) && found.left === left && found.right === right;
  const isPart = hasMore('earlier') || hasMore('further');
  selectCells(list[0].cells[left], list.at(-1).cells[right]);
  if (isPart || left < right) clearTimeout(timer); // a column that is here as a whole is added up
  if (isPage && isPart) {
    isAll = true;
    emit('grid:all');
  } else if (isPart) say(`${number(list.length)} rows on this page are selected; ${keys} again selects all of the view`);
  else if (left < right) say(`All ${number(list.length)} rows are selected`);
};

on('htmx:after:swap', () => {
  if (!from) return;
  const isSame = grid()?.dataset.first === view;
  if (!isSame && !(grid() && rowOf(from) && rowOf(to) && indexOf(from.column) > 0 && indexOf(to.column) > 0)) clear();
  else draw();
});
on('grid:trim', draw);
on('column:width', draw);

/* What can be done with rows that are chosen, or selected, is loaded with the first of them. */
let loading = null; // one promise, so that what waits for it goes on in its order
const bulk = () => (loading ??= import('./bulk.js').catch((error) => { loading = null; throw error; }));
let isShift = false; // when a box was clicked, which may be before that is loaded
on('click', ({ shiftKey }) => { isShift = shiftKey; }, true);
on('change', async ({ target }) => {
  const isRange = isShift;
  if (target.matches('#grid th > input')) (await bulk()).choose(target, isRange);
});
on('grid:selection', async () => { if (grid()?.dataset.bulk && from && from.id !== to.id) (await bulk()).show(); });
if (document.querySelector('#grid tbody th > input:checked')) bulk().then(({ restore }) => restore());
on('grid:clear', clear);
