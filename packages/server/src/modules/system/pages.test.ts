import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allRoutes } from '@slipway/contract';
import { homePage } from './home.ts';
import { pageStyle } from './page.ts';
import { referencePage } from './reference.ts';

const nasty = `<script>alert("x")</script>'&`;

test('whatever a name is, the page shows it and runs nothing', () => {
  const page = homePage({
    version: nasty,
    startedAt: 0,
    database: 'sqlite',
    sections: [
      { title: nasty, path: `/api/${nasty}`, empty: `\`${nasty}\``, head: [nasty], rows: [] },
      {
        title: 'T',
        path: '/api',
        empty: '',
        head: ['A', 'B'],
        rows: [
          [
            { text: nasty, path: nasty },
            { text: nasty, tone: 'bad' },
          ],
        ],
      },
    ],
  });
  assert(!page.includes('<script'));
  assert(!/href="[^"]*"[^ >]*x"/.test(page));
  assert.equal(page.match(/&lt;script&gt;alert\(&quot;x&quot;\)&lt;\/script&gt;&#39;&amp;/g)?.length, 7);
  assert(page.includes('<time datetime="1970-01-01T00:00:00.000Z">1970-01-01 00:00 UTC</time>'));
});

test('the reference has every operation, and pages load nothing from elsewhere', () => {
  const page = referencePage(allRoutes, '1.2.3');
  for (const [id, route] of Object.entries(allRoutes)) {
    assert(page.includes(`<details id="${id}">`), id);
    assert(page.includes(route.path), route.path);
  }
  assert(page.includes('gate_not_passed'));
  for (const text of [page, pageStyle])
    assert(!/<script|https?:\/\/|@import|url\(/.test(text.replaceAll(/<td class="wide">[\s\S]*?<\/td>/g, '')));
});
