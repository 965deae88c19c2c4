/** The frame around every page: where one is, what can be reached, whether it is live, and the view as a command. */
import { Modal } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import type { ReactElement } from 'react';
import { Suspense, useEffect, useMemo, useState } from 'react';
import { Link, NavLink, Outlet, useLocation, useNavigate } from 'react-router';
import { useStream } from '../api/events.ts';
import { useAsk } from '../api/queries.ts';
import { Icon } from '../components/icon.tsx';
import { Skeleton } from '../components/states.tsx';
import { usePrinting, useScheme } from '../theme/scheme.ts';
import { count, fullInstant, zoneWord } from '../words.ts';
import { Arrival } from './arrival.tsx';
import type { Counter } from './counters.ts';
import { useCounters } from './counters.ts';
import { useAuthorisedDownloads } from './downloads.ts';
import { LedgerTail } from './ledger-tail.tsx';
import { keyHelp, useKeys } from './keys.ts';
import type { PaletteAction } from './palette.tsx';
import { Palette } from './palette.tsx';
import type { Place } from './places.ts';
import { base, placeOfAddress, places, to } from './places.ts';
import { setPreferences, usePreferences } from './preferences.ts';
import { useCarried } from './time-range.ts';
import { TimeRangeControl } from './time-range-control.tsx';
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
  const { pathname } = useLocation();
  const closeNav = nav.close;
  useEffect(() => closeNav(), [pathname, closeNav]);
  useAuthorisedDownloads();
  const { zone } = usePreferences();

  const { copy } = command;
  const navigate = useNavigate();
  const carried = useCarried();
  const actions = useMemo(
    () => ({
      go: (path: string) => void navigate(carried(path)),
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
    [palette.open, help.open, toggle, copy, navigate, carried],
  );
  useKeys(actions);
  const commands = useMemo(
    (): readonly PaletteAction[] => [
      { icon: 'sun', word: scheme === 'dark' ? 'Light theme' : 'Dark theme', press: toggle },
      { icon: 'copy', word: 'Copy this view as a command', press: actions.copyCommand },
      {
        icon: 'clock',
        word: zone === 'utc' ? 'Times on this clock' : 'Times in UTC',
        press: () => setPreferences({ zone: zone === 'utc' ? 'local' : 'utc' }),
      },
      { icon: 'info', word: 'Keys', press: help.open },
    ],
    [scheme, toggle, actions, zone, help.open],
  );

  return (
    <div className="app" data-nav={isNavOpen ? 'open' : 'closed'}>
      <a className="skip" href="#main">
        Skip to the page
      </a>
      <Navigation />
      {isNavOpen && (
        <button type="button" className="nav-scrim" aria-label="Close the menu" data-key="Escape" onClick={nav.close} />
      )}
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
          <span className="sm">Search</span>
          <kbd>Ctrl K</kbd>
        </button>
        <Live />
        <TimeRangeControl />
        <button
          type="button"
          className="btn ghost icon"
          onClick={toggle}
          aria-label={scheme === 'dark' ? 'Light theme' : 'Dark theme'}
        >
          <Icon name="sun" />
        </button>
      </header>
      <main className="main" id="main" tabIndex={-1} data-path={pathname}>
        <PrintHead />
        <Suspense fallback={<Skeleton lines={8} />}>
          {/* Times are written while drawing: another zone draws the page anew. */}
          <Arrival at={pathname}>
            <Outlet key={zone} />
          </Arrival>
        </Suspense>
      </main>
      <footer className="foot-bar">
        <CommandBar command={command} copied={isCopied} />
        <Tail />
      </footer>
      {isPaletteOpen && <Palette close={palette.close} actions={commands} />}
      <Modal opened={isHelpOpen} onClose={help.close} title="Keys" centered size="lg">
        <KeyHelp />
      </Modal>
    </div>
  );
}

function KeyHelp(): ReactElement {
  return (
    <div className="key-help">
      {keyHelp.map(({ title, keys }) => (
        <section key={title}>
          <h3>{title}</h3>
          <dl>
            {keys.map(([key, what]) => (
              <div key={key} className="row between">
                <dt>
                  {key.split(' ').map((one) => (
                    <kbd key={one}>{one}</kbd>
                  ))}
                </dt>
                <dd>{what}</dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
    </div>
  );
}

/** On paper: where and when the page was taken. */
function PrintHead(): ReactElement | null {
  const isPrinting = usePrinting();
  const { headSeq } = useStream();
  if (!isPrinting) return null;
  return (
    <p className="print-head">
      Slipway, workspace default · {location.href} · {fullInstant(Date.now())} · times in {zoneWord()} · ledger #
      {count(headSeq)}
    </p>
  );
}

function Navigation(): ReactElement {
  const counters = useCounters();
  const server = useAsk('server.info', {});
  return (
    <nav className="nav" aria-label="Main">
      <Link className="ws" to={base}>
        <img className="mark" src="/console/mark.svg" alt="" />
        <span className="col grow word">
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
        <NavLink to={to.settings} title="Settings">
          <Icon name="cog" />
          <span className="word">Settings</span>
        </NavLink>
        <span className="who" title={server.data?.actor}>
          <Icon name="user" />
          <span className="word el">{server.data?.actor ?? ''}</span>
        </span>
      </div>
    </nav>
  );
}

interface NavGroupProps {
  readonly title: string | undefined;
  readonly items: readonly Place[];
  readonly counters: ReturnType<typeof useCounters>;
}

function NavGroup({ title, items, counters }: NavGroupProps): ReactElement {
  const { pathname } = useLocation();
  const carried = useCarried();
  const here = placeOfAddress(pathname)?.path ?? (pathname === base ? base : undefined);
  return (
    <>
      {title !== undefined && <h3>{title}</h3>}
      {items.map(({ path, word, icon }) => (
        <Link key={path} to={carried(path)} title={word} aria-current={path === here ? 'page' : undefined}>
          <Icon name={icon} />
          <span className="word">{word}</span>
          <Count counter={counters[path]} />
        </Link>
      ))}
    </>
  );
}

function Count({ counter }: { counter: Counter | undefined }): ReactElement | null {
  if (counter === undefined || counter.count === 0) return null;
  return (
    <span className={`n ${counter.tone}`} title={counter.what}>
      {counter.isMore ? `${counter.count}+` : counter.count}
    </span>
  );
}

const decoded = (part: string): string => {
  try {
    return decodeURIComponent(part);
  } catch {
    // Typed by hand, and not an encoding of anything: shown as it is.
    return part;
  }
};

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
          <b className="el">{parts.slice(1).map(decoded).join(' / ')}</b>
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

function Tail(): ReactElement {
  const { zone } = usePreferences();
  return (
    <span className="tail">
      <button
        type="button"
        className="link"
        title="Shows times in the other zone"
        onClick={() => setPreferences({ zone: zone === 'utc' ? 'local' : 'utc' })}
      >
        Times in {zoneWord()}
      </button>
      <LedgerTail />
    </span>
  );
}
