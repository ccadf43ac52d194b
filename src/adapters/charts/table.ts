/** Tables: for reading, and as what stands behind a chart. */
import { html, type Html, type HtmlValue } from './html.js';

export interface Column {
  name: string;
  /** Aligned to the right. */
  number?: boolean;
}

/** The first column names its row. Wider than the page, it scrolls by itself, by keyboard too. */
export function renderTable(
  caption: string,
  columns: readonly Column[],
  rows: readonly (readonly HtmlValue[])[],
): Html {
  const cssClass = (i: number): Html | false => columns[i]?.number === true && html`class="number"`;
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0">
    <table>
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          ${columns.map(({ name }, i) => html`<th scope="col" ${cssClass(i)}>${name}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) =>
            html`<tr>
              ${row.map((cell, i) =>
                i === 0 ? html`<th scope="row" ${cssClass(i)}>${cell}</th>` : html`<td ${cssClass(i)}>${cell}</td>`,
              )}
            </tr> `,
        )}
      </tbody>
    </table>
  </div>`;
}

/** The same numbers as the chart above, folded away. */
export const renderNumbers = (caption: string, columns: readonly Column[], rows: readonly HtmlValue[][]): Html =>
  html`<details>
    <summary>The numbers: ${caption}</summary>
    ${renderTable(caption, columns, rows)}
  </details>`;
