/* Management lists: a checkbox for all, Shift for a range, a count of the selection. In a row, a text field starts with all its
   text selected and Escape leaves it; a select saves when it is changed. */
(() => {
  const boxes = (form) => [...document.querySelectorAll(`input[type="checkbox"][form="${form}"]`)];
  const count = () => {
    for (const all of document.querySelectorAll('[data-choose]')) {
      const every = boxes(all.dataset.choose);
      const chosen = every.filter((box) => box.checked).length;
      all.checked = chosen > 0 && chosen === every.length;
      all.indeterminate = chosen > 0 && chosen < every.length;
      const words = document.querySelector(`[data-chosen="${all.dataset.choose}"]`);
      if (words) words.textContent = chosen ? `${chosen.toLocaleString()} chosen` : '';
    }
  };

  let last = null;
  document.addEventListener('click', (event) => {
    const box = event.target.closest('input[type="checkbox"][form]');
    if (!box) return;
    const every = boxes(box.getAttribute('form'));
    const [from, to] = [every.indexOf(last), every.indexOf(box)].sort((a, b) => a - b);
    if (event.shiftKey && from >= 0) for (const one of every.slice(from, to + 1)) one.checked = box.checked;
    last = box;
  });
  document.addEventListener('change', ({ target }) => {
    if (target.matches('[data-choose]')) for (const box of boxes(target.dataset.choose)) box.checked = target.checked;
    count();
  });
  document.addEventListener('htmx:after:swap', count);
  /* At once, not after the swap: a key pressed in between would be selected too, and lost. */
  document.addEventListener('focusin', ({ target }) => {
    if (target.matches('[data-all]')) target.select();
  });

  /* With the pointer, a choice is saved at once. Arrow keys pass over other options, so Enter or leaving the field saves. */
  const saves = (target) => target.matches('select[data-save]');
  const settled = (select) => [...select.options].find((option) => option.defaultSelected)?.value ?? select.value;
  const save = (select) => { if (select.value !== settled(select)) select.dispatchEvent(new Event('chosen', { bubbles: true })); };
  let stepping = false;
  document.addEventListener('keydown', (event) => {
    if (!saves(event.target)) return;
    if (event.key === 'Enter') save(event.target);
    if (event.key === 'Escape') event.target.value = settled(event.target);
    stepping = !event.altKey && !['Enter', 'Escape', 'Tab', ' '].includes(event.key);
  });
  document.addEventListener('keyup', () => { stepping = false; });
  document.addEventListener('change', ({ target }) => { if (saves(target) && !stepping) save(target); });
  document.addEventListener('focusout', ({ target }) => { if (saves(target)) save(target); });

  document.addEventListener('keydown', (event) => {
    const leave = event.key === 'Escape' && event.target.closest('form')?.querySelector('[data-escape]');
    if (!leave) return;
    event.preventDefault();
    leave.click();
  });
  count();
})();
