/* The panel beside the grid. */
import { $, on } from './rows.js';

/* The panel. Closing it restores the table's URL without requesting the rows again. */
let opener = null;
let closings = 0;
on('click', (event) => {
  const close = event.target.closest('[data-close-panel]');
  const panel = $('#panel');
  if (!close || !panel) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  panel.replaceChildren();
  closings += 1;
  history.pushState({ htmx: true }, '', close.href);
  document.title = `${$('#main h1').textContent} · Rowcast`;
  markOpenRow();
  (opener?.isConnected ? opener : $('#grid [tabindex="0"]'))?.focus();
}, true);
on('htmx:before:request', ({ detail: { ctx } }) => {
  ctx.closings = closings;
  if (ctx.target?.id === 'panel' && !ctx.sourceElement.closest('#panel')) opener = document.activeElement;
});

on('htmx:before:swap', (event) => { // closed in the meantime; what was typed and refused comes back nevertheless
  const { target, request, closings: before = 0 } = event.detail.ctx;
  if (target?.id === 'panel' && request?.method === 'GET' && before !== closings) event.preventDefault();
});
const refresh = (panel) => htmx.ajax('GET', panel.dataset.path + location.search, { target: panel, swap: 'innerMorph', push: 'false', isRefresh: true });
let refreshTimer = 0;
on('htmx:after:swap', ({ detail: { ctx } }) => {
  const panel = $('#panel');
  if (!panel) return;
  if (ctx.target === panel) {
    panel.dataset.path = new URL(ctx.response.raw.url || ctx.request.action, location.href).pathname;
    markOpenRow();
  } else if (ctx.target?.id === 'grid' && $('form#type-change', panel)) {
    /* Finding the types would read the whole column again: only what leads back depends on what the table shows. */
    for (const link of panel.querySelectorAll('a')) link.search = location.search;
  } else if (ctx.target?.id === 'grid' && panel.childElementCount) {
    /* The panel's controls depend on what the table shows. */
    clearTimeout(refreshTimer);
    refreshTimer = setTimeout(() => {
      if (panel.isConnected && panel.childElementCount) refresh(panel);
    }, ctx.sourceElement?.closest?.('#panel') ? 0 : 250);
    markOpenRow();
  }
});
/* Figures are of all rows: they are not worked out again with each change, but it says that they are old. */
on('rowcast:change', () => { const note = $('#panel [data-old-figures]'); if (note) note.hidden = false; });
on('click', ({ target }) => {
  if (!target.closest('#panel [data-again]')) return;
  $('#panel h2').focus(); // the button goes
  refresh($('#panel'));
});
const markOpenRow = () => {
  const number = $('#panel')?.childElementCount && /\/rows\/(\d+)$/.exec($('#panel').dataset.path)?.[1];
  $('#grid tr.open')?.classList.remove('open');
  if (number) document.getElementById(`r${number}`)?.classList.add('open');
};
