/* Rows are added, duplicated and deleted; changes are undone and redone; and the menu of what can be done with a cell. */
import { $, at, cellAt, cellOf, emit, grid, load, number, on, placeOf, refresh, rowOf, rows } from '../rows.js';
import { activeCell, moveTo } from '../active.js';
import { copySelection } from '../copy.js';
import { span } from '../selection.js';
import { alarm, base, button, isTouch, make, mayEdit, mayUndo, nameOf, page, tell } from './cells.js';
import { collectRows, cut, fill, pasteText } from './blocks.js';
import { open } from './editor.js';
import { send } from './saves.js';

const attempt = async (act) => {
  try { await act(); } catch (error) { tell(error.message); alarm(error.message); }
};
const showRow = async (id) => {
  await load(at(`r${id}`));
  const cell = rowOf({ id: `r${id}` })?.cells[1];
  if (cell) moveTo(cell);
  return Boolean(cell);
};
const change = (path, body, after) => attempt(async () => {
  const here = base();
  const answer = await send(path, body);
  if (!mayEdit() || base() !== here) return; // another table is shown
  emit('edit:done', answer);
  await after(answer);
});
const showNew = async ({ ids, message }) => {
  tell(await showRow(ids[0]) ? message : `${message} This view does not show it: clear the search and filters to see it.`);
};
const addRow = () => change('rows', {}, showNew);
const duplicate = (ids) => change('rows/duplicate', { ids }, showNew);
const remove = (ids) => {
  emit('edit:removal');
  return change('rows/deletion', { ids }, async ({ message }) => {
    await refresh();
    tell(mayUndo() ? `${message} Ctrl+Z brings back what was deleted.` : message);
    if (mayUndo()) $('#saving').append(' ', button('Undo', () => { activeCell()?.focus(); step('undo'); }));
  });
};
/* What is too large to be taken back at once has a page that says how far it is. */
const follow = (url) => htmx.ajax('GET', url, { target: '#main', select: '#main', swap: 'outerMorph', push: 'true' });
/* What others have deleted. */
const revert = (set) => attempt(async () => {
  const here = base();
  const { message, url } = await send(`history/${set}/revert`, {}, { isOnce: false });
  if (!mayEdit() || base() !== here) return;
  if (url) { follow(url); return; }
  await refresh();
  tell(message);
});
on('click', ({ target }) => {
  const control = mayEdit() && target.closest?.('#grid [data-revert]');
  if (control) revert(control.dataset.revert);
});
on('edit:added', () => refresh());

/* Undo and redo of one's own changes, on the server. What they will do is known of what was done on this page. */
const done = [];
const undone = [];
const words = (name, list, key) => (list.length ? `${name}: ${list.at(-1)} (${key})` : `${name} my last change (${key})`);
const label = () => {
  for (const [id, text] of [['undo', words('Undo', done, 'Ctrl+Z')], ['redo', words('Redo', undone, 'Ctrl+Y')]]) {
    const control = document.getElementById(id);
    if (control) Object.assign(control, { title: text, ariaLabel: text });
  }
};
on('edit:done', ({ detail: answer }) => {
  if (!answer.seq) return;
  const [first] = answer.saved ?? [];
  done.push(answer.saved?.length === 1 && !answer.added.length ? nameOf({ id: `r${first[0]}`, column: first[1] }) : answer.message.replace(/\.$/, ''));
  undone.length = 0;
  label();
});
const step = (name) => mayUndo() && attempt(async () => {
  const here = base();
  emit('edit:removal'); // of rows that were added
  const answer = await send(name, {}, { isOnce: false });
  if (!mayEdit() || base() !== here) return;
  if (answer.url) { follow(answer.url); return; }
  const [from, to] = name === 'undo' ? [done, undone] : [undone, done];
  if (from.length) to.push(from.pop());
  label();
  await refresh();
  tell(answer.message);
  if (answer.left.length) alarm(answer.message);
});
on('edit:step', ({ detail: name }) => step(name));
on('click', ({ target }) => {
  const control = mayEdit() && target.closest('#undo, #redo');
  if (control) step(control.id);
});
let table = base();
on('htmx:after:swap', () => {
  if (page() && base() !== table) done.length = undone.length = 0;
  table = base() ?? table;
  label();
});
label();

