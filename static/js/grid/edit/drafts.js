/* What was typed and is not saved yet, kept in this tab until it is: by table and reader, row, column, with the text that was seen.
   After a reload it is offered again. An edit is {place, seen, shown, text, asText, store}: `seen` is the cell's exact text when
   its editor was opened, undefined while only what the page `shown` is known; `store` names the table, which may not be the one that
   is shown any more. */
import { base, button, keyOf, make, mayEdit, nameOf, page } from './cells.js';
import { pin, unpin } from './layer.js';

export const storeName = () => `drafts:${base()}:${page()?.dataset.reader}`;
const read = (store) => {
  try { return JSON.parse(sessionStorage.getItem(store)) ?? {}; } catch { return {}; }
};
const write = (store, drafts) => {
  try {
    if (Object.keys(drafts).length) sessionStorage.setItem(store, JSON.stringify(drafts));
    else sessionStorage.removeItem(store);
  } catch { /* private window, or full: kept until the page is left */ }
};
export const keepDraft = ({ place, seen, shown, text, asText, store = storeName() }) => write(store, { ...read(store), [keyOf(place)]: { place, seen, shown, text, asText } });
export const dropDraft = ({ place, store = storeName() }) => {
  const drafts = read(store);
  delete drafts[keyOf(place)];
  write(store, drafts);
};

let card = null;
/* `save` is what saves one, `isOpen` tells whether it is being edited or on its way. */
export const offerDrafts = (save, isOpen) => {
  if (card) unpin(card);
  card = null;
  if (!mayEdit()) return;
  const drafts = Object.values(read(storeName())).filter(({ place }) => !isOpen(place));
  if (!drafts.length) return;
  const one = drafts.length === 1;
  const act = (what) => () => {
    unpin(card);
    card = null;
    drafts.forEach(what);
  };
  card = make('section', { className: 'edit-card', ariaLabel: 'Edits that were not saved', role: 'group' },
    make('p', {}, one ? 'An edit was not saved:' : `${drafts.length} edits were not saved:`),
    make('ul', {}, ...drafts.slice(0, 5).map(({ place, text }) => make('li', {}, make('q', {}, text), ` in ${nameOf(place)}`))),
    make('div', { className: 'actions' },
      button(one ? 'Save' : 'Save all', act(save), true),
      button('Discard', act(dropDraft))));
  pin(card, null);
};
