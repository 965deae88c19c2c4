/** HTML of the server's plain pages: escaped text, one style sheet, no script, nothing from elsewhere. */

/** Text that was escaped, or made of such. */
export interface Html {
  readonly html: string;
}

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escape = (text: string): string => text.replaceAll(/[&<>"']/g, (c) => escapes[c] ?? c);

type Part = Html | string | number | undefined | readonly Html[];

/** A template whose values are escaped unless they are HTML already. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  const text = strings.reduce((all, piece, i) => all + partText(parts[i - 1]) + piece);
  return { html: text };
}

function partText(part: Part): string {
  if (part === undefined) return '';
  if (typeof part === 'string' || typeof part === 'number') return escape(String(part));
  return 'html' in part ? part.html : part.map((p) => p.html).join('\n');
}

export interface Page {
  readonly title: string;
  readonly version: string;
  /** Path of the page that is open. */
  readonly current: '/' | '/reference';
  readonly body: Html;
}

const places = [
  ['/', 'Overview'],
  ['/reference', 'API reference'],
  ['/api/openapi.json', 'OpenAPI 3.1'],
  ['/api/ledger', 'Ledger'],
  ['/metrics', 'Metrics'],
] as const;

export function pageOf(page: Page): string {
  const links = places.map(([path, name]) =>
    path === page.current
      ? html`<a href="${path}" aria-current="page">${name}</a>`
      : html`<a href="${path}">${name}</a>`,
  );
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${page.title}</title>
        <link rel="stylesheet" href="/style.css" />
      </head>
      <body>
        <header>
          <p class="brand"><a href="/">Slipway</a> <span>${page.version}</span></p>
          <nav>${links}</nav>
        </header>
        <main>${page.body}</main>
      </body>
    </html> `.html;
}

/** `2026-11-21 15:12 UTC`, with the exact instant for programs. */
export function timeOf(ms: number): Html {
  const iso = new Date(ms).toISOString();
  return html`<time datetime="${iso}">${iso.slice(0, 16).replace('T', ' ')} UTC</time>`;
}

export const pageStyle = `:root { color-scheme: light dark; --ink: #17212b; --soft: #566573; --line: #dce2e8; --back: #f6f8fa; --card: #ffffff; --accent: #0a5fb4; --good: #176c3a; --warn: #8a5a00; --bad: #b3261e; --live: #0a5fb4; --code: #eef2f6; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4eaf0; --soft: #98a6b3; --line: #2b3641; --back: #0f151b; --card: #161e26; --accent: #78b8fa; --good: #6fce93; --warn: #e6b450; --bad: #ff8a80; --live: #78b8fa; --code: #1e2832; } }
* { box-sizing: border-box; }
body { margin: 0; font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; color: var(--ink); background: var(--back); }
header { display: flex; flex-wrap: wrap; gap: .5rem 2rem; align-items: baseline; padding: .9rem calc(1.25rem + max(0rem, (100% - 76rem) / 2)); background: var(--card); border-bottom: 1px solid var(--line); }
.brand { margin: 0; font-size: 1.2rem; font-weight: 700; } .brand a { color: inherit; text-decoration: none; } .brand span { font-size: .8rem; font-weight: 400; color: var(--soft); }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; } nav a { text-decoration: none; } nav a[aria-current] { color: var(--ink); font-weight: 600; }
main { max-width: 76rem; margin: 0 auto; padding: 1.25rem; }
a { color: var(--accent); } a:hover { text-decoration: underline; } :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
h1 { margin: .5rem 0 0; font-size: 1.4rem; } h2 { margin: 0; font-size: 1rem; } .lead { margin: .25rem 0 1.25rem; color: var(--soft); }
.card { margin: 0 0 1rem; background: var(--card); border: 1px solid var(--line); border-radius: 8px; overflow: hidden; }
.card > .head { display: flex; justify-content: space-between; align-items: baseline; gap: 1rem; padding: .6rem 1rem; } .head a { font-size: .85rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .4rem 1rem; border-top: 1px solid var(--line); vertical-align: top; } thead th { font-size: .78rem; font-weight: 500; color: var(--soft); white-space: nowrap; }
tbody th { font-weight: 600; white-space: nowrap; } td { white-space: nowrap; } td.wide { width: 99%; white-space: normal; min-width: 14rem; } td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; } time { white-space: nowrap; font-variant-numeric: tabular-nums; }
.empty { margin: 0; padding: 0 1rem .8rem; color: var(--soft); } code { padding: .1em .35em; border-radius: 4px; background: var(--code); font: .88em/1.4 ui-monospace, "SF Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.tone { white-space: nowrap; font-weight: 600; } .good { color: var(--good); } .warn { color: var(--warn); } .bad { color: var(--bad); } .live { color: var(--live); } .soft { color: var(--soft); font-weight: 400; }
.columns { display: grid; grid-template-columns: 13rem 1fr; gap: 1.5rem; align-items: start; } .index { position: sticky; top: 1rem; max-height: calc(100vh - 2rem); overflow-y: auto; font-size: .9rem; } .index ul { margin: 0; padding: 0; list-style: none; } .index a { display: block; padding: .12rem 0; text-decoration: none; }
details { border-top: 1px solid var(--line); } summary { display: flex; flex-wrap: wrap; gap: .1rem .75rem; align-items: baseline; padding: .5rem 1rem; cursor: pointer; } summary:hover { background: var(--back); } summary .what { flex-basis: 100%; color: var(--soft); font-size: .9rem; }
.method { min-width: 3.6rem; font: 600 .8rem/1.6 ui-monospace, Menlo, Consolas, monospace; } .path { background: none; padding: 0; font-weight: 600; } .detail { padding: 0 1rem .75rem; } .detail h3 { margin: .75rem 0 .1rem; font-size: .85rem; } .detail table { font-size: .9rem; } .detail p { margin: .4rem 0; font-size: .9rem; color: var(--soft); }
@media (max-width: 48rem) { .columns { grid-template-columns: 1fr; } .index { display: none; } th, td { padding: .4rem .75rem; } }
`;
