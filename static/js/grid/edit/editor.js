/* The editor of one cell: an element over the grid, with a field as the column's type needs it. And what becomes of what is typed. */
import { $, cellAt, cellOf, emit, on, placeOf, rows, textOf } from '../rows.js';
import { activeCell, moveTo } from '../active.js';
import { span } from '../selection.js';
import { alarm, button, fields, findUnfit, isExact, isTouch, keyOf, base, isThere, make, matches, mayEdit, mayUndo, nameOf, paint, readCell, tell, titleOf, typeOf } from './cells.js';
import { dropDraft, keepDraft, offerDrafts, storeName } from './drafts.js';
import { pin, unpin } from './layer.js';
import * as problems from './problems.js';
import { hasPending, isPending, sendEdit } from './saves.js';

/* {edit, root, field, note, start (the text it began with), isTyping (arrows save and move), isTouched, isRefused} */
let editor = null;
export const editing = () => editor;

export const open = async (cell) => {
  const [place, shown] = [placeOf(cell), textOf(cell)];
  if (isExact(shown) || isPending(place)) return begin({ place, seen: shown, shown }, shown);
  tell('Reading the cell\u2026');
  try {
    const exact = await readCell(place);
    if (exact === null) return tell('This cell is too long to be edited here, or has a character that a field cannot hold.');
    tell('');
    if (activeCell() !== cellOf(place) || editor) return null; // gone on in the meantime
    if (!matches(exact, shown)) paint(place, exact);
    return begin({ place, seen: exact, shown: textOf(cellOf(place)) }, exact);
  } catch (error) { return tell(`${error.message} Try again.`); }
};
/* Replacing what is there: the key that was pressed goes into the field. */
export const typeOver = (cell) => {
  const [place, shown] = [placeOf(cell), textOf(cell)];
  begin({ place, shown, seen: isExact(shown) ? shown : undefined }, '', { isTyping: true });
};
const begin = (edit, text, { isTyping = false, reason = null } = {}) => {
  if (editor) leave();
  const type = typeOf(edit.place.column);
  edit.place.title = titleOf(edit.place); // the column may be deleted before this is saved
  const { hint, words } = fields.get(edit.place.column) ?? {};
  const isChoice = words?.length && !reason;
  const field = make(isChoice ? 'select' : 'textarea', { ariaLabel: nameOf(edit.place), autocomplete: 'off', spellcheck: false });
  if (isChoice) field.append(...[...new Set([...words, text])].map((word) => new Option(word || 'empty', word)));
  else Object.assign(field, { rows: 1, maxLength: 1_000_001, inputMode: ['integer', 'decimal'].includes(type) ? 'decimal' : 'text' });
  const note = make('div', { className: 'editor-note', id: 'editor-note' });
  const root = make('div', { className: `cell-editor ${type}` }, field, note);
  field.setAttribute('aria-describedby', note.id);
  field.value = text;
  if (hint && isTyping === false) note.textContent = hint;
  editor = { edit, root, field, note, isTyping: isTyping && !isChoice, start: isTyping ? null : field.value, isTouched: Boolean(reason), isRefused: Boolean(reason) };
  pin(root, edit.place);
  emit('rowcast:editor', { open: true });
  field.focus({ preventScroll: true });
  if (!isChoice) field.setSelectionRange(text.length, text.length);
};
/* The list of choices takes the place of a line that was opened before it was known. */
on('edit:field', ({ detail: column }) => {
  if (editor?.edit.place.column !== column || editor.isTouched || editor.isTyping || !editor.field.matches('textarea')) return;
  if (fields.get(column).words.length) begin(editor.edit, editor.field.value);
});
const close = () => {
  unpin(editor.root);
  editor = null;
  emit('rowcast:editor', { open: false });
};
export const cancel = () => {
  const { edit: { place } } = editor;
  close();
  dropDraft({ place });
  move(place);
};
export const commit = (down, right) => {
  const { place } = editor.edit;
  leave();
  move(place, down, right);
};
/* Away from the editor: what was typed is saved; what was refused and not corrected waits to be decided. */
const leave = () => {
  const { edit, field, start, isTouched, isRefused, problem } = editor;
  const text = field.value;
  close();
  if (isRefused && text === edit.text && problem) problems.add([problem]);
  else if (isTouched && text !== start && (start !== null || text !== edit.shown || isRefused)) save({ ...edit, text });
  else dropDraft(edit);
};
const move = (place, down = 0, right = 0) => {
  const cell = cellOf(place);
  if (!cell) return $('#grid [tabindex="0"]')?.focus();
  const [list, last] = [rows(), cell.parentElement.cells.length - 1];
  let [row, index] = [list.indexOf(cell.parentElement) + down, cell.cellIndex + right];
  if (index > last) [row, index] = [row + 1, 1];
  if (index < 1) [row, index] = [row - 1, last];
  moveTo(list[row]?.cells[index] ?? cell);
};

