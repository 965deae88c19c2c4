/** The page at the server's root: what is running, what needs somebody, and where to read on. */
import type { Html } from './page.ts';
import { html, pageOf, timeOf } from './page.ts';

export type Tone = 'good' | 'warn' | 'bad' | 'live' | 'soft';

export interface HomeCell {
  readonly text?: string;
  /** An instant instead of a text. */
  readonly at?: number;
  /** Where the thing is described, in JSON. */
  readonly path?: string;
  readonly tone?: Tone;
  readonly isNumber?: boolean;
}

export interface HomeSection {
  readonly title: string;
  /** The whole list, in JSON. */
  readonly path: string;
  /** What to do when there is nothing; may name commands in backticks. */
  readonly empty: string;
  readonly head: readonly string[];
  /** The first cell names the thing; the last one may be long. */
  readonly rows: readonly (readonly HomeCell[])[];
  /** There are more than are shown. */
  readonly hasMore?: boolean;
}

export interface HomeFacts {
  readonly version: string;
  readonly startedAt: number;
  readonly database: string;
  readonly sections: readonly HomeSection[];
}

export function homePage(facts: HomeFacts): string {
  const body = html`<h1>What is running</h1>
    <p class="lead">Since ${timeOf(facts.startedAt)} on ${facts.database === 'sqlite' ? 'SQLite' : 'PostgreSQL'}.</p>
    ${facts.sections.map(section)}`;
  return pageOf({ title: 'Slipway', version: facts.version, current: '/', body });
}

function section(part: HomeSection): Html {
  const more = part.hasMore === true ? 'more, in JSON' : 'in JSON';
  const head = html`<div class="head">
    <h2>${part.title}</h2>
    <a href="${part.path}">${more}</a>
  </div>`;
  if (part.rows.length === 0)
    return html`<section class="card">
      ${head}
      <p class="empty">${prose(part.empty)}</p>
    </section>`;
  return html`<section class="card">
    ${head}
    <div class="scroll">
      <table>
        <thead>
          <tr>
            ${part.head.map((name, i) =>
              part.rows[0]?.[i]?.isNumber === true
                ? html`<th scope="col" class="number">${name}</th>`
                : html`<th scope="col">${name}</th>`,
            )}
          </tr>
        </thead>
        <tbody>
          ${part.rows.map(
            (cells) =>
              html`<tr>
                ${cells.map((cell, i) => cellOf(cell, i === 0, i === cells.length - 1))}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`;
}

function cellOf(cell: HomeCell, isName: boolean, isLast: boolean): Html {
  const text = cell.at === undefined ? html`${cell.text ?? '–'}` : timeOf(cell.at);
  const linked = cell.path === undefined ? text : html`<a href="${cell.path}">${text}</a>`;
  const toned = cell.tone === undefined ? linked : html`<span class="tone ${cell.tone}">${linked}</span>`;
  if (isName) return html`<th scope="row">${toned}</th>`;
  if (cell.isNumber === true) return html`<td class="number">${toned}</td>`;
  return isLast ? html`<td class="wide">${toned}</td>` : html`<td>${toned}</td>`;
}

/** Words in backticks are commands. */
function prose(text: string): Html {
  const parts = text.split('`').map((part, i) => (i % 2 === 1 ? html`<code>${part}</code>` : html`${part}`));
  return { html: parts.map((p) => p.html).join('') };
}
