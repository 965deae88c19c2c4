/**
 * Pictures of ideas as SVG, in the colours of the console: its tokens are read, so that a picture follows them. One file
 * shows both themes, as the reader's system wants, on a ground of its own: it reads on any page.
 * Lengths are pixels; text is placed by its baseline.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../sources.ts';

export const toneNames = ['plain', 'accent', 'ok', 'warn', 'bad', 'idle'] as const;
export type Tone = (typeof toneNames)[number];

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Area extends Point {
  readonly width: number;
  readonly height: number;
}

interface TextStyle {
  readonly tone?: Tone;
  readonly size?: 'small' | 'normal' | 'title';
  readonly anchor?: 'start' | 'middle' | 'end';
  readonly isCode?: boolean;
}

interface BoxStyle {
  readonly tone?: Tone;
  /** The first line is the name of the thing. */
  readonly lines?: readonly string[];
  readonly isDashed?: boolean;
  readonly isCode?: boolean;
}

interface LineStyle {
  readonly tone?: Tone;
  readonly isDashed?: boolean;
  readonly hasTip?: boolean;
}

export interface Drawing {
  text(at: Point, text: string, style?: TextStyle): void;
  box(area: Area, style?: BoxStyle): void;
  /** A filled area without an edge: bars, bands. */
  band(area: Area, tone: Tone): void;
  dot(at: Point, tone: Tone): void;
  /** Straight from point to point, with a tip at the end unless told otherwise. */
  line(points: readonly Point[], style?: LineStyle): void;
  toSvg(): string;
}

const lineHeight = 17;
const inset = 12;
const used = [
  'bg',
  'surface',
  'line',
  'line-2',
  'text',
  'text-2',
  'text-3',
  'accent',
  'accent-soft',
  'ref-fill',
  ...['ok', 'warn', 'bad', 'idle'].flatMap((tone) => [`${tone}-fg`, `${tone}-soft`, `${tone}-solid`]),
];

/** `label` is what a reader who does not see the picture is told. */
export function createDrawing(size: { readonly width: number; readonly height: number }, label: string): Drawing {
  const parts: string[] = [];
  const drawing: Drawing = {
    text({ x, y }, text, { tone = 'plain', size: textSize = 'normal', anchor = 'start', isCode = false } = {}) {
      const classes = [`t-${tone}`, textSize, anchor, isCode ? 'code' : ''].filter((name) => name !== '').join(' ');
      parts.push(`<text class="${classes}" x="${x}" y="${y}">${escaped(text)}</text>`);
    },

    box({ x, y, width, height }, { tone = 'plain', lines = [], isDashed = false, isCode = false } = {}) {
      const dashes = isDashed ? ' stroke-dasharray="5 4"' : '';
      parts.push(`<rect class="b-${tone}" x="${x}" y="${y}" width="${width}" height="${height}" rx="6"${dashes}/>`);
      const first = y + height / 2 - ((lines.length - 1) * lineHeight) / 2 + 4.5;
      lines.forEach((line, i) => {
        const style = i === 0 ? ({ size: 'title', tone } as const) : ({ size: 'small', tone: 'idle' } as const);
        drawing.text({ x: x + inset, y: first + i * lineHeight }, line, { ...style, isCode: isCode && i > 0 });
      });
    },

    band({ x, y, width, height }, tone) {
      parts.push(`<rect class="f-${tone}" x="${x}" y="${y}" width="${width}" height="${height}" rx="2"/>`);
    },

    dot: ({ x, y }, tone) => void parts.push(`<circle class="f-${tone}" cx="${x}" cy="${y}" r="5"/>`),

    line(points, { tone = 'idle', isDashed = false, hasTip = true } = {}) {
      const path = points.map(({ x, y }, i) => `${i === 0 ? 'M' : 'L'}${x} ${y}`).join('');
      const dashes = isDashed ? ' stroke-dasharray="5 4"' : '';
      const tip = hasTip ? ` marker-end="url(#tip-${tone})"` : '';
      parts.push(`<path class="l-${tone}" d="${path}"${dashes}${tip}/>`);
    },

    toSvg: () =>
      [
        `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" width="${size.width}" height="${size.height}" role="img" aria-label="${escaped(label)}">`,
        `<style>${style()}</style>`,
        `<defs>${toneNames.map(tipOf).join('')}</defs>`,
        `<rect class="ground" x="0.5" y="0.5" width="${size.width - 1}" height="${size.height - 1}" rx="10"/>`,
        ...parts,
        '</svg>',
        '',
      ].join('\n'),
  };
  return drawing;
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const tipOf = (tone: Tone): string =>
  `<marker id="tip-${tone}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path class="f-${tone}" d="M0 0 8 4 0 8z"/></marker>`;

function style(): string {
  const tokens = readFileSync(join(root, 'packages/ui/src/theme/tokens.css'), 'utf8');
  const [light = '', dark = ''] = tokens.split('/* ---------- dark ---------- */');
  const valuesOf = (text: string): string =>
    used
      .map((name) => {
        const [, value] = new RegExp(`\\n\\s*--${name}: (#\\w+);`).exec(text) ?? [];
        if (value === undefined) throw new Error(`the console has no colour --${name}, which its pictures use`);
        return `--${name}:${value}`;
      })
      .join(';');
  const colours: Readonly<Record<Tone, { fg: string; soft: string; solid: string }>> = {
    plain: { fg: 'text', soft: 'surface', solid: 'ref-fill' },
    accent: { fg: 'accent', soft: 'accent-soft', solid: 'accent' },
    ok: { fg: 'ok-fg', soft: 'ok-soft', solid: 'ok-solid' },
    warn: { fg: 'warn-fg', soft: 'warn-soft', solid: 'warn-solid' },
    bad: { fg: 'bad-fg', soft: 'bad-soft', solid: 'bad-solid' },
    idle: { fg: 'text-3', soft: 'bg', solid: 'idle-solid' },
  };
  const rules = toneNames.map((tone) => {
    const { fg, soft, solid } = colours[tone];
    const edge = tone === 'plain' || tone === 'idle' ? 'line-2' : solid;
    return (
      `.t-${tone}{fill:var(--${fg})}.b-${tone}{fill:var(--${soft});stroke:var(--${edge})}` +
      `.f-${tone}{fill:var(--${solid})}.l-${tone}{stroke:var(--${tone === 'plain' ? 'line-2' : solid});fill:none;stroke-width:1.6}`
    );
  });
  return (
    `svg{${valuesOf(light.slice(light.indexOf('/* ---------- light')))}}` +
    `@media (prefers-color-scheme:dark){svg{${valuesOf(dark)}}}` +
    `text{font:13px system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}.title{font-weight:600}.small{font-size:12px}` +
    `.code{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:11.5px}.middle{text-anchor:middle}.end{text-anchor:end}` +
    `.ground{fill:var(--bg);stroke:var(--line)}${rules.join('')}`
  );
}