/* Saving: shown at once, true once the server has said so. */
export const save = async (edit) => {
  const { place } = edit;
  edit.store = storeName();
  const isHere = () => mayEdit() && storeName() === edit.store; // else the draft tells when its table is shown again
  keepDraft(edit);
  paint(place, edit.text);
  try {
    const answer = await sendEdit(edit);
    if (!answer) return;
    if (!isHere()) {
      if (answer.saved.length) dropDraft(edit);
      return;
    }
    emit('edit:done', answer);
    if (answer.saved.length) {
      if (isPending(place)) return;
      const shown = answer.saved[0][3] ?? edit.holds;
      paint(place, shown);
      if (isEdited(place)) Object.assign(editor.edit, { seen: edit.holds, shown }); // opened while this was on its way
      else dropDraft(edit);
      tell('Saved');
      const unfit = await findUnfit([place.id]);
      if (unfit) tell(`Saved. ${unfit}`);
    } else if (answer.conflicts.length) {
      const [conflict] = answer.conflicts;
      if (isPending(place)) return;
      if (conflict.current !== null) paint(place, conflict.shown);
      problems.add([{ ...conflict, text: edit.text, place }]);
    } else refuse(edit, answer.refused[0]);
  } catch (error) { if (isHere()) refuse(edit, { reason: error.message }); }
};
const isEdited = (place) => editor && keyOf(editor.edit.place) === keyOf(place);
const refuse = (edit, refusal) => {
  const { place } = edit;
  if (isPending(place)) return; // typed anew in the meantime
  if (edit.shown !== undefined) paint(place, edit.shown);
  const problem = { ...refusal, ...edit, place };
  if (editor || !isThere(place.column)) problems.add([problem]);
  else again(problem);
};
/* The editor once more, with what was typed and why that was not saved. */
const again = (problem) => {
  const { place, seen, shown, text } = problem;
  if (cellOf(place)) moveTo(cellOf(place));
  begin({ place, seen, shown, text }, text, { reason: problem.reason });
  const { note, field } = editor;
  editor.problem = problem;
  field.ariaInvalid = 'true';
  const choices = problem.as_text ? [
    button('Keep as text', () => { close(); save({ place, seen, shown, text: field.value, asText: true }); move(place); }),
    ...(problem.type_url ? [make('a', { href: problem.type_url, className: 'button quiet' }, 'Turn the column into text')] : []),
  ] : [];
  note.replaceChildren(make('p', {}, problem.reason), make('div', { className: 'actions' }, ...choices));
  note.classList.add('refused');
  alarm(`Not saved: ${problem.reason}`);
  field.select();
};
problems.decideBy(save);
on('edit:again', ({ detail: item }) => again({ ...item, text: item.text }));

/* Keys in the editor. */
const fillSelection = () => {
  const text = editor.field.value;
  const { place } = editor.edit;
  close();
  dropDraft({ place });
  emit('edit:fill', text);
  cellOf(place)?.focus(); // the selection stays
};
const insertBreak = (field) => field.setRangeText('\n', field.selectionStart, field.selectionEnd, 'end');
const ARROWS = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] };
on('keydown', (event) => {
  if (!editor?.root.contains(event.target) || event.isComposing) return;
  const { field, start, isTyping, isRefused } = editor;
  const { key, shiftKey } = event;
  const isCommand = event.ctrlKey || event.metaKey;
  const act = (what) => { event.preventDefault(); event.stopImmediatePropagation(); what(); };
  if (key === 'Escape') act(cancel);
  else if (event.target !== field) return;
  else if (key === 'Enter' && event.altKey && field.matches('textarea')) act(() => { insertBreak(field); field.dispatchEvent(new Event('input', { bubbles: true })); });
  else if (key === 'Enter' && isCommand) act(() => (span() ? fillSelection() : commit()));
  else if (key === 'Enter') act(() => commit(shiftKey ? -1 : 1, 0));
  else if (key === 'Tab' && !(isRefused && !shiftKey && editor.note.querySelector('button'))) act(() => commit(0, shiftKey ? -1 : 1));
  else if (key === 'F2') act(() => { editor.isTyping = !editor.isTyping; });
  else if (isTyping && ARROWS[key] && !isCommand && !shiftKey && !event.altKey) act(() => commit(...ARROWS[key]));
  else if (isCommand && /^[zy]$/i.test(key) && field.value === (start ?? '')) act(() => { cancel(); emit('edit:step', key.toLowerCase() === 'y' || shiftKey ? 'redo' : 'undo'); });
}, true);
on('input', ({ target }) => {
  if (!editor || target !== editor.field) return;
  editor.isTouched = true;
  keepDraft({ ...editor.edit, text: target.value });
});
on('pointerdown', ({ target }) => { // elsewhere: as with Enter, but the click decides where to
  if (!editor || target.closest('.grid-over')) return;
  if (!editor.isRefused || editor.field.value !== editor.edit.text) leave();
}, true);