on('keydown', (event) => {
  if (!mayEdit() || event.defaultPrevented || event.target.closest('input, textarea, select, dialog')) return;
  const act = (what) => { event.preventDefault(); event.stopImmediatePropagation(); what(); };
  const isCommand = (event.ctrlKey || event.metaKey) && !event.altKey;
  const key = event.key.toLowerCase();
  if (isCommand && key === 'z') act(() => step(event.shiftKey ? 'redo' : 'undo'));
  else if (isCommand && key === 'y') act(() => step('redo'));
  else if (key === 'enter' && event.shiftKey && !isCommand && cellAt(event.target)) act(addRow);
}, true);

/* The menu: by a right click, the menu key or Shift+F10; with Shift and the mouse the browser's own. */
const menu = make('div', { id: 'cell-menu', className: 'menu-list', popover: 'auto', role: 'menu', ariaLabel: 'Cell and row' });
const item = (text, act, keys) => {
  const element = button('', () => { menu.hidePopover(); act(); });
  Object.assign(element, { className: 'menu-item', role: 'menuitem', tabIndex: -1 });
  element.append(make('span', {}, text), ...(keys ? [make('kbd', {}, keys)] : []));
  if (keys) element.setAttribute('aria-keyshortcuts', keys.replace('Ctrl', 'Control'));
  return element;
};
const pasteFromClipboard = async () => {
  try { pasteText(await navigator.clipboard.readText()); } catch { tell('The browser does not give the clipboard to a menu: press Ctrl+V'); }
};
const withRows = (verb, act) => () => attempt(async () => {
  const ids = await collectRows(verb);
  if (ids.length) await act(ids);
});
const show = (cell, x, y) => {
  const found = span();
  const isMany = found && found.first.id !== found.last.id;
  const those = found?.isAll ? 'all rows of the view' : isMany ? 'the rows selected' : 'the row';
  const isHead = cell.matches('th');
  const only = [Number(cell.parentElement.id.slice(1))];
  const onRows = (verb, act) => (isHead ? () => act(only) : withRows(verb, act));
  menu.replaceChildren(
    ...(isHead ? [] : [
      item('Edit', () => open(activeCell()), 'Enter'),
      item('Cut', () => cut(), 'Ctrl+X'),
      item('Copy', () => copySelection(), 'Ctrl+C'),
      item('Paste', pasteFromClipboard, 'Ctrl+V'),
      item('Empty', () => fill(''), 'Delete'), make('hr')]),
    item('Open the row', () => $('a', cell.parentElement.cells[0]).click(), 'Space'),
    item('Add a row', addRow, 'Shift+Enter'),
    item(`Duplicate ${isHead ? 'the row' : those}`, onRows('Duplicate', duplicate)),
    item(`Delete ${isHead ? 'the row' : those}`, onRows('Delete', remove)));
  if (!menu.isConnected) page().append(menu);
  menu.showPopover();
  Object.assign(menu.style, { left: `${Math.min(x, innerWidth - menu.offsetWidth - 8)}px`, top: `${Math.min(y, innerHeight - menu.offsetHeight - 8)}px` });
  $('button', menu).focus();
};
on('contextmenu', (event) => {
  const cell = event.target.closest?.('#grid tbody.rows :is(td, th)');
  if (!cell || !mayEdit() || event.shiftKey && event.button === 2 && event.detail || event.defaultPrevented || isTouch(event)) return;
  event.preventDefault();
  const found = span();
  const list = found ? rows().slice(rows().indexOf(rowOf(found.first)), rows().indexOf(rowOf(found.last)) + 1) : [];
  const isInside = found && (found.isAll || list.includes(cell.parentElement)) && cell.cellIndex >= found.left && cell.cellIndex <= found.right;
  if (!isInside && cellAt(cell) !== activeCell()) moveTo(cell);
  const area = cell.getBoundingClientRect();
  show(cell, event.clientX || area.left, event.clientY || area.bottom);
});
menu.addEventListener('keydown', (event) => {
  const list = [...menu.querySelectorAll('button')];
  const from = list.indexOf(document.activeElement);
  const to = { ArrowDown: from + 1, ArrowUp: from - 1, Home: 0, End: -1 }[event.key];
  if (event.key === 'Tab') menu.hidePopover();
  if (to === undefined) return;
  event.preventDefault();
  (list.at(to) ?? list[0]).focus();
});
menu.addEventListener('toggle', ({ newState }) => {
  if (newState === 'closed' && document.activeElement === document.body) activeCell()?.focus();
});
