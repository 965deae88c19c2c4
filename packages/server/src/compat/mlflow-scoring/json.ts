/** JSON as Python's writer makes it: NaN, Infinity and -Infinity may stand for numbers. */

const tokens = /"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g;

/** NaN becomes null (both mean a missing number here). Throws a SyntaxError. */
export function parseLenientJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (!/NaN|Infinity/.test(text)) throw error;
    const plain = text.replace(tokens, (token) => {
      if (token.startsWith('"')) return token;
      if (token === 'NaN') return 'null';
      return token.startsWith('-') ? '-1e999' : '1e999';
    });
    return JSON.parse(plain) as unknown;
  }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
