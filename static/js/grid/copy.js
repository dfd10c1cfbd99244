/* The selection on the clipboard, as TSV and HTML. Rows that are not on the page are read first: page by page, or the whole view
   as its export. */
import { $, cellAt, grid, number, on, say, textOf, UNREAD } from './rows.js';
import { fetchRows } from './edges.js';
import { describe, span, textsOf } from './selection.js';

export const LIMIT = 100_000; // cells that are read
const MAX_BYTES = 20_000_000;
const TOO_MANY = `The selection has more than ${number(LIMIT)} cells: export it instead`;
let read = null; // what was read of the selection: rows of texts
let ready = null; // what waits for the browser's own key
let reading = 0; // counts what was begun, so that what is no longer wanted ends

const readSelection = async () => {
  const found = span();
  const mine = reading += 1;
  try {
    const texts = await (found.isAll ? readView(found) : readPages(found, () => mine === reading));
    if (mine !== reading) return null;
    if (!texts) say(TOO_MANY);
    return read = texts;
  } catch {
    if (mine === reading) say(UNREAD);
    return null;
  }
};
const readPages = async ({ first, last, left, right }, isWanted) => {
  const width = right - left + 1;
  const isTooMany = (count) => count * width > LIMIT;
  const list = await rowsFrom(first, (row) => row.id === last.id, (count) => {
    if (isTooMany(count) || !isWanted()) return false;
    say(`Reading rows: ${number(count)} so far\u2026`);
    return true;
  });
  if (list.at(-1)?.id === last.id) return list.map((row) => [...row.cells].slice(left, right + 1).map(textOf));
  if (isTooMany(list.length)) return null;
  throw new Error('The last row is gone.');
};
/* The rows from a corner of a selection on, also those that are not on the page, until one is the last; `goesOn` is asked
   after each page. */
export const rowsFrom = async ({ page: start, id }, isLast, goesOn = () => true) => {
  const found = [];
  for (let page = start; page;) {
    const list = [...page.rows];
    const begin = found.length || !id ? 0 : list.findIndex((row) => row.id === id);
    if (begin < 0) throw new Error('The first row is gone.');
    for (const row of list.slice(begin)) {
      found.push(row);
      if (isLast(row, found.length)) return found;
    }
    if (!goesOn(found.length)) return found;
    page = await nextPage(page);
  }
  return found;
};
const nextPage = async (page) => {
  if (page.isConnected && page.nextElementSibling?.matches('.rows')) return page.nextElementSibling;
  for (let url = page.dataset.after; url?.includes('after=');) {
    const part = await fetchRows(url);
    if ($('.rows', part)) return $('.rows', part);
    url = $('.further', part)?.getAttribute('hx-get');
  }
  return null;
};
const readView = async ({ left, right }) => {
  if (!grid().dataset.export) throw new Error('Nobody may read them all.');
  say('Reading all rows of the view\u2026');
  const answer = await fetch(grid().dataset.export);
  if (!answer.ok) throw new Error(answer.status);
  const text = await readText(answer);
  const found = text === null ? null : parseCsv(text).slice(1);
  return found && found.length * found[0].length <= LIMIT ? found.map((row) => row.slice(left - 1, right)) : null;
};
const readText = async (answer) => {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    text += part.value;
    if (text.length > MAX_BYTES) { reader.cancel(); return null; }
  }
  return text;
};
const parseCsv = (text) => {
  const found = [[]];
  const piece = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|$)/gy;
  for (let match = piece.exec(text); match; match = piece.exec(text)) {
    found.at(-1).push(match[1]?.replaceAll('""', '"') ?? match[2]);
    if (match[3] === '\r\n') found.push([]);
    if (!match[3] || piece.lastIndex === text.length) break;
  }
  return found.filter((row) => row.length);
};

on('grid:active', () => { ready = null; });
on('grid:selection', () => { read = ready = null; reading += 1; $('#copy')?.toggleAttribute('hidden', !span()); });
on('grid:all', async () => {
  const texts = await readSelection();
  if (texts) say(`All ${number(texts.length)} rows of the view are selected. ${await describe(texts, span()?.left ?? 1)}`);
});

const quote = (text) => (/[\t\n\r"]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
const escape = (text) => text.replace(/[&<>]/g, (letter) => `&#${letter.charCodeAt(0)};`);
const titlesOf = (left, right) => [...grid().rows[0].cells].slice(left, right + 1).map((head) => $('.sort', head).title);
const asText = (texts) => texts.map((row) => row.map(quote).join('\t')).join('\n');
const asHtml = (texts) => `<table>${texts.map((row) => `<tr>${row.map((cell) => `<td>${escape(cell)}</td>`).join('')}</tr>`).join('')}</table>`;
const cells = (texts) => { const count = texts.flat().length; return `${number(count)} ${count === 1 ? 'cell' : 'cells'}`; };
/* Only an export has long cells as a whole; pages of rows have what the grid shows. */
const tell = (texts) => {
  const cut = span()?.isAll ? 0 : texts.flat().filter((cell) => cell.length > 100 && cell.endsWith('\u2026')).length;
  say(`Copied ${cells(texts)}${cut ? `; ${number(cut)} of them only as far as shown` : ''}`);
};

/* Whether it is on the clipboard then; without the browser's event by its interface. */
export const copySelection = (event) => {
  if (!getSelection().isCollapsed || !document.activeElement?.closest('#grid')) return false;
  const found = span();
  const cell = cellAt(document.activeElement);
  if (!found && !cell) return false;
  event?.preventDefault();
  const isBlock = Boolean(found || ready);
  const texts = ready ?? (found ? read ?? textsOf(found) : [[textOf(cell)]]);
  if (!texts || !event) return copyByClipboard(false);
  event.clipboardData.setData('text/plain', isBlock ? asText(texts) : texts[0][0]);
  if (!isBlock) return true;
  event.clipboardData.setData('text/html', asHtml(texts));
  tell(texts);
  ready = null;
  return true;
};
on('copy', copySelection);
/* Where the browser gives no event: after reading rows, with titles, by the button. */
const copyByClipboard = async (withTitles) => {
  const cell = cellAt(document.activeElement);
  const found = span() ?? { left: cell.cellIndex, right: cell.cellIndex };
  const texts = found.first ? read ?? textsOf(found) ?? await readSelection() : [[textOf(cell)]];
  if (!texts) return false;
  const all = withTitles ? [titlesOf(found.left, found.right), ...texts] : texts;
  try {
    await navigator.clipboard.write([new ClipboardItem({ 'text/plain': new Blob([asText(all)], { type: 'text/plain' }), 'text/html': new Blob([asHtml(all)], { type: 'text/html' }) })]);
    tell(all);
    return true;
  } catch { // no secure connection, or refused: the browser's own key may
    ready = all;
    say(`Press Ctrl+C to copy ${cells(all)}`);
    return false;
  }
};
on('keydown', (event) => {
  if (!event.shiftKey || !(event.ctrlKey || event.metaKey) || event.code !== 'KeyC' || !cellAt(event.target)) return;
  event.preventDefault();
  copyByClipboard(true);
});
on('click', ({ target }) => { if (target.closest('#copy')) copyByClipboard(false); });
