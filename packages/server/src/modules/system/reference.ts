/** The API for people to read: every operation with its parameters and body, and every error, from the tables that run it. */
import type { Route, RouteTable } from '@slipway/contract';
import { errorCatalogue } from '@slipway/contract';
import { z } from 'zod';
import type { Html } from './page.ts';
import { html, pageOf } from './page.ts';

const JsonSchema = z.record(z.string(), z.unknown());
type JsonSchema = z.infer<typeof JsonSchema>;

export function referencePage(table: RouteTable, version: string): string {
  const groups = Map.groupBy(Object.entries(table), ([id]) => id.slice(0, id.indexOf('.')));
  const names = [...groups.keys()];
  const body = html`<div class="columns">
    <nav class="index" aria-label="Operations">
      <ul>
        ${names.map((name) => html`<li><a href="#${name}">${name}</a></li>`)}
        <li><a href="#errors">errors</a></li>
      </ul>
    </nav>
    <div>
      <h1>API reference</h1>
      <p class="lead">
        JSON over HTTP; a token goes into <code>Authorization: Bearer …</code>, on this machine the owner needs none.
        Lists answer <code>items</code> and <code>nextPageToken</code>; instants are milliseconds since 1970 UTC.
      </p>
      ${[...groups].map(([name, rows]) => group(name, rows))} ${errors()}
    </div>
  </div>`;
  return pageOf({ title: 'Slipway API reference', version, current: '/reference', body });
}

function group(name: string, rows: readonly (readonly [string, Route])[]): Html {
  return html`<section class="card" id="${name}">
    <div class="head"><h2>${name}</h2></div>
    ${rows.map(([id, route]) => operation(id, route))}
  </section>`;
}

function operation(id: string, route: Route): Html {
  return html`<details id="${id}">
    <summary>
      <span class="method">${route.method}</span><code class="path">${route.path}</code>
      <span class="what">${route.summary}</span>
    </summary>
    <div class="detail">
      <p>
        <code>${id}</code> needs
        ${route.permission === 'public' ? 'no token' : html`the permission <code>${route.permission}</code>`}. It
        answers ${route.status ?? 200} ${answer(route)}.
      </p>
      ${fields('Path', route.params, 'input')} ${fields('Query', route.query, 'input')} ${bodyOf(route)}
      ${typeof route.response === 'string' ? undefined : fields('Answer', route.response, 'output')}
    </div>
  </details>`;
}

function answer(route: Route): string {
  switch (route.response) {
    case 'bytes':
      return 'with bytes';
    case 'text':
      return 'with text';
    case 'events':
      return 'with server-sent events';
    default:
      return 'with JSON';
  }
}

function bodyOf(route: Route): Html | undefined {
  if (route.body === undefined) return undefined;
  if (route.body === 'bytes')
    return html`<h3>Body</h3>
      <p>The bytes themselves, of any length.</p>`;
  return fields('Body', route.body, 'input');
}

function fields(title: string, schema: z.ZodType | undefined, io: 'input' | 'output'): Html | undefined {
  if (schema === undefined) return undefined;
  const json = JsonSchema.parse(
    z.toJSONSchema(schema, { io, unrepresentable: 'any', reused: 'inline', cycles: 'ref' }),
  );
  const properties = Object.entries(JsonSchema.parse(json['properties'] ?? {}));
  if (properties.length === 0)
    return title === 'Body'
      ? html`<h3>${title}</h3>
          <p>${typeOf(json)}</p>`
      : undefined;
  const required = new Set(z.array(z.string()).parse(json['required'] ?? []));
  return html`<h3>${title}</h3>
    <div class="scroll">
      <table>
        <tbody>
          ${properties.map(([name, part]) => {
            const found = JsonSchema.parse(part);
            const rule = required.has(name) ? '' : 'default' in found ? ` = ${JSON.stringify(found['default'])}` : '?';
            return html`<tr>
              <th scope="row"><code>${name}${rule}</code></th>
              <td class="wide">${typeOf(found)}</td>
            </tr>`;
          })}
        </tbody>
      </table>
    </div>`;
}

const shownChars = 160;

/** A schema in a few words: `text`, `list of {name, digest}`, `"a" or "b"`. */
function typeOf(schema: JsonSchema, depth = 0): string {
  const parts = z.array(JsonSchema).safeParse(schema['anyOf'] ?? schema['oneOf']);
  if (parts.success) return cut([...new Set(parts.data.map((part) => typeOf(part, depth + 1)))].join(' or '));
  if ('const' in schema) return JSON.stringify(schema['const']);
  if (Array.isArray(schema['enum'])) return cut(schema['enum'].map((value) => JSON.stringify(value)).join(' or '));
  const { minimum, maximum, pattern, maxLength } = schema;
  switch (schema['type']) {
    case 'array':
      return `list of ${typeOf(JsonSchema.parse(schema['items'] ?? {}), depth + 1)}`;
    case 'object':
      return cut(objectType(schema, depth));
    case 'string':
      return `text${typeof pattern === 'string' && pattern.length < 60 ? ` like ${pattern}` : typeof maxLength === 'number' ? `, at most ${maxLength} characters` : ''}`;
    case 'integer':
    case 'number': {
      const kind = schema['type'] === 'integer' ? 'whole number' : 'number';
      const low = typeof minimum === 'number' && minimum > -1e15 ? ` from ${minimum}` : '';
      return `${kind}${low}${typeof maximum === 'number' && maximum < 1e15 ? ` to ${maximum}` : ''}`;
    }
    case 'boolean':
      return 'true or false';
    case 'null':
      return 'null';
    default:
      return 'any JSON';
  }
}

function objectType(schema: JsonSchema, depth: number): string {
  const names = Object.keys(JsonSchema.parse(schema['properties'] ?? {}));
  if (names.length > 0) return depth > 2 ? 'an object' : `{${names.join(', ')}}`;
  const values = JsonSchema.safeParse(schema['additionalProperties']);
  return values.success ? `names to ${typeOf(values.data, depth + 1)}` : 'an object';
}

const cut = (text: string): string => (text.length > shownChars ? `${text.slice(0, shownChars)}…` : text);

function errors(): Html {
  const rows = Object.entries(errorCatalogue).map(
    ([code, row]) =>
      html`<tr>
        <th scope="row"><code>${code}</code></th>
        <td>${row.status}</td>
        <td>${row.retryable ? 'retry' : ''}</td>
        <td class="wide">${row.text}</td>
      </tr>`,
  );
  return html`<section class="card" id="errors">
    <div class="head"><h2>errors</h2></div>
    <p class="empty">Every failure answers <code>{"error": {code, message, retryable, details, requestId}}</code>.</p>
    <div class="scroll">
      <table>
        <tbody>
          ${rows}
        </tbody>
      </table>
    </div>
  </section>`;
}
