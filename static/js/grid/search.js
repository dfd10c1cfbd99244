/* The search field, and what else shows other rows in the same grid. */
import { $, isNarrowed, on } from './rows.js';

/* Use the URL as the server writes it: no empty search parameter, colons not escaped. */
on('htmx:config:request', ({ detail: { ctx } }) => {
  if (ctx.sourceElement.id !== 'search') return;
  if (!ctx.request.body.get('q')) ctx.request.body.delete('q');
  /* Going back undoes a search as a whole: its first letter makes an entry of the history, the others change that. */
  if (!isTyping) [ctx.push, ctx.replace] = ['true', null];
  isTyping = true;
});
let isTyping = false;
on('change', ({ target }) => { if (target.id === 'q') isTyping = false; });
on('htmx:after:swap', ({ detail: { ctx } }) => { if (ctx.sourceElement?.id !== 'search' && ['grid', 'main'].includes(ctx.target?.id)) isTyping = false; });
on('htmx:after:swap', ({ detail: { ctx } }) => {
  const url = ctx.target?.id === 'grid' && $('#toolbar')?.dataset.url;
  if (url && url !== location.pathname + location.search) history.replaceState({ htmx: true }, '', url);
});

/* Shift adds a column to the sort instead of replacing it; a bar of a column's histogram is a link inside SVG, which
   htmx leaves alone. Both load other rows into the same grid. */
const show = (source, url) => htmx.ajax('GET', url, { source, target: '#grid', swap: 'innerHTML scroll:top', push: 'true' });
on('click', (event) => {
  const added = event.shiftKey && event.target.closest('#grid a.sort');
  const bar = !event.shiftKey && !event.ctrlKey && !event.metaKey && event.target.closest('#panel .histogram a');
  if (!added && !bar) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  getSelection()?.removeAllRanges();
  if (added) show(added, added.dataset.add ?? added.getAttribute('href'));
  else show($('#panel'), bar.getAttribute('href'));
}, true);

/* The menu of filters has the links of the titles, up to so many; whatever swaps the toolbar empties it. */
const MOST = 100;
const note = (text) => Object.assign(document.createElement('p'), { className: 'menu-note', textContent: text });
const fill = () => {
  if (!$('#filter-by')?.open || !$('#grid > .grid')) return; // of groups the server lists them
  const list = $('#filter-by > .menu-list');
  const heads = [...document.querySelectorAll('#grid thead th:not(.row-number)')];
  const items = heads.slice(0, MOST).map((head) => {
    const item = Object.assign(document.createElement('a'), { className: 'menu-item', href: $('.column-menu', head).getAttribute('href') });
    item.append($('.sort > .i', head).cloneNode(true), $('.sort > span', head).cloneNode(true));
    return item;
  });
  list.replaceChildren(note('Filter by'), ...items);
  if (heads.length > MOST) list.append(note('The other columns have their filters in their headers.'));
  htmx.process(list);
};
on('toggle', ({ target }) => { if (target.id === 'filter-by') fill(); }, true);
on('htmx:after:swap', fill);

/* What marks the terms in the cells, and rows that were changed and do not fit any more, is loaded with the first of them. */
const mark = () => { if (JSON.parse($('#grid > .grid')?.dataset.terms || '[]').length) import('./found.js'); };
on('htmx:after:swap', mark);
mark();
on('rowcast:rows', async ({ detail: { rows, own } }) => {
  if (!own && isNarrowed()) (await import('./fit.js')).takeNews(rows);
});
