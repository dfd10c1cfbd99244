/* The table page: endless rows at both ends, sorting by a second column, the panel beside the grid. */
(() => {
  const $ = (selector, from = document) => from.querySelector(selector);
  const on = (name, listener, capture = false) => document.addEventListener(name, listener, capture);
  const MAX_PAGES = 14; // pages of rows kept in the document

  /* Rows added above must not move the visible ones; distant pages are removed and reloaded when scrolled to. */
  let anchor = null;
  on('htmx:before:swap', (event) => {
    const { ctx } = event.detail;
    if (ctx.isRefresh && !$('#panel')?.childElementCount) event.preventDefault(); // closed in the meantime
    anchor = null;
    const row = ctx.target?.matches?.('tbody.more') && firstVisibleRow();
    if (row) anchor = { row, top: row.getBoundingClientRect().top };
  });
  on('htmx:after:swap', ({ detail: { ctx } }) => {
    if (ctx.sourceElement?.closest?.('#grid') && anchor?.row.isConnected) trim();
    anchor = null;
  });
  const restoreScroll = () => {
    $('#grid').scrollTop += anchor.row.getBoundingClientRect().top - anchor.top;
  };
  const firstVisibleRow = () => {
    const edge = $('#grid').getBoundingClientRect().top + 40;
    return [...document.querySelectorAll('#grid tbody.rows > tr')].find((row) => row.getBoundingClientRect().bottom > edge);
  };
  const trim = () => {
    restoreScroll();
    const pages = [...document.querySelectorAll('#grid tbody.rows')];
    const index = pages.indexOf(anchor.row.parentElement);
    const excess = pages.length - MAX_PAGES;
    if (excess <= 0) return;
    if (index > pages.length / 2) removePages(pages.slice(0, excess), pages[excess], 'earlier');
    else removePages(pages.slice(-excess), pages.at(-excess - 1), 'further');
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
    link.textContent = kind === 'earlier' ? 'Earlier rows' : 'Further rows';
    link.href = url.replace('/rows?', '?');
    const attributes = { 'hx-get': url, 'hx-trigger': 'intersect root:#grid rootMargin:400px once, click', 'hx-target': 'closest tbody', 'hx-swap': 'outerHTML', 'hx-sync': 'this:drop' };
    for (const [name, value] of Object.entries(attributes)) link.setAttribute(name, value);
    return body;
  };

  /* Use the URL as the server writes it: no empty search parameter, colons not escaped. */
  on('htmx:config:request', ({ detail: { ctx } }) => {
    if (ctx.sourceElement.id === 'search' && !ctx.request.body.get('q')) ctx.request.body.delete('q');
  });
  on('htmx:after:swap', ({ detail: { ctx } }) => {
    const url = ctx.target?.id === 'grid' && $('#toolbar')?.dataset.url;
    if (url && url !== location.pathname + location.search) history.replaceState({ htmx: true }, '', url);
  });

  /* Shift adds a column to the sort instead of replacing it; a bar of a column's histogram is a link inside SVG, which
     htmx leaves alone. Both load other rows into the same grid. */
  const show = (source, url) => htmx.ajax('GET', url, { source, target: '#grid', swap: 'innerHTML scroll:top', push: 'true' });
  on('click', (event) => {
    const added = event.shiftKey && event.target.closest('a[data-add]');
    const bar = !event.shiftKey && !event.ctrlKey && !event.metaKey && event.target.closest('#panel .histogram a');
    if (!added && !bar) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    getSelection()?.removeAllRanges();
    if (added) show(added, added.dataset.add);
    else show($('#panel'), bar.getAttribute('href'));
  }, true);

  /* The panel. Closing it restores the table's URL without requesting the rows again. */
  let opener = null;
  on('click', (event) => {
    const close = event.target.closest('[data-close-panel]');
    const panel = $('#panel');
    if (!close || !panel) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    panel.replaceChildren();
    history.pushState({ htmx: true }, '', close.href);
    document.title = `${$('#main h1').textContent} · Rowcast`;
    markOpenRow();
    (opener?.isConnected ? opener : $('#grid [tabindex="0"]'))?.focus();
  }, true);
  on('htmx:before:request', ({ detail: { ctx } }) => {
    if (ctx.target?.id === 'panel' && !ctx.sourceElement.closest('#panel')) opener = document.activeElement;
  });

  let refreshTimer = 0;
  on('htmx:after:swap', ({ detail: { ctx } }) => {
    const panel = $('#panel');
    if (!panel) return;
    if (ctx.target === panel) {
      panel.dataset.path = new URL(ctx.response.raw.url || ctx.request.action, location.href).pathname;
      markOpenRow();
    } else if (ctx.target?.id === 'grid' && panel.childElementCount) {
      /* The panel's controls depend on what the table shows. */
      clearTimeout(refreshTimer);
      refreshTimer = setTimeout(() => {
        if (panel.isConnected && panel.childElementCount) htmx.ajax('GET', panel.dataset.path + location.search, { target: panel, swap: 'innerMorph', push: 'false', isRefresh: true });
      }, 250);
      markOpenRow();
    }
  });
  const markOpenRow = () => {
    const number = $('#panel')?.childElementCount && /\/rows\/(\d+)$/.exec($('#panel').dataset.path)?.[1];
    $('#grid tr.open')?.classList.remove('open');
    if (number) document.getElementById(`r${number}`)?.classList.add('open');
  };
})();
