/* Keyboard control of the grid, following the grid pattern of the ARIA Authoring Practices: one cell is in the tab order,
   arrows move. Enter opens the row (on a title: sorts, with Shift adds it to the sort), Ctrl+Enter follows a cell's link, Alt+Down opens the column. */
(() => {
  const grid = () => document.querySelector('#grid > .grid');
  let position = { row: 1, column: 1 }; // of the cell in the tab order, after the grid is redrawn
  let current = null;

  const rowsOf = (table) => [...table.rows].filter((row) => !row.parentElement.matches('.more'));
  const linkOf = (cell) => cell.querySelector(':scope > div > .sort, :scope > a');
  const focusable = (cell) => (cell.matches('th') ? linkOf(cell) ?? cell : cell);

  const prepare = () => {
    const table = grid();
    if (!table) return;
    if (!table.hasAttribute('role')) {
      table.setAttribute('role', 'grid');
      table.setAttribute('aria-rowcount', '-1');
    }
    for (const link of table.querySelectorAll(':is(thead, tbody.rows) a:not([tabindex])')) link.tabIndex = -1;
    const second = table.rows[0].cells[1];
    table.parentElement.style.setProperty('--first-w', `${(second?.offsetWidth ?? 0) + table.rows[0].cells[0].offsetWidth}px`);
    if (current?.isConnected) return;
    const rows = rowsOf(table);
    const row = rows[Math.min(position.row, rows.length - 1)];
    makeCurrent(row.cells[Math.min(position.column, row.cells.length - 1)]);
  };

  const makeCurrent = (cell) => {
    if (current) focusable(current).tabIndex = -1;
    current = cell;
    focusable(cell).tabIndex = 0;
  };
  const moveTo = (cell) => {
    if (!cell) return;
    makeCurrent(cell);
    position = { row: Math.min(cell.parentElement.rowIndex, 1), column: cell.cellIndex };
    focusable(cell).focus();
  };

  const rowBeside = (row, step) => {
    let next = row;
    for (let left = Math.abs(step); left; left -= 1) {
      const further = neighbour(next, Math.sign(step));
      if (!further) break;
      next = further;
    }
    return next;
  };
  const neighbour = (row, direction) => {
    const side = direction > 0 ? 'nextElementSibling' : 'previousElementSibling';
    if (row[side]) return row[side];
    let section = row.parentElement[side];
    while (section && !section.matches('thead, tbody.rows')) section = section[side];
    return section && (direction > 0 ? section.rows[0] : section.rows[section.rows.length - 1]);
  };

  const move = (cell, event) => {
    const row = cell.parentElement;
    const column = cell.cellIndex;
    const last = row.cells.length - 1;
    const screen = Math.max(1, Math.floor((document.querySelector('#grid').clientHeight - 34) / (row.offsetHeight || 30)) - 1);
    const whole = event.ctrlKey || event.metaKey;
    const all = () => rowsOf(grid());
    switch (event.key) {
      case 'ArrowRight': return row.cells[Math.min(column + 1, last)];
      case 'ArrowLeft': return row.cells[Math.max(column - 1, 0)];
      case 'ArrowDown': return rowBeside(row, 1).cells[column];
      case 'ArrowUp': return rowBeside(row, -1).cells[column];
      case 'PageDown': return rowBeside(row, screen).cells[column];
      case 'PageUp': return rowBeside(row, -screen).cells[column];
      case 'Home': return whole ? all()[1]?.cells[0] : row.cells[0];
      case 'End': return whole ? all().at(-1).cells[last] : row.cells[last];
      default: return null;
    }
  };

  document.addEventListener('keydown', (event) => {
    const cell = event.target.closest?.('#grid .grid :is(td, th)');
    if (!cell || event.target.closest('tbody.more') || event.defaultPrevented) return;
    if (event.altKey && event.key === 'ArrowDown') {
      event.preventDefault();
      grid().rows[0].cells[cell.cellIndex]?.querySelector('.column-menu')?.click();
      return;
    }
    if (event.altKey) return;
    if (event.key === 'Enter') {
      const inHead = cell.parentElement.parentElement.matches('thead');
      const link = inHead ? null : (event.ctrlKey || event.metaKey) && cell.querySelector('a') || cell.parentElement.cells[0].querySelector('a');
      if (event.target.matches('a') || !link) return; // links handle Enter themselves
      event.preventDefault();
      link.click();
      return;
    }
    const next = move(cell, event);
    if (!next) return;
    event.preventDefault();
    moveTo(next);
  });

  document.addEventListener('click', (event) => {
    const cell = event.target.closest?.('#grid tbody.rows td');
    if (!cell || event.target.closest('a') || !getSelection().isCollapsed) return;
    moveTo(cell);
  });
  document.addEventListener('dblclick', (event) => {
    const cell = event.target.closest?.('#grid tbody.rows td');
    if (!cell || event.target.closest('a')) return;
    getSelection().removeAllRanges();
    cell.parentElement.cells[0].querySelector('a').click();
  });
  document.addEventListener('copy', (event) => {
    const cell = document.activeElement?.closest('#grid tbody.rows td');
    if (!cell || !getSelection().isCollapsed) return;
    event.clipboardData.setData('text/plain', cell.textContent);
    event.preventDefault();
  });

  /* Show text that does not fit its cell in full while the cell has the focus. */
  const peek = document.createElement('div');
  peek.id = 'peek';
  peek.setAttribute('aria-hidden', 'true'); // screen readers have the cell's own text
  peek.popover = 'manual';
  document.body.append(peek);
  const hide = () => { if (peek.matches(':popover-open')) peek.hidePopover(); };
  document.addEventListener('focusin', ({ target }) => {
    hide();
    if (!target.matches?.('#grid tbody.rows td') || target.scrollWidth <= target.clientWidth) return;
    const box = target.getBoundingClientRect();
    peek.textContent = target.textContent;
    peek.style.minWidth = `${box.width}px`;
    peek.showPopover();
    peek.style.left = `${Math.max(8, Math.min(box.left, innerWidth - peek.offsetWidth - 8))}px`;
    peek.style.top = `${Math.min(box.top, innerHeight - peek.offsetHeight - 8)}px`;
  });
  document.addEventListener('focusout', hide);
  document.addEventListener('scroll', hide, true);
  /* Keep the focus in the grid when its rows are replaced. */
  let wasInside = false;
  document.addEventListener('htmx:before:swap', () => { wasInside = Boolean(document.activeElement?.closest('#grid')); });
  document.addEventListener('htmx:after:swap', () => {
    prepare();
    if (wasInside && document.activeElement === document.body && current?.isConnected) focusable(current).focus({ preventScroll: true });
  });
  document.addEventListener('column:width', prepare);
  prepare();
})();
