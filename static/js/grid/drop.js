/* A file that is dragged over the table: the form that sends it, and its scripts, are loaded now, since few pages ever need them. */
import { on } from './rows.js';
import { base, page } from './edit/cells.js';

const isWaiting = () => page() && !page().querySelector('form[data-drop]');
let loading = null; // for this page
const load = async () => {
  const place = loading = page();
  try {
    const answer = await fetch(`${base()}/imports`, { headers: { 'HX-Request-Type': 'partial' } });
    const [html] = await Promise.all([answer.ok && answer.text(), import('../upload.js')]);
    if (!html || !place.isConnected) return;
    place.insertAdjacentHTML('beforeend', html);
    htmx.process(place.lastElementChild);
    await import('../drop.js');
  } finally {
    loading = null;
  }
};
on('dragenter', (event) => {
  if (isWaiting() && loading !== page() && [...(event.dataTransfer?.types ?? [])].includes('Files')) load();
});
/* Until it is there, a file that is dropped at once must not replace the page. */
for (const name of ['dragover', 'drop']) on(name, (event) => { if (loading) event.preventDefault(); });
