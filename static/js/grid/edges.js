/* Where Ctrl and an arrow lead: to the last filled cell of a run, else to the next filled one, else to the edge of the table.
   Rows that are not on the page are asked for: the first empty, or the first filled, cell of the column. */
import { $, at, cellOf, columnOf, continueFrom, grid, hasMore, load, orderOf, rows, textOf } from './rows.js';

/* `down` and `right` are -1, 0 or 1; the cell, or a promise of it. `isWhole`: the corner of the table. */
export const edgeOf = (cell, down, right, isWhole = false) => {
  if (right) {
    const [head, ...others] = cell.parentElement.cells;
    const end = others.includes(cell) ? runEnd(others, cell, right) : others[0];
    return right < 0 && (cell === head || end === cell) ? head : end;
  }
  const column = columnOf(cell.cellIndex);
  if (isWhole || !column) return corner(down, isWhole ? (down > 0 ? -1 : 0) : cell.cellIndex);
  const list = rows().map((row) => row.cells[cell.cellIndex]);
  if (!list.includes(cell)) return down > 0 ? list[0] : cell;
  const end = runEnd(list, cell, down);
  const isLoadedEdge = end === list.at(down > 0 ? -1 : 0);
  if (!isLoadedEdge || !hasMore(down > 0 ? 'further' : 'earlier')) return end === cell && down < 0 ? grid().rows[0].cells[cell.cellIndex] : end;
  return seek(column, down, cell, end, list);
};

const isRun = (list, cell, step) => {
  const next = list[list.indexOf(cell) + step];
  return Boolean(textOf(cell) && (!next || textOf(next)));
};
const runEnd = (list, cell, step) => {
  let place = list.indexOf(cell);
  if (!list[place + step]) return cell;
  const run = isRun(list, cell, step);
  do place += step; while (list[place + step] && (run ? textOf(list[place + step]) : !textOf(list[place])));
  return list[place];
};

const seek = async (column, down, cell, end, list) => {
  const index = cell.cellIndex;
  const page = end.closest('tbody');
  const url = down > 0 ? page.dataset.after : page.dataset.before;
  const beside = end === cell ? (await first(url, down))?.cells[index] : null; // not on the page, but tells whether a run goes on
  const run = beside ? Boolean(textOf(cell) && textOf(beside)) : isRun(list, cell, down);
  if (!run && end !== cell && textOf(end)) return end;
  const found = await first(`${url}&f.${column}=${run ? 'empty' : 'filled'}`, down);
  if (!found) return corner(down, index);
  continueFrom(orderOf(end.parentElement), down);
  if (!run) {
    await load(at(found.id));
    return cellOf({ id: found.id, column });
  }
  /* The row before the empty one: the page that ends, or begins, beside it. */
  const side = down > 0 ? 'before' : 'after';
  const cursor = new URL(found.closest('tbody').dataset[side], location.href).searchParams.get(side);
  const address = new URL(grid().dataset.first, location.href);
  address.searchParams.set(side, cursor);
  await load(address.pathname + address.search, `innerHTML scroll:${down > 0 ? 'bottom' : 'top'}`);
  return rows().at(down > 0 ? -1 : 0)?.cells[index];
};
/* The first row of an answer that may come in parts, from below if `down` is -1. */
const first = async (url, down) => {
  for (let next = url; next;) {
    const part = await fetchRows(next);
    const list = part.querySelectorAll('tbody.rows > tr');
    if (list.length) return list[down > 0 ? 0 : list.length - 1];
    next = $(down > 0 ? '.further' : '.earlier', part)?.getAttribute('hx-get');
  }
  return null;
};
export const fetchRows = async (url) => {
  const answer = await fetch(url, { headers: { 'HX-Request-Type': 'partial' } });
  if (!answer.ok) throw new Error(answer.status);
  const part = document.createElement('template'); // nothing in it is loaded or run
  part.innerHTML = await answer.text();
  return part.content;
};

const corner = async (down, index) => {
  if (hasMore(down > 0 ? 'further' : 'earlier')) await (down > 0 ? load(grid().dataset.last, 'innerHTML scroll:bottom') : load(grid().dataset.first));
  return rows().at(down > 0 ? -1 : 0)?.cells[index < 0 ? grid().rows[0].cells.length - 1 : index];
};
