/* Whole blocks of cells: pasting, cutting, emptying and filling. One request each, and one change that undo takes back. */
import { $, cellAt, cellOf, columnOf, emit, grid, hasMore, number, on, placeOf, rowOf, rows, textOf } from '../rows.js';
import { activeCell } from '../active.js';
import { copySelection, LIMIT, rowsFrom } from '../copy.js';
import { fetchRows } from '../edges.js';
import { span } from '../selection.js';
import { alarm, base, button, findUnfit, isExact, make, mayEdit, paint, readCell, tell } from './cells.js';
import { save } from './editor.js';
import { pin, unpin } from './layer.js';
import * as problems from './problems.js';
import { send } from './saves.js';

/* The selection, or the active cell. */
const target = () => {
  const cell = activeCell();
  if (span() || !cellAt(cell)) return span();
  const corner = { ...placeOf(cell), page: cell.closest('tbody') };
  return { first: corner, last: corner, left: cell.cellIndex, right: cell.cellIndex };
};
const isOne = ({ first, last, left, right }) => first.id === last.id && left === right;
/* Its rows, and those that follow until there are as many as are needed; `height` counts those of the selection. */
const collect = async (found, needed = 0) => {
  const most = LIMIT / (found.right - found.left + 1);
  let height = 0;
  const isEnough = (row, count) => {
    if (!found.isAll && row.id === found.last.id) height = count;
    return count > most || (!found.isAll && height > 0 && count >= needed);
  };
  const list = await rowsFrom(found.isAll ? { page: await firstPage() } : found.first, isEnough);
  if (list.length > most) throw new Error(`One action can change ${number(LIMIT)} cells. Nothing was changed.`);
  if (!found.isAll && !height) throw new Error('A row of the selection is not there any more. Select again.');
  return { ...found, list, height: height || list.length };
};
const firstPage = async () => {
  const url = new URL($('tbody.rows', grid()).dataset.after, location.href);
  url.searchParams.delete('after');
  return $('.rows', await fetchRows(url.pathname + url.search));
};
const widthOf = ({ left, right }) => right - left + 1;
const idOf = (row) => Number(row.id.slice(1));

/* `content`: {text} of a clipboard, or {values}, rows of texts. `width`: how many columns it may reach. */
const put = async ({ list, height, left, right }, content, width = right - left + 1) => {
  const indexes = [...grid().rows[0].cells].slice(left).map((_, index) => left + index);
  const cellsOf = (row) => indexes.slice(0, width).map((index) => row.cells[index]);
  const seen = list.map((row) => cellsOf(row).map(textOf).map((text) => (isExact(text) ? text : null)));
  const body = { ...content, rows: list.map(idOf), columns: indexes.map(columnOf), height, width: right - left + 1, seen };
  const cells = () => list.slice(0, 1_000).filter((row) => row.isConnected).flatMap((row) => indexes.slice(0, width).map((index) => rowOf(row)?.cells[index]));
  tell('Saving\u2026');
  const here = base();
  const answer = await send('paste', body, { cells });
  if (!mayEdit() || base() !== here) return null; // another table is shown
  if (!answer.needs_rows) return take(answer);
  if (await ask(...moreRows(answer.needs_rows))) return take(await send('paste', { ...body, add_rows: true }));
  return tell('Nothing was pasted.');
};
const isPlain = () => 'byId' in grid().dataset; // the table as it is: no search, filter or order
const moreRows = (count) => [
  count === 1 ? 'Add 1 row?' : `Add ${number(count)} rows?`,
  isPlain() ? 'What you paste is longer than the table.' : 'What you paste is longer than this view. The new rows come behind the last row of the table, where this view may not show them.',
  count === 1 ? 'Add it and paste' : 'Add them and paste'];
const take = (answer) => {
  emit('edit:done', answer);
  for (const [row, column, text, shown] of answer.saved) if (rowOf({ id: `r${row}` })) paint({ id: `r${row}`, column }, shown ?? text);
  tell(answer.message);
  problems.add([...answer.conflicts, ...answer.refused].map((item) => withPlace(item)));
  for (const item of answer.conflicts) if (item.current !== null) paint({ id: `r${item.row}`, column: item.column }, item.shown);
  if (answer.added.length && isPlain()) return emit('edit:added', answer.added);
  const message = `${answer.message}${answer.added.length ? '. The new rows are behind the last row of the table' : ''}`;
  if (answer.added.length) tell(`${message}.`);
  return markUnfit({ ...answer, message });
};
const markUnfit = async ({ saved, message }) => {
  const unfit = await findUnfit(saved.map(([row]) => `r${row}`));
  if (unfit) tell(`${message}. ${unfit}`);
};
const withPlace = (item) => {
  const place = { id: `r${item.row}`, column: item.column };
  const cell = rowOf(place) && cellOf(place);
  return { ...(cell && { shown: textOf(cell) }), ...item, place };
};
/* Problems are told; nothing of the block was saved then. */
const attempt = async (act) => {
  try { await act(); } catch (error) { tell(error.message); alarm(error.message); }
};