/* Keys at rest. */
on('keydown', (event) => {
  const cell = cellAt(event.target);
  if (!cell || !mayEdit() || event.defaultPrevented) return;
  const { key } = event;
  const isCommand = (event.ctrlKey || event.metaKey) && !event.getModifierState('AltGraph');
  const act = (what) => { event.preventDefault(); event.stopImmediatePropagation(); what(); };
  const isPlain = !isCommand && !event.altKey;
  if (cell.parentElement.matches('.gone')) { // deleted by somebody: nothing to edit, but to bring back
    if (key === 'Enter' || key === 'F2') act(() => $('button', cell.parentElement)?.click());
    return;
  }
  const isBoolean = typeOf(placeOf(cell).column) === 'boolean';
  if (key === 'F2' || (key === 'Enter' && isPlain && !event.shiftKey)) act(() => (problems.hasProblem(placeOf(cell)) ? $('.edit-card').focus() : open(cell)));
  else if (key === ' ' && isPlain && !event.shiftKey) { if (isBoolean) act(() => toggle(cell)); }
  else if (event.keyCode === 229 || key === 'Dead' || (key.length === 1 && isPlain && !'/?'.includes(key))) typeOver(cell);
}, true);
const toggle = async (cell) => {
  const [place, shown] = [placeOf(cell), textOf(cell)];
  try {
    if (!fields.has(place.column)) await readCell(place);
  } catch (error) { return tell(`${error.message} Try again.`); }
  const text = fields.get(place.column).words.find((word) => word && word !== shown);
  return text && save({ place, seen: shown, shown, text });
};
on('dblclick', (event) => {
  const cell = cellAt(event.target);
  if (!cell || !mayEdit() || event.target.closest('a') || cell.closest('.gone')) return;
  event.stopImmediatePropagation();
  getSelection().removeAllRanges();
  open(cell);
}, true);

/* What editors of the column need is there before one is opened. Not asked for while rows go: this one may be among them. */
let timer = 0;
let reading = new AbortController();
on('grid:active', ({ detail: { place } }) => {
  clearTimeout(timer);
  if (!mayEdit() || !place.column || !place.id || fields.has(place.column)) return;
  timer = setTimeout(() => {
    const cell = cellOf(place);
    if (hasPending() || !cell || cell.closest('.gone')) return;
    reading = new AbortController();
    readCell(place, reading.signal).catch(() => {});
  }, 150);
});
on('edit:removal', () => { clearTimeout(timer); reading.abort(); });

/* A tap: no editor over cells, but the row's form in the panel, with this field. */
on('click', async (event) => {
  const cell = cellAt(event.target);
  if (!cell || !mayEdit() || !isTouch(event) || event.target.closest('a') || cell.closest('.gone')) return;
  const { id, column } = placeOf(cell);
  await htmx.ajax('GET', `${base()}/rows/${id.slice(1)}/edit`, { target: '#panel', swap: 'innerHTML', push: 'false' });
  const field = $(`#panel #cell${column}`);
  field?.focus();
  field?.scrollIntoView({ block: 'center' });
});

/* Others change the cell under the editor: what is typed stays, and saving it will be a conflict. */
on('rowcast:remote', ({ detail: { row, column, text, who, own } }) => {
  if (own || !isEdited({ id: `r${row}`, column })) return;
  const words = `${who || 'Somebody'} changed this to \u201c${text}\u201d`;
  editor.note.replaceChildren(make('p', {}, words));
  tell(words);
});

/* Nobody is sent to another page while they type, or before they have read that they were signed out: saving will tell. A page
   that was opened by a link ends with its link. */
on('rowcast:access', (event) => { if (event.detail.role === 'none' && mayUndo() && (editor || hasPending())) event.preventDefault(); });

/* The session has ended: what was typed is kept in this tab. */
on('edit:ended', ({ detail: address }) => {
  const words = 'Your session has ended. What you typed is kept in this tab and offered again once you have signed in.';
  const card = make('section', { className: 'edit-card', role: 'group', tabIndex: -1, ariaLabel: 'Signed out' },
    make('p', {}, words), make('div', { className: 'actions' }, make('a', { className: 'button primary', href: address }, 'Sign in')));
  pin(card, null);
  alarm(words);
});

/* Another page took the place of this one: what was typed there is a draft. */
const offer = () => offerDrafts(save, (place) => isPending(place) || problems.hasProblem(place) || isEdited(place));
on('htmx:after:swap', ({ detail: { ctx } }) => {
  if (editor && mayEdit() && !isThere(editor.edit.place.column)) leave(); // saved if it is only hidden
  if (ctx.target?.id !== 'main') return;
  if (editor && !editor.root.isConnected) editor = null;
  offer();
});
offer();
