/* Custom column widths: set by dragging a title's edge, with Alt+Shift+Left and Right on a title (Alt+Left alone goes back), or
   with the buttons of the column's panel. layout.js remembers them. */
import { save, setWidth, widthSet } from './layout.js';
import { on } from './rows.js';

const STEP = 16;

/* A column of the table on this page, by its number. */
const headOf = (column) => document.querySelector(`#column-${column}`)?.closest('th');
const numberOf = (head) => head.querySelector('.column-menu')?.id.slice('column-'.length);
const widthOf = (column) => Math.round(headOf(column).getBoundingClientRect().width);
const change = (column, by) => {
  setWidth(column, by === 'reset' ? null : widthOf(column) + Number(by));
  save();
};

let drag = null;
on('mousedown', (event) => { // prevent dragging the link below and selecting text
  if (event.target.closest?.('#grid .grip')) event.preventDefault();
});
on('pointerdown', (event) => {
  const grip = event.target.closest?.('#grid .grip');
  if (!grip || event.button || drag) return;
  const column = numberOf(grip.closest('th'));
  drag = { grip, column, start: event.clientX, width: widthOf(column), before: widthSet(column), moved: false };
  grip.setPointerCapture(event.pointerId);
  grip.classList.add('held');
});
on('pointermove', (event) => {
  if (!drag || event.target !== drag.grip) return;
  const by = event.clientX - drag.start;
  if (!drag.moved && Math.abs(by) < 2) return; // an unsteady click
  drag.moved = true;
  setWidth(drag.column, drag.width + by);
});
const drop = (isConfirmed) => {
  if (!drag) return;
  const { grip, column, before, moved } = drag;
  drag = null;
  grip.classList.remove('held');
  if (!isConfirmed && moved) setWidth(column, before);
  else if (moved) save();
};
on('pointerup', () => drop(true));
on('lostpointercapture', () => drop(true)); // the grid was redrawn during the drag
on('pointercancel', () => drop(false));
on('dblclick', ({ target }) => {
  const grip = target.closest?.('#grid .grip');
  if (grip) change(numberOf(grip.closest('th')), 'reset');
});

on('keydown', (event) => {
  if (event.key === 'Escape' && drag) {
    event.preventDefault();
    drop(false);
  }
  const head = event.target.closest?.('#grid thead th:not(.row-number)');
  const by = { ArrowLeft: -STEP, ArrowRight: STEP }[event.key];
  if (!head || !by || !event.altKey || !event.shiftKey) return;
  event.preventDefault();
  change(numberOf(head), by);
  head.scrollIntoView({ block: 'nearest', inline: 'nearest' });
}, true);

/* The same with buttons, in the column's panel. */
on('click', ({ target }) => {
  const button = target.closest('[data-width]');
  if (button) change(button.closest('[data-column]').dataset.column, button.dataset.width);
});
const showWidth = () => {
  const tools = document.querySelector('#panel [data-column]');
  if (!tools) return;
  tools.hidden = !headOf(tools.dataset.column);
  if (!tools.hidden) tools.querySelector('output').textContent = `${widthOf(tools.dataset.column)} px`;
};
on('column:width', showWidth);
on('htmx:after:swap', showWidth);
