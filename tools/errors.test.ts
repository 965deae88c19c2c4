import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkErrors, errorSites } from './errors.ts';

test('places that throw are found with the names of their details', () => {
  const sites = errorSites(`
    throw new SlipwayError('not_found', { noun: 'dataset', name, remedy: \`see \${list({ a: 1 }, ',')} there\` });
    throw new SlipwayError('shutting_down');
    return new SlipwayError(
      'internal',
      {
        incident: id, // told to the caller
      },
      { cause: error },
    );
    throw new SlipwayError('not_found', details);
    throw new SlipwayError('not_found', { ...details, name });
    throw new SlipwayError('not_found', { name }, { message: 'gone' });
  `);
  assert.deepEqual(
    sites.map(({ code, details, hasOwnMessage }) => [code, details, hasOwnMessage]),
    [
      ['not_found', ['noun', 'name', 'remedy'], false],
      ['shutting_down', [], false],
      ['internal', ['incident'], false],
      ['not_found', undefined, false],
      ['not_found', undefined, false],
      ['not_found', ['name'], true],
    ],
  );
});

test('an unknown code and a detail that the message needs are problems', () => {
  const text = `throw new SlipwayError('nonsense');\nthrow new SlipwayError('not_found', { noun: 'run' });`;
  const found = checkErrors([{ path: 'packages/server/src/a.ts', text }]).filter((p) => p.path.endsWith('a.ts'));
  assert.deepEqual(
    found.map((p) => [p.line, p.message]),
    [
      [1, 'nonsense is no code of the catalogue'],
      [2, 'the message of not_found shows {name}, {remedy}: pass it'],
    ],
  );
});
