/* What was searched for, marked in the cells: ranges of text, so that no cell changes. Browsers without them show no marks. */
import { grid, on } from './rows.js';

const marks = globalThis.CSS?.highlights && new Highlight();
const ranges = new Map(); // by page of rows: they would keep one in memory that has left the document

const mark = () => {
  for (const [page, found] of ranges) {
    if (page.isConnected) continue;
    for (const range of found) marks.delete(range);
    ranges.delete(page);
  }
  const terms = JSON.parse(grid()?.dataset.terms || '[]').map((term) => term.toLowerCase());
  if (!terms.length) return;
  for (const page of grid().querySelectorAll('tbody.rows')) {
    if (ranges.has(page)) continue;
    const found = [];
    ranges.set(page, found);
    const texts = document.createTreeWalker(page, NodeFilter.SHOW_TEXT);
    for (let text = texts.nextNode(); text; text = texts.nextNode()) if (!text.parentElement.closest('th')) found.push(...rangesIn(text, terms));
    for (const range of found) marks.add(range);
  }
};
const rangesIn = (node, terms) => {
  const text = node.data.toLowerCase();
  const found = [];
  if (text.length !== node.data.length) return found; // places differ: some letters have a longer small form
  for (const term of terms) {
    for (let at = text.indexOf(term); at >= 0; at = text.indexOf(term, at + term.length)) {
      found.push(new StaticRange({ startContainer: node, startOffset: at, endContainer: node, endOffset: at + term.length }));
    }
  }
  return found;
};
if (marks) {
  CSS.highlights.set('found', marks);
  on('htmx:after:swap', mark);
  on('grid:trim', mark);
  mark();
}
