/* Management lists: a checkbox for all, Shift for a range, a count of the selection. In a row, a text field starts with all its
   text selected and Escape leaves it; a select saves when it is changed. */
(() => {
  const boxesOf = (form) => [...document.querySelectorAll(`input[type="checkbox"][form="${form}"]`)];
  const count = () => {
    for (const allBox of document.querySelectorAll('[data-choose]')) {
      const boxes = boxesOf(allBox.dataset.choose);
      const chosen = boxes.filter((box) => box.checked).length;
      allBox.checked = chosen > 0 && chosen === boxes.length;
      allBox.indeterminate = chosen > 0 && chosen < boxes.length;
      const label = document.querySelector(`[data-chosen="${allBox.dataset.choose}"]`);
      if (label) label.textContent = chosen ? `${chosen.toLocaleString()} selected` : '';
    }
  };

  let lastBox = null;
  document.addEventListener('click', (event) => {
    const box = event.target.closest('input[type="checkbox"][form]');
    if (!box) return;
    const boxes = boxesOf(box.getAttribute('form'));
    const [from, to] = [boxes.indexOf(lastBox), boxes.indexOf(box)].sort((a, b) => a - b);
    if (event.shiftKey && from >= 0) for (const between of boxes.slice(from, to + 1)) between.checked = box.checked;
    lastBox = box;
  });
  document.addEventListener('change', ({ target }) => {
    if (target.matches('[data-choose]')) for (const box of boxesOf(target.dataset.choose)) box.checked = target.checked;
    count();
  });
  document.addEventListener('htmx:after:swap', count);
  /* At once, not after the swap: a key pressed in between would be selected too, and lost. */
  document.addEventListener('focusin', ({ target }) => {
    if (target.matches('[data-all]')) target.select();
  });

  /* With the pointer, a choice is saved at once. Arrow keys pass over other options, so Enter or leaving the field saves. */
  const isSavedOnChange = (target) => target.matches('select[data-save]');
  const savedValue = (select) => [...select.options].find((option) => option.defaultSelected)?.value ?? select.value;
  const save = (select) => { if (select.value !== savedValue(select)) select.dispatchEvent(new Event('chosen', { bubbles: true })); };
  let isStepping = false;
  document.addEventListener('keydown', (event) => {
    if (!isSavedOnChange(event.target)) return;
    if (event.key === 'Enter') save(event.target);
    if (event.key === 'Escape') event.target.value = savedValue(event.target);
    isStepping = !event.altKey && !['Enter', 'Escape', 'Tab', ' '].includes(event.key);
  });
  document.addEventListener('keyup', () => { isStepping = false; });
  document.addEventListener('change', ({ target }) => { if (isSavedOnChange(target) && !isStepping) save(target); });
  document.addEventListener('focusout', ({ target }) => { if (isSavedOnChange(target)) save(target); });

  document.addEventListener('keydown', (event) => {
    const leave = event.key === 'Escape' && event.target.closest('form')?.querySelector('[data-escape]');
    if (!leave) return;
    event.preventDefault();
    leave.click();
  });
  count();
})();
