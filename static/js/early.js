/* Code the first paint depends on; everything else is deferred. */
(() => {
  const root = document.documentElement;
  root.classList.add('js');
  try {
    root.dataset.density = localStorage.getItem('density') || 'normal';
  } catch {
    root.dataset.density = 'normal';
  }
})();
