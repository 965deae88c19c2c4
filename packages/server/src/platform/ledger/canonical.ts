/**
 * Canonical JSON: object keys sorted by UTF-16 code unit, no white space, numbers and strings as JSON.stringify writes them
 * (the rules of RFC 8785). Equal data gives equal bytes, so its hash can be compared.
 */
import assert from 'node:assert/strict';

/** Throws when the value holds something that JSON would drop or change: functions, bigints, NaN, infinities. */
export function canonicalJson(value: unknown): string {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return JSON.stringify(value);
    case 'number':
      assert(Number.isFinite(value), `${value} cannot be written as JSON`);
      return JSON.stringify(value);
    case 'object':
      break;
    case 'bigint':
    case 'function':
    case 'symbol':
    case 'undefined':
      assert.fail(`A value of type ${typeof value} cannot be written as JSON`);
  }
  if (value === null) return 'null';
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if ('toJSON' in value && typeof value.toJSON === 'function') return canonicalJson(value.toJSON());
  const parts: string[] = [];
  for (const key of Object.keys(value).sort()) {
    // A checked object: its own keys are read as data.
    const member = (value as Record<string, unknown>)[key];
    if (member !== undefined) parts.push(`${JSON.stringify(key)}:${canonicalJson(member)}`);
  }
  return `{${parts.join(',')}}`;
}
