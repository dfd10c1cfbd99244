/* The whole text of the focused cell, where it does not fit. */
import { on } from './rows.js';

const peek = document.createElement('div');
peek.id = 'peek';
peek.setAttribute('aria-hidden', 'true'); // screen readers have the cell's own text
peek.popover = 'manual';
document.body.append(peek);
const hide = () => { if (peek.matches(':popover-open')) peek.hidePopover(); };
const show = (cell) => {
  if (cell !== document.activeElement || cell.scrollWidth <= cell.clientWidth) return;
  const box = cell.getBoundingClientRect();
  peek.textContent = cell.textContent;
  peek.style.minWidth = `${box.width}px`;
  peek.showPopover();
  peek.style.left = `${Math.max(8, Math.min(box.left, innerWidth - peek.offsetWidth - 8))}px`;
  peek.style.top = `${Math.min(box.top, innerHeight - peek.offsetHeight - 8)}px`;
};
on('focusin', ({ target }) => {
  hide();
  if (!target.matches?.('#grid tbody.rows td')) return;
  requestAnimationFrame(() => { hide(); show(target); }); // a menu that closes gives the focus back, and nothing can be shown meanwhile
});
on('focusout', hide);
on('scroll', hide, true);
