/** The page at the server's root: what is running, and where to read on. No script, no outside asset. */
export interface HomeFacts {
  readonly version: string;
  readonly startedAt: number;
  readonly database: string;
  readonly sections: readonly {
    readonly title: string;
    readonly path: string;
    readonly empty: string;
    readonly rows: readonly HomeRow[];
  }[];
}
export interface HomeRow {
  readonly name: string;
  readonly detail: string;
}

const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

function section(part: HomeFacts['sections'][number]): string {
  const rows = part.rows
    .map((r) => `<tr><th scope="row">${escape(r.name)}</th><td>${escape(r.detail)}</td></tr>`)
    .join('\n');
  const body = part.rows.length === 0 ? `<p class="empty">${escape(part.empty)}</p>` : `<table>${rows}</table>`;
  return `<section><h2>${escape(part.title)} <a href="${escape(part.path)}">JSON</a></h2>${body}</section>`;
}

export function homePage(facts: HomeFacts): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Slipway</title><link rel="stylesheet" href="/style.css"></head>
<body>
<header><h1>Slipway</h1><p>version ${escape(facts.version)} · ${escape(facts.database)} · running since ${escape(new Date(facts.startedAt).toISOString())}</p>
<nav><a href="/api/openapi.json">API reference (OpenAPI 3.1)</a> <a href="/api/ledger">ledger</a> <a href="/metrics">metrics</a></nav></header>
<main>
${facts.sections.map(section).join('\n')}
</main>
</body>
</html>
`;
}

export const homeStyle = `:root { color-scheme: light dark; --ink: #16202a; --soft: #5a6875; --line: #d8dee5; --back: #fbfcfd; --accent: #0b6bcb; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf0; --soft: #9aa7b4; --line: #2c3640; --back: #12181e; --accent: #6db3f8; } }
body { margin: 0 auto; max-width: 72rem; padding: 2rem 1.5rem; font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--back); }
h1 { margin: 0; font-size: 1.6rem; } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; } h2 a { font-weight: normal; font-size: .85rem; }
header p { color: var(--soft); margin: .25rem 0 .75rem; } nav a { margin-right: 1rem; } a { color: var(--accent); }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-top: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; white-space: nowrap; } td { color: var(--soft); width: 100%; } .empty { color: var(--soft); }
`;