/* Whether somebody agrees. One question at a time: another one takes its place as if it were denied. */
let deny = () => {};
const ask = (question, text, yes) => new Promise((resolve) => {
  deny();
  const answer = (isAgreed) => {
    unpin(card);
    deny = () => {};
    activeCell()?.focus();
    resolve(isAgreed);
  };
  deny = () => answer(false);
  const card = make('section', { className: 'edit-card', role: 'alertdialog', tabIndex: -1, ariaLabel: question },
    make('p', {}, `${question} ${text}`),
    make('div', { className: 'actions' }, button(yes, () => answer(true), true), button('Cancel', deny)));
  card.onkeydown = (event) => { if (event.key === 'Escape') { event.stopPropagation(); deny(); } };
  pin(card, null);
  card.querySelector('button').focus();
});
/* Nobody changes rows that they do not see without having been asked: `question` without the number of rows. */
const mayReach = async (list, question, verb) => {
  const unseen = list.filter((row) => !rowOf(row)).length;
  if (!unseen) return true;
  const text = `${unseen === 1 ? '1 of these rows is' : `${number(unseen)} of these rows are`} not on this page.`;
  if (await ask(`${question} ${number(list.length)} rows?`, text, verb)) return true;
  tell('Nothing was changed.');
  return false;
};
const putSeen = async (verb, placed, content) => {
  const cells = number(placed.list.length * widthOf(placed));
  if (await mayReach(placed.list, `${verb} ${cells} cells in`, verb)) await put(placed, content);
};

export const pasteText = (text) => attempt(async () => {
  const found = target();
  if (!found) return;
  if (!text) throw new Error('There is no text to paste.');
  const lines = text.split(/\r\n|\r|\n/); // at least as many as there are rows: breaks in quotation marks count as well
  if (lines.length > 1 && !lines.at(-1)) lines.pop();
  const across = text.includes('"') ? text.split('\t').length : lines.reduce((most, line) => Math.max(most, line.split('\t').length), 1);
  if (lines.length > LIMIT) throw new Error(`One action can change ${number(LIMIT)} cells. Nothing was pasted.`);
  const placed = await collect(found, lines.length);
  const reached = placed.height % lines.length ? lines.length : Math.max(placed.height, lines.length);
  if (await mayReach(placed.list.slice(0, reached), 'Paste into', 'Paste')) await put(placed, { text }, Math.max(across, widthOf(found)));
});
export const fill = (text) => attempt(async () => {
  const found = target();
  if (found && isOne(found)) saveOne(activeCell(), text);
  else if (found) await putSeen(text ? 'Fill' : 'Empty', await collect(found), { values: [[text]] });
});
const saveOne = (cell, text) => {
  const shown = textOf(cell);
  if (shown !== text) save({ place: placeOf(cell), seen: isExact(shown) ? shown : undefined, shown, text });
};
const exactOf = async (cell) => {
  const shown = textOf(cell);
  const text = isExact(shown) ? shown : await readCell(placeOf(cell));
  if (text === null) throw new Error('A cell is too long to be copied here. Nothing was changed.');
  return text;
};
const exactTexts = async (cells) => {
  const texts = [];
  for (const cell of cells) texts.push(await exactOf(cell)); // one after the other: few are cut
  return texts;
};
/* From the first row, or of one row from the one above. */
const fillDown = () => attempt(async () => {
  const found = target() && await collect(target());
  if (!found) return;
  const [first] = found.list;
  const [above, list] = found.height > 1 ? [first, found.list.slice(1)] : [rows()[rows().indexOf(first) - 1], found.list];
  if (!above && hasMore('earlier')) throw new Error('The row above is not on this page. Scroll up, then fill.');
  if (!above) return;
  const values = [await exactTexts([...above.cells].slice(found.left, found.right + 1))];
  await putSeen('Fill', { ...found, list, height: list.length }, { values });
});
const fillRight = () => attempt(async () => {
  const found = target() && await collect(target());
  if (!found) return;
  const from = found.right > found.left ? found.left : found.left - 1;
  if (from < 1) return;
  const texts = await exactTexts(found.list.map((row) => row.cells[from]));
  const left = from + 1;
  await putSeen('Fill', { ...found, left }, { values: texts.map((text) => Array(found.right - left + 1).fill(text)) });
});

/* What is cut must be on the clipboard in whole. */
export const cut = (event) => attempt(async () => {
  const found = target();
  event?.preventDefault();
  const isWhole = (row) => [...row.cells].slice(found.left, found.right + 1).every((cell) => !textOf(cell).endsWith('\u2026'));
  const isHere = found && !found.isAll && rowOf(found.first) && rowOf(found.last);
  const list = isHere ? (await collect(found)).list : [];
  if (!list.length || !list.every(isWhole)) throw new Error('This is too long to be cut. Copy it, and empty the cells with Delete.');
  if (await copySelection(event)) fill('');
});
on('paste', (event) => {
  if (!mayEdit() || !cellAt(document.activeElement)) return;
  event.preventDefault();
  pasteText(event.clipboardData.getData('text/plain'));
});
on('cut', (event) => {
  if (!mayEdit() || !cellAt(document.activeElement)) return;
  cut(event);
});
on('edit:fill', ({ detail: text }) => fill(text));
on('keydown', (event) => {
  if (!mayEdit() || !cellAt(event.target) || event.defaultPrevented) return;
  const act = (what) => { event.preventDefault(); event.stopImmediatePropagation(); what(); };
  const isCommand = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
  if (event.key === 'Delete' || event.key === 'Backspace') act(() => fill(''));
  else if (isCommand && event.key.toLowerCase() === 'd') act(fillDown);
  else if (isCommand && event.key.toLowerCase() === 'r') act(fillRight);
}, true);
/* The rows of the selection, or none if somebody does not want to `verb` those that are not on the page. */
export const collectRows = async (verb) => {
  const { list } = target() ? await collect(target()) : { list: [] };
  return await mayReach(list, verb, verb) ? list.map(idOf) : [];
};
