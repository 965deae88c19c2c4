/**
 * What the unmodified MLflow client said and heard (tests/compat/mlflow/record.ts wrote it down), said again without Python:
 * every answer must be the same, but for ids, page tokens and made-up names, which are learnt when they are first said, and
 * instants of the server's clock. Messages of refusals may be worded better; their codes may not change.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';
import { startMlflowServer } from './testing.ts';

const Body = z.union([z.object({ text: z.string() }), z.object({ base64: z.string() })]);
const Vectors = z.object({
  exchanges: z.array(
    z.object({
      method: z.string(),
      path: z.string(),
      type: z.string().optional(),
      body: Body.optional(),
      status: z.int(),
      answer: z.union([z.object({ json: z.json() }), z.object({ of: z.int() }), Body]),
    }),
  ),
});
type Exchange = z.infer<typeof Vectors>['exchanges'][number];

const folder = join(import.meta.dirname, '../../../../../tests/compat/mlflow/vectors');
const placeholder = /\{\{(a\d+)\}\}/g;

/** What the placeholders of the record stand for in this run. */
class Meanings {
  readonly #values = new Map<string, string>();

  fill(text: string, encode: (value: string) => string = (value) => value): string {
    return text.replace(placeholder, (_, name: string) => {
      const value = this.#values.get(name);
      assert.ok(value !== undefined, `${name} was not said before`);
      return encode(value);
    });
  }

  /** Compares, and learns what is new. */
  meet(got: unknown, expected: unknown, place: string): void {
    if (expected === '{{time}}') return assert.ok(Number.isSafeInteger(got), `${place} is no instant`);
    if (expected === '{{name}}') return assert.match(String(got), /^[a-z]+-[a-z]+-\d+$/, place);
    if (typeof expected === 'string') return this.#meetText(String(got), expected, place);
    if (typeof expected !== 'object' || expected === null) return assert.deepEqual(got, expected, place);
    assert.ok(typeof got === 'object' && got !== null, `${place} is ${JSON.stringify(got)}`);
    const found = new Map(Object.entries(got));
    assert.deepEqual([...found.keys()].sort(), Object.keys(expected).sort(), place);
    for (const [key, value] of Object.entries(expected)) this.meet(found.get(key), value, `${place}.${key}`);
  }

  #meetText(got: string, expected: string, place: string): void {
    const news: string[] = [];
    const pattern = expected.replace(/\{\{(a\d+)\}\}|[.*+?^${}()|[\]\\]/g, (found, name?: string) => {
      if (name === undefined) return `\\${found}`;
      const known = this.#values.get(name);
      if (known !== undefined) return known.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
      if (news.includes(name)) return `\\${news.indexOf(name) + 1}`;
      news.push(name);
      return '([\\w=.+/-]+?)';
    });
    const found = new RegExp(`^${pattern}$`, 's').exec(got);
    assert.ok(found, `${place} is ${JSON.stringify(got)}, not ${JSON.stringify(expected)}`);
    news.forEach((name, i) => this.#values.set(name, found[i + 1] ?? ''));
  }
}

type BodyBytes = Uint8Array<ArrayBuffer>;

const bytesOf = (body: z.infer<typeof Body>, meanings: Meanings): BodyBytes =>
  'text' in body ? Buffer.from(meanings.fill(body.text)) : Buffer.from(body.base64, 'base64');

async function replay(url: string, exchanges: readonly Exchange[]): Promise<void> {
  const meanings = new Meanings();
  const sent: (BodyBytes | undefined)[] = [];
  for (const [i, { method, path, type, body, status, answer }] of exchanges.entries()) {
    const bytes = body === undefined ? undefined : bytesOf(body, meanings);
    sent.push(bytes);
    const response = await fetch(url + meanings.fill(path, encodeURIComponent), {
      method,
      headers: type === undefined ? {} : { 'content-type': type },
      ...(bytes === undefined ? {} : { body: bytes }),
    });
    const got = Buffer.from(await response.arrayBuffer());
    const place = `${i}: ${method} ${path.slice(0, 100)}`;
    assert.equal(response.status, status, `${place} answers ${got.toString().slice(0, 500)}`);
    if ('json' in answer) {
      const json = JSON.parse(got.toString()) as unknown;
      if (status === 200) meanings.meet(json, answer.json, place);
      else assert.equal(codeOf(json), codeOf(answer.json), place);
    } else {
      const expected = 'of' in answer ? sent[answer.of] : bytesOf(answer, meanings);
      assert.ok(expected !== undefined && got.equals(expected), `${place} answers other bytes`);
    }
  }
}

const codeOf = (json: unknown): string => z.object({ error_code: z.string() }).parse(json).error_code;

for (const file of readdirSync(folder).sort()) {
  test(`the MLflow client's traffic is answered as recorded: ${file}`, async () => {
    const { exchanges } = Vectors.parse(JSON.parse(readFileSync(join(folder, file), 'utf8')));
    assert.ok(exchanges.length > 10);
    await using server = await startMlflowServer();
    await replay(server.url, exchanges);
  });
}
