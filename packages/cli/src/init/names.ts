/** Names for things that are made from other people's names: files, columns, folders. */

const nameCharsMax = 48;

/** Letters, digits and dashes: fits every name of the platform. `Kunden Übersicht (2)` becomes `kunden-ubersicht-2`. */
export function plainName(text: string, otherwise: string): string {
  const plain = text
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll('ß', 'ss')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, nameCharsMax)
    .replaceAll(/^-+|-+$/g, '');
  return plain === '' ? otherwise : plain;
}

const yamlWords = /^(true|false|null|yes|no|on|off|y|n|~)$/i;

/** A text in YAML: bare where nobody could read it as something else. */
export const yamlText = (text: string): string =>
  /^[A-Za-z_][\w-]*$/.test(text) && !yamlWords.test(text) ? text : JSON.stringify(text);

export const yamlValue = (value: string | number | boolean | null): string =>
  typeof value === 'string' ? yamlText(value) : String(value);

/** A text in TypeScript. */
export const codeText = (text: string): string =>
  /['\\\p{Cc}\u2028\u2029]/u.test(text) ? JSON.stringify(text) : `'${text}'`;

/** A key of an object in TypeScript. */
export const codeKey = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : codeText(name));

/** In a table or a sentence of Markdown. */
export const markdownText = (text: string): string =>
  text.replaceAll(/([\\`*_|<>[\]])/g, '\\$1').replaceAll(/\s+/g, ' ');
