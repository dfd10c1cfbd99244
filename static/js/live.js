/* What others do, as it happens: one stream a page, outside of everything that is swapped. It changes cells in place and never moves what is
   under the eyes. The grid's other scripts hear of each change before a cell is touched, and may keep it: see docs/live.md. */
(() => {
  const $ = (selector, from = document) => from.querySelector(selector);
  const on = (name, listener) => document.addEventListener(name, listener);
  const page = [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  document.documentElement.dataset.page = page; // sent with what this page changes, so that it is not told of it as news
  on('htmx:config:request', ({ detail: { ctx } }) => { ctx.request.headers['X-Page'] = page; });

  const MAX_SILENCE = 45_000; // ms without even a ping: the connection is dead
  const HIDDEN_FOR = 20_000; // ms after which a page in the background lets its stream go: browsers allow six
  const KEPT_FOR = 30_000; // ms that changes are kept for rows which are on their way
  const watched = () => $('#grid > [data-live]'); // the grid, or groups instead
  const grid = () => $('#grid > .grid[data-live]');
  const rowOf = (id) => document.getElementById(`r${id}`);
  const columns = new WeakMap();
  const indexOf = (table, number) => {
    if (!columns.has(table)) columns.set(table, new Map([...table.querySelectorAll('col')].map((col, index) => [Number(col.dataset.column), index])));
    return columns.get(table).get(number);
  };
  const tell = (name, detail) => ($('#grid') ?? document).dispatchEvent(new CustomEvent(`rowcast:${name}`, { detail, bubbles: true, cancelable: true }));

  /* The stream. `seq` is the change set up to which the page is. */
  let source = null;
  let url = '';
  let seq = 0;
  let heard = 0; // when something came last
  let retry = 0;
  const STATES = { live: 'Live: changes appear as they are made', reconnecting: 'Reconnecting', offline: 'Offline: this page is not up to date', ended: 'This table is not there for you any more' };
  const show = (state) => {
    const box = $('#live');
    box.hidden = !url;
    box.dataset.state = state === 'ended' ? 'offline' : state;
    $('.live-dot', box).title = STATES[state];
    $('.live-dot > span', box).textContent = STATES[state];
  };
  const close = () => {
    clearTimeout(retry);
    source?.close();
    source = null;
  };
  const open = () => {
    close();
    heard = Date.now();
    const opened = new EventSource(`${url}${url.includes('?') ? '&' : '?'}after=${seq}`);
    source = opened;
    const receive = (name, take) => opened.addEventListener(name, (event) => {
      heard = Date.now();
      if (opened !== source) return;
      if (event.lastEventId) seq = Number(event.lastEventId);
      take(event.data);
    });
    opened.onopen = () => show('live');
    opened.onerror = () => {
      if (opened !== source) return;
      show(navigator.onLine ? 'reconnecting' : 'offline');
      if (opened.readyState === EventSource.CLOSED) retry = setTimeout(ask, 1000 + Math.random() * 2000);
    };
    receive('ping', () => {});
    receive('message', (data) => change(JSON.parse(data)));
    receive('people', (data) => meet(JSON.parse(data)));
    receive('refresh', () => refreshSoon());
    receive('access', (data) => access(JSON.parse(data).role));
    receive('deleted', () => end('This table has been deleted. What you see is as it was; its owner finds it in the trash.'));
    receive('done', close);
  };
  /* A browser does not say why it was refused. */
  const ask = async () => {
    if (!url) return;
    const answer = await fetch(url, { method: 'HEAD' }).catch(() => null);
    if (answer?.status === 404) end('You cannot see this table any more. What you see is as it was.');
    else if (answer?.status === 401 || answer?.redirected) access('none');
    else open();
  };
  const access = (role) => {
    if (role === 'none') {
      close();
      show('ended');
    }
    if (!tell('access', { role })) return; // somebody is typing
    if (role === 'none') location.reload();
    else htmx.ajax('GET', watched().dataset.first, { target: '#main', select: '#main', swap: 'outerMorph', push: 'false' });
  };
  const end = (text) => {
    close();
    show('ended');
    tell('ended', { text });
    const box = $('#toast').content.cloneNode(true);
    $('span', box).textContent = text;
    $('#toasts').append(box);
  };
  /* After every swap, and whenever the page may have been asleep. */
  const sync = () => {
    const wanted = watched()?.dataset.live ?? ($('#grid') ? url : '');
    if (wanted !== url) {
      url = wanted;
      seq = Number(watched()?.dataset.seq ?? 0);
      close();
      here = null;
      meet({ people: [], others: 0, places: [] });
      recent.clear();
      if (url) open();
      else $('#live').hidden = true;
    }
    const table = grid();
    if (!table) return;
    for (const [key, kept] of recent) {
      if (Date.now() - kept.at > KEPT_FOR) recent.delete(key);
      else if (kept.cell) put(table, kept.cell);
      else if (rowOf(kept.row)) bury(kept.row, kept.who, kept.seq);
    }
    mark();
  };
  const wake = () => { if (url && (!source || Date.now() - heard > MAX_SILENCE)) open(); };
  let hiding = 0;
  on('visibilitychange', () => {
    clearTimeout(hiding);
    if (document.hidden) hiding = setTimeout(() => { if (document.hidden) close(); }, HIDDEN_FOR);
    else wake();
  });
  addEventListener('pageshow', ({ persisted }) => { if (persisted && url) open(); });
  addEventListener('pagehide', close);
  addEventListener('online', () => { if (url) open(); });
  addEventListener('offline', () => { if (url) show('offline'); });
  setInterval(() => { if (!document.hidden && source) wake(); }, MAX_SILENCE / 3);

  /* One change set. */
  const recent = new Map(); // by place: cells and deleted rows that a page of rows on its way may not have yet
  const change = (data) => {
    const table = grid();
    if (data.title !== undefined) rename(data.title);
    else tell('change', {});
    if (!table) {
      if (data.title === undefined) age();
      return;
    }
    const [id, name] = data.by;
    const who = name || 'somebody';
    const isMine = id === Number(table.dataset.reader);
    const isOwn = isMine && data.page === page;
    for (const cell of data.cells ?? []) {
      const [row, column, text] = cell;
      recent.set(`${row}.${column}`, { cell, at: Date.now() });
      const target = rowOf(row)?.cells[indexOf(table, column)];
      if (!target || !tell('remote', { row, column, text, who, seq, own: isOwn, cell: target })) continue;
      if (put(table, cell) && !isMine) flash(target, who);
    }
    repaint((data.cells ?? []).filter(([, column]) => column === Number(table.dataset.colour)).map(([row]) => row));
    if (data.cells) tell('rows', { rows: [...new Set(data.cells.map(([row]) => row))], own: isOwn });
    for (const row of data.deleted ?? []) {
      recent.set(`${row}`, { row, who, seq, at: Date.now() });
      if (rowOf(row) && tell('remote-row', { row, who, seq, own: isOwn })) bury(row, who, seq);
    }
    const returned = (data.added ?? []).filter((row) => { recent.delete(`${row}`); return rowOf(row)?.classList.contains('gone'); });
    const [first, last] = data.extent ?? [1, 0];
    const touches = [...document.querySelectorAll('#grid tbody.rows > tr')].some(({ id: key }) => Number(key.slice(1)) >= first && Number(key.slice(1)) <= last);
    if (data.columns && !isOwn) refreshSoon(true);
    else if ((returned.length && !isOwn) || touches) refreshSoon(); // what this page brings back it loads itself
    if (isOwn) return;
    arrive((data.added ?? []).filter((row) => !rowOf(row)).length + (data.count ?? 0));
    if (!isMine) announce(who, data);
  };
  /* Texts stay texts: an element is made for a boolean or a link, and nothing else. Returns whether anything is different. */
  const put = (table, [row, column, text, shape]) => {
    const target = rowOf(row)?.cells[indexOf(table, column)];
    const shown = text.replaceAll('\0', '\u2400');
    if (!target || target.parentElement.classList.contains('gone') || target.textContent === shown) return false;
    const isLink = /^(https?:\/\/|mailto:)/.test(shape ?? '');
    if (shape === 'b' || shape === 'i' || isLink) {
      const inner = document.createElement(isLink ? 'a' : shape);
      if (isLink) Object.assign(inner, { href: shape, rel: 'noreferrer', target: '_blank', tabIndex: -1 });
      inner.textContent = shown;
      target.replaceChildren(inner);
    } else target.textContent = shown;
    return true;
  };
  /* Where rows have colours by a value, the server says which class each has now. */
  const PAINTED_AT_ONCE = 200; // rows
  const faded = new Set();
  let painting = 0;
  const repaint = (ids) => {
    for (const id of ids) if (rowOf(id)) faded.add(id);
    if (faded.size) painting ||= setTimeout(paint, 150);
  };
  const paint = async () => {
    const table = grid();
    const ids = [...faded].slice(0, PAINTED_AT_ONCE);
    for (const id of ids) faded.delete(id);
    painting = 0;
    repaint([]); // the rest of them
    if (!table?.dataset.colours) return;
    const answer = await fetch(`${table.dataset.colours}&ids=${ids}`).catch(() => null);
    if (!answer?.ok || grid() !== table) return;
    const found = await answer.json();
    for (const id of ids) {
      const row = rowOf(id);
      if (!row) continue;
      const [tint, title] = found[id] ?? [];
      row.classList.remove(...[...row.classList].filter((name) => /^[st]\d$/.test(name)));
      if (tint) row.classList.add(tint);
      if (!row.className) row.removeAttribute('class');
      const link = $('th a', row);
      if (title) link.title = title;
      else link.removeAttribute('title');
    }
  };
  const flash = (cell, who) => {
    cell.classList.remove('changed');
    cell.classList.add('changed');
    cell.title = `Changed by ${who}`;
    setTimeout(() => cell.classList.remove('changed'), 2000);
  };
  /* For editors with a button that takes the deletion back: grid/edit/actions.js. */
  const bury = (row, who, set) => {
    const line = rowOf(row);
    if (line.classList.contains('gone')) return;
    line.classList.add('gone');
    for (const cell of line.querySelectorAll('td')) cell.textContent = '';
    if (!line.cells[1]) return;
    line.cells[1].textContent = `Deleted by ${who}`;
    if (!$('[data-may-undo]')) return;
    const button = Object.assign(document.createElement('button'), { type: 'button', className: 'button quiet', textContent: 'Undo', tabIndex: -1 });
    button.dataset.revert = set;
    line.cells[1].append(' ', button);
  };
  const rename = (title) => {
    const heading = $('#main .crumbs h1');
    if (heading) heading.textContent = title;
    document.title = `${title} · Rowcast`;
    grid()?.setAttribute('aria-label', title);
  };

  /* What cannot be shown in place waits for a press. */
  let arrived = 0;
  let isStale = false;
  const arrive = (count) => {
    arrived += count;
    offer();
  };
  const offer = () => {
    const button = $('#news');
    if (!button) return;
    button.hidden = !arrived && !isStale;
    button.textContent = isStale ? 'Show what has changed' : `${arrived.toLocaleString('en')} new row${arrived === 1 ? '' : 's'}`;
  };
  on('click', ({ target }) => {
    if (target.id !== 'news') return;
    if (isStale) return reload();
    const table = grid();
    const isPlain = 'byId' in table.dataset;
    htmx.ajax('GET', isPlain ? table.dataset.last : table.dataset.first, { source: $('#grid'), target: '#grid', swap: 'innerHTML', push: 'true' });
  });
  let refreshing = 0;
  let hasColumns = false; // whether these have changed, too
  /* Not all at the same moment: a table may be open on many screens. */
  const refreshSoon = (withColumns = false) => {
    hasColumns ||= withColumns;
    refreshing ||= setTimeout(() => {
      refreshing = 0;
      const detail = { columns: hasColumns };
      hasColumns = false;
      if (grid() && tell('refresh', detail)) reload();
      else age();
    }, 100 + Math.random() * 900);
  };
  const age = () => {
    isStale = Boolean(watched());
    offer();
  };
  let anchor = null;
  let unfolded = []; // the groups whose rows are shown, as they ask for them
  const reload = () => {
    const table = watched();
    if (!table) return;
    unfolded = [...table.querySelectorAll('.group[open] > .group-body')].map((body) => body.getAttribute('hx-get'));
    const edge = $('#grid').getBoundingClientRect().top + 40;
    const row = [...table.querySelectorAll('tbody.rows > tr')].find((line) => line.getBoundingClientRect().bottom > edge);
    const isTop = !row || (!row.previousElementSibling && !row.parentElement.previousElementSibling?.matches('tbody'));
    const address = table.dataset.first + (isTop ? '' : `${table.dataset.first.includes('?') ? '&' : '?'}at=${row.id.slice(1)}`);
    anchor = isTop ? null : { id: row.id, top: row.getBoundingClientRect().top };
    htmx.ajax('GET', address, { source: $('#grid'), target: '#grid', swap: 'innerHTML', push: 'false' });
  };
  on('htmx:after:swap', ({ detail: { ctx } }) => {
    if (ctx.target?.id === 'grid' || ctx.target?.id === 'main') {
      arrived = 0;
      const found = watched();
      isStale = !grid() && found?.dataset.live === url && Number(found.dataset.seq) < seq; // read before the latest change
      offer();
      for (const body of document.querySelectorAll('.group-body')) if (unfolded.includes(body.getAttribute('hx-get'))) body.parentElement.open = true;
      unfolded = [];
      const line = anchor && document.getElementById(anchor.id);
      if (line) $('#grid').scrollTop += line.getBoundingClientRect().top - anchor.top;
      anchor = null;
    }
    sync();
  });

  /* Polite, and one sentence in ten seconds. */
  const news = { names: new Set(), cells: 0, rows: 0, timer: 0, spoke: 0 };
  const announce = (who, { cells, added, deleted, count, extent }) => {
    if (!cells && !added && !deleted && !count && !extent) return;
    news.names.add(who);
    news.cells += cells?.length ?? 0;
    news.rows += (added?.length ?? 0) + (deleted?.length ?? 0) + (count ?? 0);
    news.timer ||= setTimeout(speak, Math.max(500, news.spoke + 10_000 - Date.now()));
  };
  const some = (count, what) => (count ? [`${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`] : []);
  const speak = () => {
    const [first, ...others] = news.names;
    const what = [...some(news.cells, 'cell'), ...some(news.rows, 'row')].join(' and ') || 'many rows';
    $('#live-news').textContent = `${first}${others.length ? ` and ${some(others.length, 'other')}` : ''} changed ${what}`;
    Object.assign(news, { names: new Set(), cells: 0, rows: 0, timer: 0, spoke: Date.now() });
  };

  /* Who is here, and where. */
  let places = [];
  let isAlone = true;
  const colour = (id) => `person-${id % 5}`;
  const initials = (name) => name.split(/[\s.@_-]+/).filter(Boolean).slice(0, 2).map((part) => [...part][0].toUpperCase()).join('') || '?';
  const names = new Map();
  const meet = ({ people, others, places: found }) => {
    const mine = Number(watched()?.dataset.reader);
    const rest = people.filter(([id]) => id !== mine);
    names.clear();
    for (const [id, name] of rest) names.set(id, name);
    const shown = rest.slice(0, 5).map(([id, name, edits]) => {
      const item = Object.assign(document.createElement('li'), { textContent: initials(name), title: edits ? `${name} is editing` : `${name} is looking`, className: edits ? `${colour(id)} edits` : colour(id) });
      item.setAttribute('aria-label', item.title);
      return item;
    });
    const more = rest.length - shown.length + others;
    if (more > 0) shown.push(Object.assign(document.createElement('li'), { textContent: `+${more}`, title: `${more} more` }));
    $('#live ul').replaceChildren(...shown);
    $('#live ul').hidden = !shown.length;
    places = found.filter(([from, id]) => from !== page && names.has(id));
    const wasAlone = isAlone;
    isAlone = people.length + others < 2;
    if (wasAlone && !isAlone) send();
    mark();
  };
  let marked = [];
  const mark = () => {
    const table = grid();
    for (const cell of marked) {
      cell.classList.remove(...[...cell.classList].filter((name) => name.startsWith('person-')));
      if (cell.title.endsWith(' here')) cell.removeAttribute('title');
    }
    marked = [];
    if (!table) return;
    for (const [, id, row, column, edits] of places) {
      const cell = rowOf(row)?.cells[indexOf(table, column)];
      if (!cell) continue;
      cell.classList.add(colour(id));
      cell.title = edits ? `${names.get(id)} is editing here` : `${names.get(id)} is here`;
      marked.push(cell);
    }
  };
  /* Where this reader is: at most once a second, and only if somebody else is there to see it. */
  let here = null;
  let isEditing = false;
  let sending = 0;
  let sent = 0;
  const send = () => {
    if (isAlone || !grid()) return;
    sending ||= setTimeout(() => {
      sending = 0;
      sent = Date.now();
      const address = grid()?.dataset.presence;
      const body = new URLSearchParams(here ? { row: here.row, column: here.column, ...(isEditing && { edits: 1 }) } : {});
      if (address) fetch(address, { method: 'POST', headers: { 'X-Page': page }, body }).catch(() => {});
    }, Math.max(0, sent + 1000 - Date.now()));
  };
  on('focusin', ({ target }) => {
    const cell = target.closest?.('#grid tbody.rows td');
    const column = cell && Number(cell.closest('table').querySelectorAll('col')[cell.cellIndex]?.dataset.column);
    const next = cell ? { row: cell.parentElement.id.slice(1), column } : isEditing ? here : null;
    if (next?.row === here?.row && next?.column === here?.column) return;
    here = next;
    send();
  });
  on('rowcast:editor', ({ detail }) => {
    isEditing = Boolean(detail?.open);
    send();
  });
  setInterval(() => { if (here && !document.hidden) send(); }, 15_000);

  sync();
})();
