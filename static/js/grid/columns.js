/* Columns: dragging a title, or Ctrl+Shift+Left and Right on it, moves it; the list of columns opens beside the grid. */
import { $, ignoreClick, on } from './rows.js';

const heads = () => [...document.querySelectorAll('#grid thead th:not(.row-number)')];
const numberOf = (head) => $('.sort', head).id.slice('sort-'.length);
const line = Object.assign(document.createElement('div'), { className: 'drop-line' });

let focused = null; // the id of the title that has the focus after it was moved
const move = (head, before) => {
  const number = numberOf(head);
  const url = `${$('#grid > .grid').dataset.move}&move=${number}.before.${before ? numberOf(before) : ''}`;
  focused = $('.sort', head).id;
  htmx.ajax('GET', url, { target: '#grid', swap: 'innerHTML', push: 'true' });
};
on('htmx:after:swap', ({ detail: { ctx } }) => {
  if (ctx.target?.id !== 'grid' || !focused) return;
  const cell = document.getElementById(focused)?.closest('th');
  focused = null;
  if (cell) document.dispatchEvent(new CustomEvent('grid:go', { detail: cell }));
});

let drag = null;
on('dragstart', (event) => { if (event.target.closest?.('#grid thead')) event.preventDefault(); }); // the link itself
on('pointerdown', (event) => {
  const head = event.target.closest?.('#grid thead th:not(.row-number)');
  if (!head || event.button || event.pointerType === 'touch' || event.target.closest('.grip, .column-menu')) return;
  drag = { head, start: event.clientX, moved: false, before: null };
});
on('pointermove', (event) => {
  if (!drag || (!drag.moved && Math.abs(event.clientX - drag.start) < 6)) return;
  drag.moved = true;
  const area = $('#grid').getBoundingClientRect();
  if (event.clientX > area.right - 32) $('#grid').scrollLeft += 24;
  if (event.clientX < area.left + 32) $('#grid').scrollLeft -= 24;
  const list = heads();
  drag.before = list.find((head) => { const place = head.getBoundingClientRect(); return event.clientX < place.left + place.width / 2; }) ?? null;
  const edge = drag.before ? drag.before.getBoundingClientRect().left : list.at(-1).getBoundingClientRect().right;
  line.style.left = `${edge - area.left + $('#grid').scrollLeft}px`;
  if (!line.isConnected) $('#grid').append(line);
  $('#grid').classList.add('moving');
});
const stop = () => {
  line.remove();
  $('#grid')?.classList.remove('moving');
  const was = drag;
  drag = null;
  return was;
};
on('pointerup', () => {
  const was = drag && stop();
  if (!was?.moved) return;
  ignoreClick((target) => target.closest('#grid thead'));
  const next = heads()[heads().indexOf(was.head) + 1] ?? null;
  if (was.before !== was.head && was.before !== next) move(was.head, was.before);
});
on('pointercancel', stop);

on('keydown', (event) => {
  if (event.key === 'Escape' && drag?.moved) {
    event.preventDefault();
    stop();
  }
  const head = event.target.closest?.('#grid thead th:not(.row-number)');
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!head || !step || !event.shiftKey || event.altKey || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const list = heads();
  const at = list.indexOf(head);
  if (list[at + step]) move(head, step < 0 ? list[at - 1] : list[at + 2] ?? null);
}, true);

/* The list: what it changes shows at once, and it follows what else changes the view. */
const popover = () => $('#popover');
const place = () => {
  const button = $('#show-columns').getBoundingClientRect();
  popover().style.top = `${button.bottom + 4}px`;
  popover().style.right = `${Math.max(Math.min(innerWidth - button.right, innerWidth - popover().offsetWidth - 8), 8)}px`;
};
on('htmx:after:swap', ({ detail: { ctx } }) => {
  if (!popover()) return;
  if (ctx.target === popover() && !ctx.follows) {
    popover().showPopover();
    place();
    $('h2', popover())?.focus();
  } else if (ctx.target?.id === 'grid' && popover().matches(':popover-open')) {
    htmx.ajax('GET', $('#show-columns').getAttribute('href'), { target: popover(), swap: 'innerMorph', push: 'false', follows: true });
  }
});
on('htmx:before:swap', (event) => { // closed in the meantime
  if (event.detail.ctx.follows && !popover()?.matches(':popover-open')) event.preventDefault();
});
on('toggle', (event) => { if (event.target === popover() && event.newState === 'closed') $('#show-columns').focus(); }, true);
