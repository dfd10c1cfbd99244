/* The dashboard's intake: choosing a file uploads it; so does dropping a file or pasting a table anywhere on the page. */
(() => {
  const form = () => document.querySelector('form[data-drop]');
  const root = document.documentElement;
  const holdsFiles = (event) => form() && [...(event.dataTransfer?.types ?? [])].includes('Files');
  let depth = 0;

  const over = (isOver) => {
    if (isOver) root.dataset.dragging = '';
    else delete root.dataset.dragging;
  };
  document.addEventListener('dragenter', (event) => {
    if (!holdsFiles(event)) return;
    depth += 1;
    over(true);
  });
  document.addEventListener('dragleave', (event) => {
    if (!holdsFiles(event)) return;
    depth = Math.max(0, depth - 1);
    if (!depth) over(false);
  });
  document.addEventListener('dragover', (event) => {
    if (holdsFiles(event)) event.preventDefault();
  });
  document.addEventListener('drop', (event) => {
    depth = 0;
    over(false);
    if (!holdsFiles(event)) return;
    event.preventDefault();
    const input = form().elements.file;
    if (!event.dataTransfer.files.length || form().querySelector('.drop-choose').hidden) return;
    const only = new DataTransfer();
    only.items.add(event.dataTransfer.files[0]);
    input.files = only.files;
    form().requestSubmit();
  });

  document.addEventListener('change', ({ target }) => {
    if (target.matches('form[data-drop] input[type="file"]') && target.files.length) target.form.requestSubmit();
  });

  document.addEventListener('paste', (event) => {
    const details = document.querySelector('[data-paste]');
    const text = event.clipboardData?.getData('text/plain') ?? '';
    if (!details || event.target.closest('input, textarea') || !/[\t\n]/.test(text.trim())) return;
    details.open = true;
    const area = details.querySelector('textarea');
    area.value = text;
    details.querySelector('button').focus();
  });
})();
