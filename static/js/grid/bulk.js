/* The rows chosen by their boxes, or those of the selection, and the bar with what can be done with them. All rows of the view are
   named by its address, never one by one. */
import { $, box, emit, grid, number, on, rows, say } from './rows.js';
import { span } from './selection.js';

const MAX_ADDRESS = 9_000; // characters of the chosen rows in an address
let view = grid().dataset.first; // where they were chosen
let chosen = new Set(); // numbers of rows
let isAll = false; // all rows of the view
let last = null; // the row whose box was used last
let bar = null;

const boxes = () => [...document.querySelectorAll('#grid tbody.rows > tr > th > input')];
const idOf = (row) => Number(row.id.slice(1));
/* Rows of a selection of cells count as well, as far as they are on the page; a selection of all counts as all. */
const selected = () => {
  const found = span();
  if (!found || found.first.id === found.last.id) return [];
  const list = rows();
  const [start, end] = [found.first, found.last].map(({ id }) => list.findIndex((row) => row.id === id));
  return start < 0 || end < 0 ? [] : list.slice(start, end + 1).map(idOf);
};
const isWhole = () => isAll || (!chosen.size && Boolean(span()?.isAll));
const these = () => (chosen.size ? [...chosen].sort((a, b) => a - b) : selected());
const asRanges = (ids) => {
  const ranges = [];
  for (const id of ids) {
    if (ranges.length && ranges.at(-1)[1] === id - 1) ranges.at(-1)[1] = id;
    else ranges.push([id, id]);
  }
  return ranges.map(([first, end]) => (first === end ? first : `${first}-${end}`)).join(',');
};

const paint = () => {
  const list = boxes();
  for (const each of list) {
    const isChosen = isAll || chosen.has(Number(each.value));
    if (each.checked !== isChosen) each.checked = isChosen;
  }
  const all = $('#choose-all');
  if (!all) return;
  const count = list.filter((each) => each.checked).length;
  all.checked = count > 0 && count === list.length;
  all.indeterminate = count > 0 && count < list.length;
};

const load = async () => {
  const url = grid().dataset.bulk;
  const answer = await fetch(url, { headers: { 'HX-Request-Type': 'partial' } });
  if (!answer.ok || grid()?.dataset.bulk !== url) return;
  bar.innerHTML = await answer.text();
  bar.dataset.url = url;
  htmx.process(bar);
  show();
};
/* The links of the bar lead to what is chosen when they are used. */
const point = (link) => {
  const address = new URL(link.href);
  const text = isWhole() ? 'all' : asRanges(these());
  address.searchParams.set('rows', text);
  link.href = address.pathname + address.search.replaceAll('%2C', ',').replaceAll('%3A', ':');
  return text.length <= MAX_ADDRESS;
};

export const show = () => {
  const ids = isWhole() ? [] : these();
  const isEmpty = !isWhole() && !ids.length;
  bar ??= Object.assign(document.createElement('section'), { id: 'bulk-bar', ariaLabel: 'Selected rows' });
  if (isEmpty) { bar.remove(); return; }
  if (!bar.isConnected) box().parentElement.append(bar);
  if (bar.dataset.url !== grid().dataset.bulk) {
    delete bar.dataset.url;
    if (!bar.ariaBusy) { bar.ariaBusy = 'true'; load().finally(() => { bar.ariaBusy = null; }); }
    return;
  }
  const all = $('[data-bulk="all"]', bar);
  $('.bulk-count', bar).textContent = isWhole() ? all.dataset.text.replace('Select a', 'A').replace(/$/, ' selected') : `${number(ids.length)} ${ids.length === 1 ? 'row' : 'rows'} selected`;
  all.hidden = isWhole();
};

const clear = () => {
  chosen = new Set();
  isAll = false;
  last = null;
  paint();
  show();
};
/* Somebody has used a box. */
export const choose = (target, isRange) => {
  const list = boxes();
  if (isAll && !target.checked) { // all but this one: of those on the page
    isAll = false;
    chosen = new Set(list.map((each) => Number(each.value)));
  }
  if (target.id === 'choose-all') {
    for (const each of list) if (target.checked) chosen.add(Number(each.value)); else chosen.delete(Number(each.value));
  } else {
    const [start, end] = [list.indexOf(last?.isConnected ? last : target), list.indexOf(target)].sort((a, b) => a - b);
    for (const each of isRange && start >= 0 ? list.slice(start, end + 1) : [target]) {
      if (target.checked) chosen.add(Number(each.value)); else chosen.delete(Number(each.value));
    }
    last = target;
  }
  paint();
  show();
};
on('click', (event) => {
  const link = event.target.closest?.('#bulk-bar a');
  if (link && !point(link)) {
    event.preventDefault();
    event.stopImmediatePropagation();
    say('These are too many separate rows: search or filter, and select all that match.');
    return;
  }
  const control = event.target.closest?.('#bulk-bar [data-bulk]');
  if (!control) return;
  if (control.dataset.bulk === 'none') {
    clear();
    if (span()) emit('grid:clear');
    $('#grid [tabindex="0"]')?.focus();
  } else {
    isAll = true;
    chosen = new Set();
    paint();
    show();
    $('#bulk-bar summary')?.focus();
  }
}, true);
/* What was chosen is done with; Back from a page that does nothing finds it as it was. */
on('submit', ({ target }) => { if (target.closest('#bulk-preview')) [chosen, isAll] = [new Set(), false]; });
on('grid:selection', show);
on('grid:all', show);
on('grid:trim', paint);
on('htmx:after:swap', () => {
  if (!grid()) return;
  if (grid().dataset.first !== view) {
    view = grid().dataset.first;
    clear();
  } else {
    paint();
    show();
  }
});
export const restore = () => { paint(); show(); };
/* A browser that comes back to a page restores its boxes. */
for (const each of boxes()) if (each.checked) chosen.add(Number(each.value));
