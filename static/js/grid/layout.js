/* How wide columns are and how high rows, where somebody chose it: remembered on this device, for each table and, apart from that,
   for each saved view, which may have a layout of its own. Saving a view sends what is seen. early.js makes rules of it, which survive
   every swap of rows. */
import { $, grid, on } from './rows.js';

const MIN_WIDTH = 48;
const MAX_PLACES = 200; // tables and views that are remembered; the oldest are dropped first
const maxWidth = () => Math.max(360, Math.round(innerWidth * 0.6)); // the sticky column must leave room for others
let chosen = {}; // by table ("17") or view of one ("17.5"): pixels by column number, and "height"

const root = document.documentElement;
const isMap = (value) => typeof value === 'object' && value !== null;
const read = (place) => (isMap(chosen[place]) ? chosen[place] : {});
const table = () => $('.table-page')?.id.slice('table-'.length);
const view = () => grid()?.dataset.view;
const here = () => (view() ? `${table()}.${view()}` : table());
const columns = () => [...(grid()?.querySelectorAll('col[data-column]') ?? [])];
const colOf = (column) => columns().find((col) => col.dataset.column === String(column));

/* What the server gave a column: as its content needs (automatic), or as the view has it. */
const given = (col) => Number(col.getAttribute('width'));
const automatic = (col) => Number(col.dataset.auto ?? given(col));
const heightHere = () => read(here()).height ?? grid()?.dataset.height ?? root.dataset.density;

const load = () => {
  try {
    const stored = JSON.parse(localStorage.getItem('widths'));
    chosen = isMap(stored) ? stored : {};
  } catch { /* nothing readable stored */ }
};
export const save = () => {
  for (const place of Object.keys(chosen).slice(0, -MAX_PLACES)) delete chosen[place];
  try { localStorage.setItem('widths', JSON.stringify(chosen)); } catch { /* private window: lasts until it is closed */ }
};
const apply = () => {
  document.dispatchEvent(new CustomEvent('widths', { detail: chosen }));
  show();
  document.dispatchEvent(new Event('column:width'));
};
const put = (name, value) => {
  const kept = { ...read(here()) };
  if (value === null) delete kept[name];
  else kept[name] = value;
  if (Object.keys(kept).length) chosen[here()] = kept;
  else delete chosen[here()];
};

export const widthSet = (column) => read(here())[column] ?? null;
/* Null: as wide as its content needs. In a view that differs from what else would apply, so it is remembered as a number. */
export const setWidth = (column, width) => {
  const col = colOf(column);
  const isOverridden = view() && col && (col.dataset.auto || read(table())[column]);
  if (width === null) put(column, isOverridden ? automatic(col) : null);
  else put(column, Math.round(Math.min(Math.max(width, MIN_WIDTH), maxWidth())));
  apply();
};

/* What is as the view has it by now, because it was saved, is no choice of this device any more. */
const forget = () => {
  if (!view()) return;
  for (const [name, value] of Object.entries(read(here()))) {
    const col = colOf(name);
    const isSaved = name === 'height' ? value === grid().dataset.height : col && value === given(col) && (col.dataset.auto || !read(table())[name]);
    if (isSaved) put(name, null);
  }
  save();
};

/* The mark that what is seen is not what the view has, and which row height is chosen. */
const show = () => {
  const mark = $('#view-mark');
  if (mark) mark.hidden = !('changed' in mark.dataset) && !(view() && Object.keys(read(here())).length);
  for (const button of document.querySelectorAll('[data-density-set]')) {
    button.setAttribute('aria-pressed', String(button.dataset.densitySet === heightHere()));
  }
};

/* What is seen, for the forms that save a view: "2.180,5.90,compact". */
const layout = () => {
  const kept = columns().flatMap((col) => {
    const own = read(here())[col.dataset.column] ?? (col.dataset.auto ? given(col) : read(table())[col.dataset.column]);
    return Number.isInteger(own) && own !== automatic(col) ? [`${col.dataset.column}.${own}`] : [];
  });
  const isChosen = heightHere() !== 'normal' || read(here()).height || grid()?.dataset.height;
  return [...kept, ...(isChosen ? [heightHere()] : [])].join(',');
};
on('submit', ({ target }) => {
  const field = $('[data-layout]', target);
  if (!field || !grid()) return;
  field.value = layout();
  field.disabled = false;
}, true);

on('click', ({ target }) => {
  const density = target.closest?.('[data-density-set]')?.dataset.densitySet;
  if (density && view()) {
    put('height', density === grid().dataset.height ? null : density);
    save();
    apply();
  } else if (density) {
    root.dataset.density = density;
    try { localStorage.setItem('density', density); } catch { /* private window: kept until it is closed */ }
    show();
  }
  if (target.closest?.('[data-reset-view]')) {
    delete chosen[here()];
    save();
    apply();
  }
});
const settle = () => {
  for (const col of columns()) if (col.dataset.auto && given(col) > maxWidth()) col.setAttribute('width', maxWidth());
  forget();
  apply();
};
on('htmx:after:swap', ({ detail: { ctx } }) => { if (ctx.target?.matches?.('#main, #grid')) settle(); });
addEventListener('storage', ({ key }) => { // changed in another window
  if (key !== 'widths') return;
  load();
  apply();
});
load();
settle();
