/* Behaviour of every page: what is loading, what failed, where the focus is, menus, panel, live stream. No feature needs it. */
(() => {
  const $ = (selector, from = document) => from.querySelector(selector);
  const on = (name, listener, capture = false) => document.addEventListener(name, listener, capture);
  const root = document.documentElement;
  const isStream = (element) => element?.hasAttribute?.('hx-sse:connect');

  /* A line under the header and aria-busy on what will change, for every request but the live stream. */
  const inFlight = new Map(); // to what was to change; the answer may be for something else
  on('htmx:before:request', (event) => {
    const { ctx } = event.detail;
    if (isStream(ctx.sourceElement)) return;
    if (['every', 'toggle'].includes(ctx.sourceEvent?.type)) { // asked again and again, but only while somebody sees it
      if (!isSeen(ctx.sourceElement)) event.preventDefault();
      return;
    }
    inFlight.set(ctx, ctx.target);
    if (!ctx.sourceElement.hasAttribute?.('data-drop')) root.dataset.busy = ''; // an upload has a bar of its own
    ctx.target?.setAttribute?.('aria-busy', 'true');
  });
  on('htmx:finally:request', ({ detail: { ctx } }) => {
    inFlight.get(ctx)?.removeAttribute?.('aria-busy');
    inFlight.delete(ctx);
    if (!inFlight.size) delete root.dataset.busy;
    setTimeout(restoreFocus);
  });

  /* What runs in the background for the reader: the header is not swapped. How much it is say the page, and the list, which the
     menu asks for now and then, and each second while it is open. Whoever looks at the menu sees the end before it goes. */
  const running = $('#running');
  const runs = () => $('[data-count]', running).textContent !== '0';
  const isSeen = (element) => !document.hidden && element.checkVisibility() && (element !== running || (runs() && !running.open));
  const fade = () => { running.hidden = !runs() && !running.open && !running.contains(document.activeElement); };
  if (running) {
    on('htmx:after:swap', ({ detail: { ctx } }) => {
      const { target } = ctx;
      const told = target?.matches?.('#main, .running-list') ? target : target?.matches?.('#running .menu-list') && $('.running-list', target);
      if (!told) return;
      $('[data-count]', running).textContent = told.dataset.running ?? '0';
      fade();
      /* A page may come before its work is in the queue: what waits for news shows that there is some. */
      if (!runs() && told.id === 'main' && $('[hx-trigger*="every"]', told)) running.dispatchEvent(new Event('look'));
      /* A list that came before there was anything to list does not ask again. */
      if (runs() && running.open && told.id === 'main' && !$('.running-list[hx-get]', running)) running.dispatchEvent(new Event('toggle'));
    });
    running.addEventListener('toggle', fade);
    running.addEventListener('focusout', () => setTimeout(fade));
  }

  /* Toasts. The server sends its own; these are for what it could not answer. */
  const toast = (text) => {
    for (const earlier of document.querySelectorAll('#toasts > .toast')) if ($('span', earlier).textContent === text) earlier.remove();
    const box = $('#toast').content.cloneNode(true);
    $('span', box).textContent = text;
    $('#toasts').append(box);
  };
  const isRead = (ctx) => ctx?.request?.method === 'GET'; // what else was sent may have been saved before the answer was lost
  const MAYBE_SAVED = 'What you sent may have been saved: check before you try again.';
  on('htmx:response:error', ({ detail: { ctx } }) => {
    const { status } = ctx.response;
    if (status < 500 || (status !== 502 && ctx.text?.includes('<hx-partial'))) return;
    toast(`The server could not answer (${status}). ${isRead(ctx) ? 'Nothing was changed; try again in a moment.' : MAYBE_SAVED}`);
  });
  on('htmx:response:error', ({ detail: { ctx } }) => {
    if (ctx.target?.matches?.('.waiting')) ctx.target.textContent = 'This could not be calculated now.';
  });
  on('htmx:error', ({ detail: { ctx } }) => {
    if (isStream(ctx?.sourceElement) || ctx?.sourceElement?.hasAttribute?.('data-drop')) return;
    const isTimeout = ctx?.request?.signal?.reason === 'timeout';
    toast(isTimeout
      ? `The server took too long to answer. ${isRead(ctx) ? 'Try again.' : MAYBE_SAVED}`
      : `The server cannot be reached. ${isRead(ctx) ? 'Check your connection and try again.' : `Check your connection. ${MAYBE_SAVED}`}`);
  });
  new MutationObserver((changes) => {
    for (const { addedNodes } of changes) {
      for (const node of addedNodes) {
        if (node.classList?.contains('toast') && !node.classList.contains('failed')) setTimeout(() => node.remove(), 6000);
      }
    }
  }).observe($('#toasts'), { childList: true });

  /* A page of another version of the server is loaded as a whole: its scripts beside those of this page would do everything twice. */
  const versionOf = (html) => /<script src="[^"]*\/([0-9a-f]{12})\/js\/app\.js"/.exec(html)?.[1];
  const version = versionOf(`<script src="${document.currentScript.src}"`);
  on('htmx:after:request', (event) => {
    const { ctx } = event.detail;
    const { url, redirected } = ctx.response.raw;
    if ((versionOf(ctx.text) ?? version) === version || !(isRead(ctx) || redirected)) return;
    event.preventDefault();
    if (url === location.href) location.reload();
    else location.assign(url);
  });

  /* Focus follows what happened: a new page's title, the first wrong field, a panel's title. */
  let path = location.pathname;
  on('htmx:after:swap', ({ detail: { ctx } }) => {
    const target = typeof ctx.target === 'string' ? $(ctx.target) : ctx.target; // HX-Retarget is a selector
    if (target?.id === 'main') {
      const invalid = $('#main [aria-invalid="true"]');
      const isNewPage = path !== location.pathname;
      path = location.pathname;
      if (invalid) invalid.focus();
      else if (isNewPage && !$('#main [autofocus]')) focusTitle($('#main h1'));
    }
    if (target?.id === 'panel' && ctx.sourceElement !== document.body) {
      const invalid = [...document.querySelectorAll('#panel [aria-invalid="true"]')].find((field) => field.checkVisibility());
      if (invalid) invalid.focus();
      else focusTitle($('#panel h2'));
    }
    offerOwnZone();
  });
  /* A button that is disabled while its form is on its way loses the focus: it gets it back, or the title does if it is gone. */
  let disabledButton = null;
  on('focusout', ({ target }) => { disabledButton = target.disabled ? target : null; });
  const restoreFocus = () => {
    if (!disabledButton || document.activeElement !== document.body) return;
    if (disabledButton.isConnected) disabledButton.focus({ preventScroll: true });
    else focusTitle($('#main h1'));
  };
  const focusTitle = (title) => {
    if (!title) return;
    title.tabIndex = -1;
    title.focus({ preventScroll: true });
  };

  on('click', ({ target }) => {
    target.closest('[data-dismiss]')?.closest('.toast').remove();
    if (target.closest('[data-print]')) window.print();
    const copied = target.closest('[data-copy]');
    if (copied) navigator.clipboard.writeText($(`#${copied.dataset.copy}`).textContent).then(() => { copied.textContent = 'Copied'; });
    for (const menu of document.querySelectorAll('details[data-menu][open]')) {
      if (!menu.contains(target) || target.closest('.menu-item, .menu-list a')) menu.open = false;
    }
  });
  on('keydown', (event) => {
    const isTyping = event.target.closest('input, textarea, select, [contenteditable]');
    if (event.key === '/' && !isTyping && !event.ctrlKey && !event.metaKey && $('#q')) {
      event.preventDefault();
      $('#q').select();
    }
    if (event.key !== 'Escape' || event.defaultPrevented || $('dialog[open]')) return;
    const menu = event.target.closest('details[data-menu][open]');
    if (menu) {
      menu.open = false;
      $('summary', menu).focus();
    } else if (event.target.closest('#panel, #grid')) {
      $('[data-close-panel]')?.click();
    }
  });

  /* The time zone of this device comes first in the list. Browsers may know it by an old spelling, which the list has not. */
  const offerOwnZone = () => {
    const list = $('select[data-zones]');
    const deviceZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (!list || list.value === deviceZone || $('[data-own-zone]', list)) return;
    const spelling = (zone) => {
      try { return Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone; } catch { return null; }
    };
    const found = [...list.options].find(({ value }) => value === deviceZone) ?? [...list.options].find(({ value }) => spelling(value) === deviceZone);
    if (!found || found.selected) return;
    const group = Object.assign(document.createElement('optgroup'), { label: 'This device' });
    group.dataset.ownZone = '';
    group.append(new Option(found.text, found.value));
    list.prepend(group);
  };

  /* Confirmation of what cannot be undone: hx-confirm opens our own dialog. */
  on('htmx:confirm', (event) => {
    const dialog = $('#confirm');
    event.preventDefault();
    $('p', dialog).textContent = event.detail.ctx.confirm;
    dialog.returnValue = '';
    dialog.addEventListener('close', () => (dialog.returnValue === 'ok' ? event.detail.issueRequest() : event.detail.dropRequest()), { once: true });
    dialog.showModal();
  });

  /* The live stream: a session that has ended means a reload; a half-open connection is dropped so that it is made anew. */
  const MAX_SILENCE = 45_000;
  let connection = null;
  let lastMessage = 0;
  on('htmx:sse:after:connection', ({ detail }) => { connection = detail.connection; lastMessage = Date.now(); });
  on('htmx:sse:before:message', () => { lastMessage = Date.now(); });
  on('htmx:sse:error', ({ detail }) => { if (detail.status === 401) location.reload(); });
  on('htmx:sse:close', () => { connection = null; });
  setInterval(() => {
    if (!connection || document.hidden || Date.now() - lastMessage < MAX_SILENCE) return;
    lastMessage = Date.now();
    connection.reader?.cancel();
  }, MAX_SILENCE / 3);

  [...document.querySelectorAll('#main [aria-invalid="true"]')].find((field) => field.checkVisibility())?.focus();
  offerOwnZone();
})();
