/* Rows that were changed, by whomever, stay where they are: one that the view would show elsewhere, or not at all, is marked until
   other rows are shown. The view is asked once for all that was changed in a while. */
import { $, at, grid, hasMore, isNarrowed, number, rowOf } from './rows.js';
import { fetchRows } from './edges.js';

const PAUSE = 500; // milliseconds, and up to a second more: a table may be open on many screens
const BEYOND = 100; // rows that are read further than a page of rows ends
const MAX_ASKED = 5; // requests for one page of rows
const tellUnfit = (ids) => (ids.length === 1
  ? `Row ${ids[0].slice(1)} no longer fits this view. It stays here until you search, sort or filter again.`
  : `${number(ids.length)} rows no longer fit this view. They stay here until you search, sort or filter again.`);

/* The ids of the view's rows from `url` on, until one is `last`. */
const readIds = async (url, last, most) => {
  const found = [];
  for (let asked = 0; url && asked < MAX_ASKED; asked += 1) {
    const part = await fetchRows(url);
    found.push(...[...part.querySelectorAll('tbody.rows > tr')].map(({ id }) => id));
    if (found.includes(last) || found.length > most) break;
    url = $('.further', part)?.getAttribute('hx-get');
  }
  return found;
};
/* From the first row of a page on that is where it was: the others are not there any more. */
const readView = async (list, changed) => {
  const [first] = list;
  const last = list.findLast((id) => !changed.has(id));
  const most = list.length + BEYOND;
  if (!hasMore('earlier') && !rowOf({ id: first }).parentElement.previousElementSibling?.matches('.rows')) return readIds(grid().dataset.first, last, most);
  for (const id of list.slice(0, MAX_ASKED)) {
    const found = await readIds(at(id), last, most);
    if (!changed.has(id) || (found[0] === id && (!last || found.includes(last)))) return found;
  }
  return null; // nothing to compare with
};
/* The changed ones among `list` that are not between the same rows in `view`. */
const unfitOf = (list, changed, view) => {
  const places = new Map(view.map((id, place) => [id, place]));
  let before = -1;
  return list.filter((id, index) => {
    const place = places.get(id) ?? -1;
    const next = list.slice(index + 1).find((other) => !changed.has(other) && places.has(other));
    const fits = place > before && place < (places.get(next) ?? Infinity);
    if (fits || (!changed.has(id) && place > before)) before = place;
    return changed.has(id) && !fits;
  });
};
/* Marks those of the rows `ids` that do not fit; which these are. */
const checkFit = async (ids) => {
  const wanted = new Set(ids);
  const unfit = [];
  const pages = isNarrowed() ? [...document.querySelectorAll('#grid tbody.rows')].filter((page) => [...page.rows].some(({ id }) => wanted.has(id))) : [];
  for (const page of pages) {
    const list = [...page.rows].filter((row) => !row.matches('.gone')).map(({ id }) => id);
    const changed = new Set(list.filter((id) => wanted.has(id) || rowOf({ id }).matches('.unfit')));
    const view = list.length ? await readView(list, changed).catch(() => null) : null;
    if (!view || !page.isConnected) continue;
    const found = new Set(unfitOf(list, changed, view));
    for (const id of changed) mark(rowOf({ id }), found.has(id));
    unfit.push(...[...found].filter((id) => wanted.has(id)));
  }
  return unfit;
};
/* The same, in words for the reader; "" if all fit. */
export const findUnfit = async (ids) => {
  const unfit = await checkFit(ids);
  return unfit.length ? tellUnfit(unfit) : '';
};
const mark = (row, isUnfit) => {
  row?.classList.toggle('unfit', isUnfit);
  if (isUnfit) row.cells[0].title = tellUnfit([row.id]);
  else row?.cells[0].removeAttribute('title');
};

/* What others change, and this reader in other windows. */
const waiting = new Set();
let timer = 0;
const check = async () => {
  const ids = [...waiting];
  waiting.clear();
  await checkFit(ids);
  timer = 0;
  if (waiting.size) later();
};
const later = () => { timer ||= setTimeout(check, PAUSE * (1 + 2 * Math.random())); };
export const takeNews = (rows) => {
  for (const row of rows) waiting.add(`r${row}`);
  later();
};
