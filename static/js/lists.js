/* Lists of things to manage: one box for all, Shift for a stretch, how many are chosen; a field in a row has all of its text chosen,
   Escape leaves it; a choice in a row is saved when it is made. */
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
  /* At once, not after the swap: a key that is pressed between the two must not be what is chosen, and lost. */
  document.addEventListener('focusin', ({ target }) => {
    if (target.matches('[data-all]')) target.select();
  });

  /* A choice with the pointer is made at once. The arrow keys pass through others on their way: Enter or leaving makes it. */
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
