/**
 * What a drawn cell says, for a file: whole ids and digests instead of short ones, instants as ISO 8601, numbers without
 * thin spaces, nothing for "not set". Buttons and pictures without a name say nothing.
 */
const whole = /^(?:sha256:[0-9a-f]{64}|[a-z]{3}_[0-9a-z]{26})$/;
const instant = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?) UTC/;
const silent = 'button, input, select, svg, [aria-hidden="true"]';

function said(element: Element): string | undefined {
  const given = element.getAttribute('data-csv') ?? element.getAttribute('datetime');
  if (given !== null) return given;
  const title = element.getAttribute('title') ?? '';
  const [, day, time] = instant.exec(title) ?? [];
  if (day !== undefined && time !== undefined) return `${day}T${time}Z`;
  if (whole.test(title)) return title;
  return element.getAttribute('role') === 'img' ? (element.getAttribute('aria-label') ?? '') : undefined;
}

function walk(node: Node): string {
  if (node.nodeType === Node.TEXT_NODE) return node.textContent ?? '';
  if (!(node instanceof Element)) return '';
  const own = said(node);
  if (own !== undefined) return ` ${own} `;
  if (node.matches(silent)) return '';
  const text = [...node.childNodes].map(walk).join('');
  // Texts of one line belong together; those of neighbours are words of their own.
  return node.children.length > 0 || node.nextElementSibling !== null ? ` ${text} ` : text;
}

export function plainText(text: string): string {
  const plain = text
    .replaceAll(/(?<=\d)[\u2009\u202f](?=\d)/g, '')
    .replaceAll(/\u2212(?=[\d.])/g, '-')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/ (?=[,.;)])/g, '')
    .trim();
  return plain === 'not set' ? '' : plain;
}

export const textOfCell = (cell: Element): string => plainText(said(cell) ?? [...cell.childNodes].map(walk).join(''));
