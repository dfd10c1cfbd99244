/* The list of keys, shown by "?". It is loaded then: a page of rows need not carry it. On macOS, Command takes the place of
   Ctrl. A line has its keys, with what is said between them, and what they do. */
import { $ } from './rows.js';

const FIRST = [
  ['Arrows', 'Move; with Shift select'],
  ['Tab', 'The next cell; with Shift the one before'],
  ['Escape|, then |Tab', 'Leave the table'],
  ['Ctrl+Arrows', 'To the edge of filled cells; with Shift select'],
  ['Home|, |End', 'The row\u2019s number and its last cell'],
  ['Ctrl+Home|, |Ctrl+End', 'First and last row of the table'],
  ['Page Up|, |Page Down', 'A screen up or down'],
  ['Ctrl+A', 'Select the rows on this page; again: all rows of this view'],
  ['Ctrl+Space|, |Shift+Space', 'Select the column, the row; the column again: in all rows of this view'],
  ['Space', 'On a row\u2019s number: choose the row'],
  ['Ctrl+C', 'Copy the selection; with Shift, its titles too'],
  ['Escape', 'Back to one cell; then close the panel'],
];
const READING = [
  ['Enter|, |Space', 'Open the row; Enter on a title: sort, with Shift as well'],
];
const EDITING = [
  ['Enter|, |F2', 'Edit the cell; a letter or digit replaces what is there'],
  ['Enter|, |Tab', 'In the editor: save and go down, right; with Shift up, left'],
  ['Alt+Enter', 'In the editor: a new line'],
  ['Ctrl+Enter', 'In the editor: fill the selection'],
  ['Escape', 'In the editor: give up, keep the old text'],
  ['Ctrl+X|, |Ctrl+V', 'Cut, paste'],
  ['Delete', 'Empty the selection'],
  ['Ctrl+D|, |Ctrl+R', 'Fill down, right'],
  ['Ctrl+Z|, |Ctrl+Y', 'Undo, redo my changes'],
  ['Shift+Enter', 'Add a row'],
  ['Shift+F10', 'The menu of the cell: duplicate and delete rows'],
  ['F8', 'To what could not be saved'],
  ['Space', 'Open the row; on a yes or no: change it. Enter on a title: sort, with Shift as well'],
];
const LAST = [
  ['Ctrl+Enter', 'Follow the link in a cell'],
  ['Alt+Down', 'Open the column: filter and summary'],
  ['Alt+Shift+Left|, |Alt+Shift+Right', 'On a title: narrower, wider'],
  ['Ctrl+Shift+Left|, |Ctrl+Shift+Right', 'On a title: move the column'],
  ['/', 'Search'],
  ['Alt+G', 'Go to a row'],
  ['?', 'Show these shortcuts'],
];

const make = (tag, properties = {}, ...content) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...content);
  return element;
};
const line = ([keys, text]) => {
  const parts = keys.split('|').map((part, index) => (index % 2 ? part : make('kbd', {}, part)));
  return make('div', {}, make('dt', {}, ...parts), make('dd', {}, text));
};
const build = (page) => {
  const lines = [...FIRST, ...('mayEdit' in page.dataset ? EDITING : READING), ...LAST].map(line);
  const dialog = make(
    'dialog',
    { id: 'keys' },
    make('h2', { id: 'keys-title', tabIndex: -1, autofocus: true }, 'Keyboard shortcuts'), // else the button at the end
    make('dl', { className: 'keys' }, ...lines),
    make('p', { className: 'muted' }, 'On a Mac, use Command instead of Ctrl.'),
    make('form', { method: 'dialog' }, make('button', { className: 'button' }, 'Close')),
  );
  dialog.setAttribute('aria-labelledby', 'keys-title');
  page.append(dialog);
  return dialog;
};

export const showKeys = () => {
  const page = $('.table-page');
  if (page) ($('#keys') ?? build(page)).showModal();
};
