/* Code the first paint depends on; everything else comes later. */
(() => {
  const root = document.documentElement;
  const isMap = (value) => typeof value === 'object' && value !== null;
  const stored = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
  root.classList.add('js');
  root.dataset.density = stored('density') || 'normal';

  /* Column widths that were set by hand, in pixels, by table and column number (grid/widths.js), as rules in a style sheet. */
  const sheet = new CSSStyleSheet();
  const apply = (widths) => {
    const rules = [];
    for (const [table, columns] of Object.entries(isMap(widths) ? widths : {})) {
      for (const [column, width] of Object.entries(isMap(columns) ? columns : {})) {
        if (Number.isInteger(width)) rules.push(`#table-${Number(table)} col[data-column="${Number(column)}"] { width: min(${width}px, max(360px, 60vw)) }`);
      }
    }
    sheet.replaceSync(rules.join('\n'));
  };
  document.adoptedStyleSheets.push(sheet);
  document.addEventListener('widths', ({ detail }) => apply(detail));
  try { apply(JSON.parse(stored('widths'))); } catch { /* nothing readable stored */ }
})();
