/* The sentence about a block of cells: how many, and the exact sum and average of its numbers. */
import { markOf, number } from './rows.js';

/* Sums: whole numbers of the smallest unit, so that 0.1 + 0.2 is 0.3. */
const parse = (text, mark) => {
  const isNegative = /^\(.*\)$|^\D*[-\u2212]|[-\u2212]$/.test(text.trim());
  const body = text.replace(/[\p{Sc}%()\s'\u2019+]|[a-df-z]{2,}/giu, '').replace(/^[-\u2212]|[-\u2212]$/g, '').replaceAll(mark === ',' ? '.' : ',', '').replace(mark, '.');
  const parts = /^(\d*)\.?(\d*)(?:e([-\u2212]?\d{1,3}))?$/i.exec(body);
  if (!parts || !(parts[1] + parts[2])) return null;
  const shift = Number((parts[3] ?? '0').replace('\u2212', '-')) - parts[2].length;
  const units = BigInt(parts[1] + parts[2]) * 10n ** BigInt(Math.max(shift, 0));
  return { units: isNegative ? -units : units, scale: Math.max(-shift, 0) };
};
const print = (units, scale, mark) => {
  const digits = String(units < 0n ? -units : units).padStart(scale + 1, '0');
  const fraction = scale ? mark + digits.slice(-scale) : '';
  return (units < 0n ? '-' : '') + digits.slice(0, digits.length - scale) + fraction;
};

/* `texts`: rows of cells, of which the first is in the column with index `left`. */
export const describe = (texts, left) => {
  const found = [];
  let mark = '.';
  texts[0].forEach((_, place) => {
    if (!markOf(left + place)) return;
    mark = markOf(left + place);
    for (const row of texts) { const value = parse(row[place], mark); if (value) found.push(value); }
  });
  const cells = texts.length * texts[0].length;
  if (!found.length || cells < 2) return cells < 2 ? '' : `${number(cells)} cells`;
  const scale = found.reduce((most, value) => Math.max(most, value.scale), 0);
  const sum = found.reduce((total, value) => total + value.units * 10n ** BigInt(scale - value.scale), 0n);
  const finer = 100n * (sum < 0n ? -sum : sum);
  const count = BigInt(found.length);
  const half = (finer + count / 2n) / count; // rounded to two more digits
  const average = print(sum < 0n ? -half : half, scale + 2, mark).replace(/0{1,2}$/, '').replace(/[.,]$/, '');
  return `${number(cells)} cells: ${number(found.length)} numbers, sum ${print(sum, scale, mark)}, average ${finer % count ? '\u2248 ' : ''}${average}`;
};
