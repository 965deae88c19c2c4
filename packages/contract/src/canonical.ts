/**
 * Canonical JSON: object keys sorted by UTF-16 code unit, no white space, numbers and strings as JSON.stringify writes them
 * (the rules of RFC 8785). Equal data gives equal bytes, so its hash is an identity.
 */

/** Throws a TypeError when the value holds something that JSON would drop or change: functions, bigints, NaN, infinities. */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return JSON.stringify(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`${value} cannot be written as JSON`);
    return JSON.stringify(value);
  }
  if (typeof value !== 'object') throw new TypeError(`A value of type ${typeof value} cannot be written as JSON`);
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
