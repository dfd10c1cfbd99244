/* Going to places: the bar that stands for all rows, a row by its number; and the list of keys. */
import { $, box, firstVisible, grid, hasMore, load, on, orderOf, rows } from './rows.js';

const STEPS = 10_000;
const PAUSE = 120; // milliseconds that the bar rests before rows are asked for

const wayOf = (table, row) => {
  const total = Number(table.dataset.total ?? 0);
  const order = orderOf(row) - 1;
  const isKnown = order < total;
  return isKnown ? order / Math.max(total - 1, 1) : Number(table.dataset.way) / 100 + (total ? (orderOf(row) - orderOf(rows()[0])) / total : 0);
};
let isHeld = false;
const update = () => {
  const [rail, table, area] = [$('#rail'), grid(), $('#grid')];
  if (!rail) return;
  const hasRows = Boolean(table && $('tbody.rows', table));
  rail.hidden = !hasRows || (!$('tbody.more', table) && table.querySelectorAll('tbody.rows').length < 2);
  if (rail.hidden || isHeld) return;
  area.nextElementSibling.style.marginLeft = `${area.clientWidth - area.offsetWidth}px`; // it covers the browser's own
  const row = firstVisible();
  const isAtEnd = !hasMore('further') && area.scrollTop + area.clientHeight >= area.scrollHeight - 2;
  const isAtStart = !hasMore('earlier') && area.scrollTop < 2;
  rail.value = isAtEnd ? STEPS : isAtStart ? 0 : row ? STEPS * Math.min(Math.max(wayOf(table, row), 0), 1) : rail.value;
  rail.setAttribute('aria-valuetext', label(table, rail.value / STEPS));
};
const label = (table, way) => ('byId' in table.dataset ? `Row ${Math.round(1 + way * (table.dataset.total - 1)).toLocaleString('en')}` : `${Math.round(way * 100)} %`);

let timer = 0;
let isAsking = false;
let wanted = null;
const ask = async () => {
  if (isAsking || wanted === null) return;
  const url = new URL(grid().dataset.position, location.href);
  url.searchParams.set('to', `${(wanted / STEPS * 100).toFixed(4)}%`);
  wanted = null;
  isAsking = true;
  try { await load(url.pathname + url.search); } finally { isAsking = false; }
  if (wanted !== null) ask();
  else update();
};
on('input', ({ target }) => {
  if (target.id !== 'rail') return;
  isHeld = true;
  wanted = target.value;
  const note = $('#rail-note');
  note.textContent = label(grid(), target.value / STEPS);
  note.hidden = false;
  note.style.top = `${4 + (target.offsetHeight - 32) * target.value / STEPS}px`;
  clearTimeout(timer);
  timer = setTimeout(ask, PAUSE);
});
on('change', ({ target }) => {
  if (target.id !== 'rail') return;
  isHeld = false;
  $('#rail-note').hidden = true;
  clearTimeout(timer);
  wanted = target.value;
  ask();
});
let isWaiting = false;
on('scroll', ({ target }) => {
  if (target.id !== 'grid' || isWaiting) return;
  isWaiting = true;
  requestAnimationFrame(() => { isWaiting = false; update(); });
}, true);
on('htmx:after:swap', update);
on('wheel', ({ target, deltaY }) => { if (target.id === 'rail') box().scrollBy(0, deltaY); }, { passive: true });

on('keydown', (event) => {
  const isTyping = event.target.closest('input:not(#rail), textarea, select, [contenteditable]');
  if (event.altKey && event.code === 'KeyG' && $('#places')) {
    event.preventDefault();
    $('#places').open = true;
    $('#to').select();
  } else if (event.key === '?' && !isTyping && $('#show-keys')) {
    event.preventDefault();
    showKeys();
  }
}, true);
const showKeys = async () => (await import('./keys.js')).showKeys();
on('click', ({ target }) => { if (target.closest('#show-keys')) showKeys(); });
on('htmx:after:swap', ({ detail: { ctx } }) => {
  if (ctx.target?.id !== 'grid' || !ctx.sourceElement?.closest?.('#places')) return;
  $('#places').open = false;
  const cell = $('#grid tbody.rows td');
  if (cell) document.dispatchEvent(new CustomEvent('grid:go', { detail: cell }));
});
update();
