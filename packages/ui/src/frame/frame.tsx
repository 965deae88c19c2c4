/** The frame around every page: where one is, what can be reached, whether it is live, and the view as a command. */
import { Modal } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import type { ReactElement } from 'react';
import { Suspense, useEffect, useMemo, useState } from 'react';
import { Link, NavLink, Outlet, useLocation } from 'react-router';
import { useStream } from '../api/events.ts';
import { useAsk } from '../api/queries.ts';
import { Icon } from '../components/icon.tsx';
import { Skeleton } from '../components/states.tsx';
import { useScheme } from '../theme/scheme.ts';
import { count } from '../words.ts';
import { keyHelp, useKeys } from './keys.ts';
import { Palette } from './palette.tsx';
import type { Place } from './places.ts';
import { base, placeOfAddress, places, to } from './places.ts';
import { CommandBar, useCommand } from './view.tsx';

const copiedForMs = 1500;
const groups = [undefined, 'Build', 'Ship', 'Watch', 'Govern'] as const;

export function Frame(): ReactElement {
  const [isPaletteOpen, palette] = useDisclosure(false);
  const [isHelpOpen, help] = useDisclosure(false);
  const [isNavOpen, nav] = useDisclosure(false);
  const { scheme, toggle } = useScheme();
  const command = useCommand();
  const [isCopied, setCopied] = useState(false);
  const location = useLocation();
  const closeNav = nav.close;
  useEffect(() => closeNav(), [location.pathname, closeNav]);

  const { copy } = command;
  const actions = useMemo(
    () => ({
      openPalette: palette.open,
      openHelp: help.open,
      toggleScheme: toggle,
      copyCommand: () => {
        void copy().then(() => {
          setCopied(true);
          setTimeout(() => setCopied(false), copiedForMs);
        });
      },
    }),
    [palette.open, help.open, toggle, copy],
  );
  useKeys(actions);

  return (
    <div className="app" data-nav={isNavOpen ? 'open' : 'closed'}>
      <a className="skip" href="#main">
        Skip to the page
      </a>
      <Navigation />
      <header className="top">
        <button
          type="button"
          className="btn ghost icon burger"
          aria-label="Menu"
          aria-expanded={isNavOpen}
          onClick={nav.toggle}
        >
          <Icon name="menu" />
        </button>
        <Breadcrumb />
        <button type="button" className="find" onClick={palette.open}>
          <Icon name="search" small />
          <span className="sm">Search or run</span>
          <kbd>Ctrl K</kbd>
        </button>
        <Live />
        <button
          type="button"
          className="btn ghost icon"
          onClick={toggle}
          aria-label={scheme === 'dark' ? 'Light theme' : 'Dark theme'}
        >
          <Icon name="sun" />
        </button>
      </header>
      <main className="main" id="main" tabIndex={-1}>
        <Suspense fallback={<Skeleton lines={8} />}>
          <Outlet />
        </Suspense>
      </main>
      <footer className="foot-bar">
        <CommandBar command={command} copied={isCopied} />
        <LedgerHead />
      </footer>
      {isPaletteOpen && <Palette close={palette.close} />}
      <Modal opened={isHelpOpen} onClose={help.close} title="Keys" centered>
        <dl className="kv">
          {keyHelp.map(([keys, what]) => (
            <div key={keys} className="row between" style={{ gridColumn: '1 / -1' }}>
              <dt>
                {keys.split(' ').map((key) => (
                  <kbd key={key}>{key}</kbd>
                ))}
              </dt>
              <dd>{what}</dd>
            </div>
          ))}
        </dl>
      </Modal>
    </div>
  );
}

function Navigation(): ReactElement {
  const open = useAsk('alerts.list', { query: { state: 'open', limit: 100 } });
  const counters: Readonly<Record<string, number>> = { [to.alerts]: open.data?.items.length ?? 0 };
  const server = useAsk('server.info', {});
  return (
    <nav className="nav" aria-label="Main">
      <Link className="ws" to={base}>
        <img className="mark" src="/console/mark.svg" alt="" />
        <span className="col grow">
          <b className="el">Slipway</b>
          <span className="xs t3 el">workspace default</span>
        </span>
      </Link>
      {groups.map((group) => (
        <NavGroup
          key={group ?? 'top'}
          title={group}
          items={places.filter((p) => p.group === group && p.path !== to.settings)}
          counters={counters}
        />
      ))}
      <div className="foot">
        <NavLink to={to.settings}>
          <Icon name="cog" />
          Settings
        </NavLink>
        <span className="who">
          <Icon name="user" />
          {server.data?.actor ?? ''}
        </span>
      </div>
    </nav>
  );
}

interface NavGroupProps {
  readonly title: string | undefined;
  readonly items: readonly Place[];
  readonly counters: Readonly<Record<string, number>>;
}

function NavGroup({ title, items, counters }: NavGroupProps): ReactElement {
  const { pathname } = useLocation();
  const here = placeOfAddress(pathname)?.path ?? (pathname === base ? base : undefined);
  return (
    <>
      {title !== undefined && <h3>{title}</h3>}
      {items.map(({ path, word, icon }) => (
        <Link key={path} to={path} aria-current={path === here ? 'page' : undefined}>
          <Icon name={icon} />
          {word}
          {(counters[path] ?? 0) > 0 && <span className="n hot">{counters[path]}</span>}
        </Link>
      ))}
    </>
  );
}

/** The address in words: each part leads there. */
function Breadcrumb(): ReactElement {
  const { pathname } = useLocation();
  const parts = pathname
    .slice(base.length + 1)
    .split('/')
    .filter((part) => part !== '' && part !== 'versions');
  const place = placeOfAddress(pathname);
  const isList = pathname === place?.path;
  return (
    <nav className="crumb" aria-label="Breadcrumb">
      <Link to={base}>default</Link>
      {place !== undefined && (
        <>
          <span aria-hidden="true">/</span>
          {isList ? <b>{place.word}</b> : <Link to={place.path}>{place.word}</Link>}
        </>
      )}
      {!isList && parts.length > 1 && (
        <>
          <span aria-hidden="true">/</span>
          <b className="el">{parts.slice(1).map(decodeURIComponent).join(' / ')}</b>
        </>
      )}
    </nav>
  );
}

function Live(): ReactElement {
  const { state } = useStream();
  const word = state === 'live' ? 'Live' : state === 'lost' ? 'Not live' : 'Connecting';
  return (
    <span className="live" data-state={state} role="status" title="New events change this page as they happen">
      <i />
      {word}
    </span>
  );
}

function LedgerHead(): ReactElement {
  const { headSeq } = useStream();
  return (
    <span className="tail">
      <span>Times in UTC</span>
      <Link to={to.ledger}>ledger #{count(headSeq)}</Link>
    </span>
  );
}
