/** What can be made from here: each entry leads to the form that makes it. */
import type { ReactElement } from 'react';
import { useRef, useState } from 'react';
import { Link } from 'react-router';
import type { IconName } from '../../components/icon.tsx';
import { Icon } from '../../components/icon.tsx';
import { to } from '../../frame/places.ts';

const menuId = 'new-menu';
const widthPx = 250;
/** Kept free beside the edge of a narrow window. */
const edgePx = 8;

interface NewMenuProps {
  /** The pipeline that ran last. */
  readonly pipeline: string | undefined;
  /** The endpoint that was deployed last. */
  readonly endpoint: string | undefined;
}

interface Entry {
  readonly icon: IconName;
  readonly word: string;
  readonly detail: string;
  readonly path: string;
}

const entriesOf = ({ pipeline, endpoint }: NewMenuProps): readonly Entry[] => [
  { icon: 'data', word: 'Dataset version', detail: 'from files', path: to.addFiles },
  ...(pipeline === undefined
    ? []
    : [{ icon: 'pipeline', word: 'Pipeline run', detail: pipeline, path: to.pipelineForm(pipeline) } as const]),
  ...(endpoint === undefined
    ? []
    : [{ icon: 'endpoint', word: 'Deployment', detail: endpoint, path: to.endpoint(endpoint) } as const]),
  { icon: 'link', word: 'API token', detail: 'in Settings', path: to.settings },
];

export function NewMenu(props: NewMenuProps): ReactElement {
  const menu = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const [isOpen, setOpen] = useState(false);
  const place = (): void => {
    const at = button.current?.getBoundingClientRect();
    if (at === undefined || menu.current === null) return;
    const left = Math.max(edgePx, at.right - widthPx);
    Object.assign(menu.current.style, { inset: `${at.bottom + 4}px auto auto ${left}px`, width: `${widthPx}px` });
  };
  return (
    <>
      <button
        type="button"
        ref={button}
        className="btn"
        data-key="c"
        popoverTarget={menuId}
        aria-haspopup="dialog"
        aria-expanded={isOpen}
      >
        <Icon name="plus" small />
        New <kbd>c</kbd>
      </button>
      <div
        id={menuId}
        ref={menu}
        popover="auto"
        className="new-menu"
        // Keys of the page are off while a dialog is there: it is one only while it is open.
        role={isOpen ? 'dialog' : undefined}
        aria-label={isOpen ? 'New' : undefined}
        onBeforeToggle={place}
        onToggle={({ newState }) => {
          setOpen(newState === 'open');
          if (newState === 'open') menu.current?.querySelector('a')?.focus();
        }}
      >
        {entriesOf(props).map(({ icon, word, detail, path }) => (
          <Link key={word} to={path}>
            <Icon name={icon} />
            {word}
            <span>{detail}</span>
          </Link>
        ))}
      </div>
    </>
  );
}
