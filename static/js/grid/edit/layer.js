/* What lies over the grid, outside of what is swapped: the editor, over its cell, and the cards, beside theirs so that the column can
   be filled in further. Each is pinned to the place of a cell, and kept in sight when that is scrolled away. */
import { $, box, cellOf, on } from '../rows.js';
import { base, make } from './cells.js';

const GAP = 4; // pixels
const pinned = new Map(); // to the place, whether it is beside the cell, and where that was last

const layer = () => $('.table-body > .grid-over') ?? box().parentElement.appendChild(make('div', { className: 'grid-over' }));
export const pin = (element, place, isBeside = false) => {
  pinned.set(element, { place, isBeside, at: { left: 8, right: 8, top: 40 } });
  if (!element.isConnected) layer().append(element);
  settle();
};
export const unpin = (element) => {
  element.remove();
  pinned.delete(element);
};
const settle = () => {
  if (!pinned.size || !box()) return;
  const area = box().getBoundingClientRect();
  for (const [element, pin] of pinned) {
    if (!element.isConnected) { pinned.delete(element); continue; }
    const cell = pin.place && cellOf(pin.place)?.getBoundingClientRect();
    if (cell) {
      pin.at = { left: cell.left - area.left, right: cell.right - area.left, top: cell.top - area.top };
      element.style.setProperty('--cell-w', `${cell.width}px`);
      element.style.setProperty('--cell-h', `${cell.height}px`);
    }
    const [most, lowest] = [box().clientWidth - element.offsetWidth, box().clientHeight - element.offsetHeight];
    const beside = pin.at.right + GAP <= most ? pin.at.right + GAP : pin.at.left - element.offsetWidth - GAP;
    const keep = (value, limit) => Math.max(0, Math.min(value, limit));
    element.style.translate = `${keep(pin.isBeside ? beside : pin.at.left, most)}px ${keep(pin.at.top, lowest)}px`;
  }
};
let table = base();
on('htmx:after:swap', () => {
  for (const element of [...pinned.keys()]) {
    if (base() !== table) unpin(element); // it belongs to another table
    else if (!element.isConnected) layer().append(element); // the page was shown anew, as when its columns have changed
  }
  table = base();
  settle();
});
on('scroll', settle, true);
on('grid:trim', settle);
on('column:width', settle);
on('input', ({ target }) => { if (target.closest('.grid-over')) settle(); });
addEventListener('resize', settle);
