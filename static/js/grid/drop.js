/* A file that is dragged over the table: what takes and sends it is loaded now, since few pages ever need it. */
(() => {
  let isLoaded = false;

  document.addEventListener('dragenter', (event) => {
    const form = document.querySelector('form[data-scripts]');
    if (isLoaded || !form || ![...(event.dataTransfer?.types ?? [])].includes('Files')) return;
    isLoaded = true;
    for (const url of form.dataset.scripts.split(' ')) import(url);
  });
  // Until they are there, a file that is dropped at once must not replace the page.
  document.addEventListener('dragover', (event) => {
    if (isLoaded && document.querySelector('form[data-scripts]')) event.preventDefault();
  });
})();
