/* What could not be saved, to decide one by one or all at once, in one card: conflicts with others, and texts of a block that did
   not fit. F8 leads to it; nothing takes the focus away from who goes on typing. */
import { $, cellAt, cellOf, emit, number, on } from '../rows.js';
import { moveTo } from '../active.js';
import { alarm, base, button, isThere, keyOf, make, mayUndo, nameOf, paint, tell } from './cells.js';
import { dropDraft } from './drafts.js';
import { pin, unpin } from './layer.js';

let items = []; // as the server describes conflicts and refusals, with the place, and `edit` if there was one
let card = null;
let save = null; // what saves an edit

export const decideBy = (act) => { save = act; };
export const hasProblem = (place) => items.some((item) => keyOf(item.place) === keyOf(place));
export const add = (found) => {
  if (!found.length) return;
  for (const item of found) {
    items = [...items.filter(({ place }) => keyOf(place) !== keyOf(item.place)), item];
    cellOf(item.place)?.classList.add('undecided');
  }
  const [first] = found;
  const others = found.length > 1 ? ` ${number(found.length - 1)} more to decide.` : '';
  alarm(`${nameOf(first.place)}: ${first.message ?? `Not saved: ${first.reason}`}${others} Press F8 to decide.`);
  show();
};

const settle = (some, act) => () => {
  const hadFocus = card?.contains(document.activeElement);
  for (const item of some) {
    items = items.filter((other) => other !== item);
    cellOf(item.place)?.classList.remove('undecided');
    act(item);
  }
  show();
  if (!hadFocus) return;
  if (card) card.focus();
  else if (cellOf(some.at(-1).place)) moveTo(cellOf(some.at(-1).place));
};
const keepMine = ({ place, current, text }) => save({ place, seen: current, shown: current, text });
const keepAsText = ({ place, seen, shown, text }) => save({ place, seen, shown, text, asText: true });
const takeTheirs = ({ place, shown, current }) => {
  dropDraft({ place });
  if (current !== null && shown !== undefined) paint(place, shown);
};
const correct = (item) => emit('edit:again', item);

const show = () => {
  if (!items.length) {
    if (card) unpin(card);
    card = null;
    return;
  }
  const item = items[0];
  const alike = items.filter((other) => 'current' in other === 'current' in item && other.as_text === item.as_text && (other.current === null) === (item.current === null));
  const all = alike.length > 1 && number(alike.length);
  const link = (text, href) => make('a', { href, className: 'button quiet' }, text);
  const isConflict = 'current' in item;
  const isGone = item.current === null;
  const isLost = !isConflict && !isThere(item.place.column); // with its column
  const history = mayUndo() ? [link('History', `${base()}/rows/${item.place.id.slice(1)}/history?column=${item.place.column}`)] : [];
  const theirs = isConflict && !isGone ? [make('dt', {}, 'Theirs'), make('dd', {}, item.shown || '(empty)')] : [];
  const buttons = isLost ? [...history, button('Discard', settle([item], takeTheirs))] : !isConflict
    ? [...(item.as_text ? [button('Keep as text', settle([item], keepAsText), true)] : []),
      button('Correct it', settle([item], correct)),
      ...(item.type_url ? [link('Turn the column into text', item.type_url)] : []),
      button('Discard', settle([item], takeTheirs)),
      ...(all && item.as_text ? [button(`Keep all ${all} as text`, settle(alike, keepAsText))] : []),
      ...(all ? [button(`Discard all ${all}`, settle(alike, takeTheirs))] : [])]
    : [...(isGone ? [] : [button('Keep mine', settle([item], keepMine), true)]),
      button(isGone ? 'Discard mine' : 'Take theirs', settle([item], takeTheirs)),
      ...history,
      ...(all && !isGone ? [button(`Keep all ${all} of mine`, settle(alike, keepMine))] : []),
      ...(all ? [button(isGone ? `Discard all ${all}` : `Take all ${all} of theirs`, settle(alike, takeTheirs))] : [])];
  card ??= make('section', { className: 'edit-card', role: 'group', tabIndex: -1, ariaLabel: 'Not saved: to decide' });
  card.replaceChildren(
    make('h2', {}, `${nameOf(item.place)}${items.length > 1 ? `: 1 of ${number(items.length)}` : ''}`),
    make('p', {}, item.message ?? item.reason),
    make('dl', {}, ...theirs, make('dt', {}, 'Yours'), make('dd', {}, item.text || '(empty)')),
    make('div', { className: 'actions' }, ...buttons));
  pin(card, item.place, true);
};

on('keydown', (event) => {
  const cell = cellAt(event.target);
  if (card?.isConnected && event.key === 'F8') {
    event.preventDefault();
    card.focus();
  } else if (card?.contains(event.target) && event.key === 'Escape') {
    event.preventDefault();
    tell('Not decided yet: press F8 to go back to it');
    const active = $('#grid [tabindex="0"]');
    (cell ?? active)?.focus();
  }
}, true);
on('htmx:after:swap', ({ detail: { ctx } }) => {
  if (!items.length) return;
  if (ctx.target?.id === 'main' && !card.isConnected) { // another page: the drafts are offered there
    items = [];
    card = null;
  }
  for (const { place } of items) cellOf(place)?.classList.add('undecided');
});
