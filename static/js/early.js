/* Code the first paint depends on; everything else comes later. */
(() => {
  const root = document.documentElement;
  const isMap = (value) => typeof value === 'object' && value !== null;
  const stored = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
  root.classList.add('js');
  root.dataset.density = stored('density') || 'normal';

  /* Column widths that were set by hand, in pixels, by table ("17") or saved view ("17.5") and column number, and the rows' height
     in a view (grid/layout.js), as rules in a style sheet. */
  const HEIGHTS = ['compact', 'normal', 'comfortable'];
  const sheet = new CSSStyleSheet();
  const apply = (widths) => {
    const rules = [];
    for (const [place, columns] of Object.entries(isMap(widths) ? widths : {})) {
      const [table, view] = place.split('.').map(Number);
      const grid = view ? `#table-${table} [data-view="${view}"]` : `#table-${table}`;
      for (const [column, width] of Object.entries(isMap(columns) ? columns : {})) {
        if (Number.isInteger(width)) rules.push(`${grid} col[data-column="${Number(column)}"]${view ? '' : ':not([data-auto])'} { width: min(${width}px, max(360px, 60vw)) }`);
        else if (view && HEIGHTS.includes(width)) rules.push(`${grid} { --row-h: var(--row-${width}) }`);
      }
    }
    sheet.replaceSync(rules.join('\n'));
  };
  document.adoptedStyleSheets.push(sheet);
  document.addEventListener('widths', ({ detail }) => apply(detail));
  try { apply(JSON.parse(stored('widths'))); } catch { /* nothing readable stored */ }
})();
