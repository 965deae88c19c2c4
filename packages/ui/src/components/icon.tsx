/** The icons of the console: 16 x 16, drawn with the text's colour. A word or a label always stands beside or behind one. */
import type { ReactElement } from 'react';

const shapes = {
  approve: (
    <>
      <circle cx="8" cy="5" r="2.6" />
      <path d="M2.8 14c.4-3 2.4-4.6 5.2-4.6 1 0 1.9.2 2.6.6" />
      <path d="m10.4 12.6 1.5 1.5 2.7-3" />
    </>
  ),
  arrow: (
    <>
      <path d="M3 8h10M9 4l4 4-4 4" />
    </>
  ),
  bad: (
    <>
      <circle cx="8" cy="8" r="6" />
      <path d="m5.8 5.8 4.4 4.4m0-4.4-4.4 4.4" />
    </>
  ),
  bell: (
    <>
      <path d="M4 11.5V7a4 4 0 0 1 8 0v4.5l1.2 1H2.8z" />
      <path d="M6.8 14.3h2.4" />
    </>
  ),
  branch: (
    <>
      <circle cx="4.4" cy="3.4" r="1.6" />
      <circle cx="4.4" cy="12.6" r="1.6" />
      <circle cx="11.6" cy="5.4" r="1.6" />
      <path d="M4.4 5v6M11.6 7c0 2.6-3.6 2.6-6 3.6" />
    </>
  ),
  cache: (
    <>
      <path d="M8.6 1.8 4.4 8.4h3l-.6 5.8 4.8-7.2H8.4z" />
    </>
  ),
  cal: (
    <>
      <rect x="2.2" y="3" width="11.6" height="10.8" rx="1.4" />
      <path d="M2.2 6.4h11.6M5.2 1.6V4M10.8 1.6V4" />
    </>
  ),
  check: (
    <>
      <path d="m3 8.4 3.2 3.2L13 4.8" />
    </>
  ),
  clock: (
    <>
      <circle cx="8" cy="8" r="6" />
      <path d="M8 4.6V8l2.2 1.6" />
    </>
  ),
  cog: (
    <>
      <circle cx="8" cy="8" r="2.2" />
      <path d="M8 1.6v2M8 12.4v2M1.6 8h2M12.4 8h2M3.5 3.5l1.4 1.4M11.1 11.1l1.4 1.4M12.5 3.5l-1.4 1.4M4.9 11.1l-1.4 1.4" />
    </>
  ),
  cols: (
    <>
      <rect x="2" y="2.8" width="12" height="10.4" rx="1.4" />
      <path d="M6 2.8v10.4M10 2.8v10.4" />
    </>
  ),
  copy: (
    <>
      <rect x="5.4" y="5.4" width="8.2" height="8.2" rx="1.4" />
      <path d="M10.6 5.4V3.8c0-.8-.6-1.4-1.4-1.4H3.8c-.8 0-1.4.6-1.4 1.4v5.4c0 .8.6 1.4 1.4 1.4h1.6" />
    </>
  ),
  data: (
    <>
      <ellipse cx="8" cy="3.6" rx="5.2" ry="1.9" />
      <path d="M2.8 3.6v8.8c0 1 2.3 1.9 5.2 1.9s5.2-.9 5.2-1.9V3.6" />
      <path d="M2.8 8c0 1 2.3 1.9 5.2 1.9s5.2-.9 5.2-1.9" />
    </>
  ),
  diff: (
    <>
      <path d="M8 2.5v6M5 5.5h6M5 12.5h6" />
    </>
  ),
  doc: (
    <>
      <path d="M4 1.8h5.4L12.4 5v9.2H4z" />
      <path d="M9.2 1.8V5.2h3.2" />
    </>
  ),
  down: (
    <>
      <path d="m4 6 4 4 4-4" />
    </>
  ),
  down2: (
    <>
      <path d="M8 2.5v8M4.5 7.2 8 10.7l3.5-3.5M3 13.5h10" />
    </>
  ),
  endpoint: (
    <>
      <path d="M2 8h4.2" />
      <path d="M6.2 8c2.5 0 2-4 4.6-4h3M11.8 2l2 2-2 2" />
      <path d="M6.2 8c2.5 0 2 4 4.6 4h3M11.8 10l2 2-2 2" />
    </>
  ),
  eval: (
    <>
      <path d="M3 2.5h10v11H3z" />
      <path d="m5.4 8.2 1.8 1.8 3.4-4" />
    </>
  ),
  exp: (
    <>
      <path d="M2 13.5V2.5M2 13.5h12" />
      <path d="M4.5 10.5 7.2 7l2.4 2L13.5 4" />
    </>
  ),
  features: (
    <>
      <rect x="2.2" y="2.5" width="11.6" height="11" rx="1.4" />
      <path d="M2.2 6h11.6M6.2 6v7.5M10 6v7.5" />
    </>
  ),
  filter: (
    <>
      <path d="M2 3.2h12L9.6 8.4v4.2l-3.2 1.2V8.4z" />
    </>
  ),
  hold: (
    <>
      <path d="M5.5 3v10M10.5 3v10" />
    </>
  ),
  info: (
    <>
      <circle cx="8" cy="8" r="6" />
      <path d="M8 7.4v3.6M8 5v.1" />
    </>
  ),
  ledger: (
    <>
      <rect x="1.8" y="5.6" width="6.6" height="4.8" rx="2.4" />
      <rect x="7.6" y="5.6" width="6.6" height="4.8" rx="2.4" />
    </>
  ),
  link: (
    <>
      <path d="M6.6 9.4a2.6 2.6 0 0 0 3.8.2l2.2-2.2a2.6 2.6 0 0 0-3.7-3.7l-.9.9" />
      <path d="M9.4 6.6a2.6 2.6 0 0 0-3.8-.2L3.4 8.6a2.6 2.6 0 0 0 3.7 3.7l.9-.9" />
    </>
  ),
  menu: (
    <>
      <path d="M2.5 4h11M2.5 8h11M2.5 12h11" />
    </>
  ),
  model: (
    <>
      <path d="M8 1.8 13.6 5v6L8 14.2 2.4 11V5z" />
      <path d="M2.4 5 8 8.2 13.6 5M8 8.2v6" />
    </>
  ),
  monitor: (
    <>
      <path d="M1.5 8.5h3l1.7-5 3 9.5 1.9-4.5h3.4" />
    </>
  ),
  more: (
    <>
      <path d="M3.5 8h.1M8 8h.1M12.5 8h.1" />
    </>
  ),
  ok: (
    <>
      <circle cx="8" cy="8" r="6" />
      <path d="m5.3 8.2 1.9 1.9 3.6-4" />
    </>
  ),
  overview: (
    <>
      <path d="M3.2 5.4A5.6 5.6 0 0 1 13.3 6" />
      <path d="M13.6 3v3.2h-3.2" />
      <path d="M12.8 10.6A5.6 5.6 0 0 1 2.7 10" />
      <path d="M2.4 13V9.8h3.2" />
    </>
  ),
  pin: (
    <>
      <path d="M5.5 2.5h5l-.6 4 2.1 2.3H4l2.1-2.3zM8 8.8v5" />
    </>
  ),
  pipeline: (
    <>
      <rect x="1.8" y="5.8" width="4" height="4.4" rx="1" />
      <rect x="10.2" y="1.8" width="4" height="4.4" rx="1" />
      <rect x="10.2" y="9.8" width="4" height="4.4" rx="1" />
      <path d="M5.8 8h1.4c1 0 .8-4 1.8-4h1.2M7.2 8c1 0 .8 4 1.8 4h1.2" />
    </>
  ),
  play: (
    <>
      <path d="M4.6 2.8v10.4L13 8z" />
    </>
  ),
  plus: (
    <>
      <path d="M8 3v10M3 8h10" />
    </>
  ),
  policy: (
    <>
      <path d="M9 1.8 3.6 9H8l-1 5.2L12.4 7H8z" />
    </>
  ),
  prompt: (
    <>
      <path d="M2.2 3h11.6v8H7l-3.2 2.8V11H2.2z" />
      <path d="M5 6h6M5 8.4h3.6" />
    </>
  ),
  run: (
    <>
      <path d="M8 2a6 6 0 1 1-5.6 3.9" />
    </>
  ),
  search: (
    <>
      <circle cx="7" cy="7" r="4.6" />
      <path d="m10.5 10.5 3.4 3.4" />
    </>
  ),
  shield: (
    <>
      <path d="M8 1.8 13 3.6v4c0 3.4-2.2 5.6-5 6.6-2.8-1-5-3.2-5-6.6v-4z" />
      <path d="m5.8 7.9 1.6 1.6 2.8-3.1" />
    </>
  ),
  skip: (
    <>
      <circle cx="8" cy="8" r="6" />
      <path d="M5.4 8h5.2" />
    </>
  ),
  spark: (
    <>
      <path d="M8 2l1.4 4.6L14 8l-4.6 1.4L8 14l-1.4-4.6L2 8l4.6-1.4z" />
    </>
  ),
  sun: (
    <>
      <circle cx="8" cy="8" r="2.8" />
      <path d="M8 1.4v1.8M8 12.8v1.8M1.4 8h1.8M12.8 8h1.8M3.3 3.3l1.3 1.3M11.4 11.4l1.3 1.3M12.7 3.3l-1.3 1.3M4.6 11.4l-1.3 1.3" />
    </>
  ),
  term: (
    <>
      <path d="m2.8 4 3.6 4-3.6 4M8 12.4h5.2" />
    </>
  ),
  tool: (
    <>
      <path d="M10 2.2a3.6 3.6 0 0 0-3.2 5.2L2.4 11.8l1.8 1.8 4.4-4.4A3.6 3.6 0 0 0 13.8 6l-2.2 1.2-2-2z" />
    </>
  ),
  trace: (
    <>
      <path d="M2 3.5h7M4.5 8h7M7 12.5h7" />
    </>
  ),
  undo: (
    <>
      <path d="M5.6 3.2 2.4 6.4l3.2 3.2" />
      <path d="M2.6 6.4h6.8a4 4 0 0 1 0 8H7" />
    </>
  ),
  updown: (
    <>
      <path d="m5 6 3-3 3 3M5 10l3 3 3-3" />
    </>
  ),
  user: (
    <>
      <circle cx="8" cy="5.4" r="2.7" />
      <path d="M2.8 14c.5-3 2.5-4.4 5.2-4.4s4.7 1.4 5.2 4.4" />
    </>
  ),
  wait: (
    <>
      <circle cx="8" cy="8" r="6" />
      <path d="M6.4 5.8v4.4M9.6 5.8v4.4" />
    </>
  ),
  warn: (
    <>
      <path d="M8 2.2 14.4 13.4H1.6z" />
      <path d="M8 6.4v3.2M8 11.5v.1" />
    </>
  ),
  why: (
    <>
      <circle cx="4" cy="3.2" r="1.7" />
      <circle cx="4" cy="12.8" r="1.7" />
      <circle cx="12" cy="8" r="1.7" />
      <path d="M4 4.9v6.2M5.4 4.2l5.2 2.9M5.4 11.8 10.6 9" />
    </>
  ),
  x: (
    <>
      <path d="m4 4 8 8m0-8-8 8" />
    </>
  ),
} as const;

export type IconName = keyof typeof shapes;

export function Icon({
  name,
  small = false,
  spin = false,
}: {
  name: IconName;
  small?: boolean;
  spin?: boolean;
}): ReactElement {
  const className = ['i', ...(small ? ['s'] : []), ...(spin ? ['spin'] : [])].join(' ');
  return (
    <svg className={className} viewBox="0 0 16 16" aria-hidden="true">
      {shapes[name]}
    </svg>
  );
}
