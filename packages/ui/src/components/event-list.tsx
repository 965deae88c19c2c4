/** Ledger events, newest first: when, what, on which thing, by whom. */
import type { LedgerRow } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import { placeOfSubject, to } from '../frame/places.ts';
import { fullInstant, instant, short } from '../words.ts';
import type { IconName } from './icon.tsx';
import { Icon } from './icon.tsx';

const icons: Readonly<Record<string, IconName>> = {
  dataset: 'data',
  suite: 'eval',
  validation: 'eval',
  'feature-set': 'features',
  experiment: 'exp',
  run: 'exp',
  model: 'model',
  alias: 'model',
  gate: 'shield',
  pipeline: 'pipeline',
  'pipeline-run': 'pipeline',
  step: 'pipeline',
  endpoint: 'endpoint',
  deployment: 'endpoint',
  rollout: 'branch',
  labels: 'check',
  monitor: 'monitor',
  alert: 'bell',
  policy: 'policy',
  approval: 'approve',
  project: 'doc',
  token: 'user',
};

export const eventIcon = (kind: string): IconName => icons[kind.split('.', 1)[0] ?? ''] ?? 'ledger';

/** `dataset.version-created` as `dataset version created`. */
export const eventWords = (kind: string): string => kind.replaceAll(/[.-]/g, ' ');

const told = ['sentence', 'reason', 'verdict', 'state', 'alias', 'number', 'version', 'count'] as const;

/** What the event's body says of itself, in a few words. */
export function eventFacts(row: LedgerRow): string {
  return told
    .flatMap((key) => {
      const value = row.body[key];
      if (typeof value !== 'string' && typeof value !== 'number') return [];
      return [key === 'sentence' || key === 'reason' ? String(value) : `${key} ${short(String(value))}`];
    })
    .slice(0, 3)
    .join(', ');
}

export function EventList({ rows }: { rows: readonly LedgerRow[] }): ReactElement {
  return (
    <ol>
      {rows.map((row) => {
        const place = placeOfSubject(row.subject);
        const name = short(row.subject.replace(/^[a-z-]+[:/](?=.)/, ''));
        const facts = eventFacts(row);
        return (
          <li className="ev" key={row.seq}>
            <time dateTime={new Date(row.at).toISOString()} title={fullInstant(row.at)}>
              {instant(row.at)}
            </time>
            <span className="t3">
              <Icon name={eventIcon(row.kind)} small />
            </span>
            <span className="el">
              <Link to={to.ledgerEvent(row.seq)}>{eventWords(row.kind)}</Link>{' '}
              {place === undefined ? <b className="m">{name}</b> : <Link to={place}>{name}</Link>}
              {facts !== '' && <span className="t2">: {facts}</span>}
            </span>
            <span className="t3 by">{row.actor}</span>
          </li>
        );
      })}
    </ol>
  );
}
