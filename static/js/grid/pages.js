/* Endless rows at both ends: those added above do not move the visible ones, and distant pages leave the document and are
   loaded again when they are scrolled to. */
import { box, emit, firstVisible, on } from './rows.js';

const MAX_PAGES = 14; // pages of rows kept in the document

let anchor = null;
on('htmx:before:swap', ({ detail: { ctx } }) => {
  anchor = null;
  const row = ctx.target?.matches?.('tbody.more') && firstVisible();
  if (row) anchor = { row, top: row.getBoundingClientRect().top };
});
on('htmx:after:swap', ({ detail: { ctx } }) => {
  if (ctx.sourceElement?.closest?.('#grid') && anchor?.row.isConnected) trim();
  anchor = null;
});
const restoreScroll = () => {
  box().scrollTop += anchor.row.getBoundingClientRect().top - anchor.top;
};
const trim = () => {
  restoreScroll();
  const pages = [...document.querySelectorAll('#grid tbody.rows')];
  const index = pages.indexOf(anchor.row.parentElement);
  const excess = pages.length - MAX_PAGES;
  if (excess <= 0) return;
  if (index > pages.length / 2) removePages(pages.slice(0, excess), pages[excess], 'earlier');
  else removePages(pages.slice(-excess), pages.at(-excess - 1), 'further');
  emit('grid:trim');
  restoreScroll();
};
const removePages = (pages, edge, kind) => {
  const isEarlier = kind === 'earlier';
  const old = isEarlier ? pages[0].previousElementSibling : pages.at(-1).nextElementSibling;
  if (old?.matches('tbody.more')) old.remove();
  for (const page of pages) page.remove();
  const more = loader(kind, isEarlier ? edge.dataset.before : edge.dataset.after, edge.rows[0].cells.length);
  if (isEarlier) edge.before(more);
  else edge.after(more);
  htmx.process(more);
};
const loader = (kind, url, span) => {
  const body = document.createElement('tbody');
  const cell = body.insertRow().insertCell();
  const link = document.createElement('a');
  body.className = 'more';
  cell.colSpan = span;
  cell.append(link);
  link.className = kind;
  link.tabIndex = -1; // as those that came with the page
  link.textContent = kind === 'earlier' ? 'Earlier rows' : 'Further rows';
  link.href = url.replace('/rows?', '?');
  const attributes = { 'hx-get': url, 'hx-trigger': 'intersect root:#grid rootMargin:400px once, click', 'hx-target': 'closest tbody', 'hx-swap': 'outerHTML', 'hx-sync': 'this:drop' };
  for (const [name, value] of Object.entries(attributes)) link.setAttribute(name, value);
  return body;
};
