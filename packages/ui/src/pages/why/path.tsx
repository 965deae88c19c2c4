/** The steps of a chain from top to bottom, each with what it is, one line about it and what it is known by. */
import type { ReactElement } from 'react';
import { Link as RouterLink } from 'react-router';
import { pathOf } from '../../api/client.ts';
import type { IconName } from '../../components/icon.tsx';
import { Icon } from '../../components/icon.tsx';
import { to } from '../../frame/places.ts';
import { short } from '../../words.ts';
import type { Step, StoredFile } from './chain.ts';
import { digestOf, kindWord, nameOf, sentenceOf } from './chain.ts';

const icons: Readonly<Record<string, IconName>> = {
  prediction: 'spark',
  version: 'model',
  run: 'exp',
  'dataset-version': 'data',
  dataset: 'data',
  deployment: 'endpoint',
  'pipeline-run': 'pipeline',
  'policy-firing': 'policy',
  rollout: 'branch',
  alert: 'bell',
  file: 'doc',
  event: 'ledger',
};

export const linkIcon = (kind: string): IconName => icons[kind] ?? 'link';

interface PathProps {
  readonly steps: readonly Step[];
  readonly chosen: string | undefined;
  readonly href: (key: string) => string;
}

export function Path({ steps, chosen, href }: PathProps): ReactElement {
  return (
    <ol className="why-path" aria-label="Links of the chain">
      {steps.map(({ key, link, files, from }) => {
        const digest = digestOf(link);
        return (
          <li key={key} className={key === chosen ? 'on' : ''}>
            <span className="kind">{kindWord(link.kind)}</span>
            <span className="node">
              <Icon name={linkIcon(link.kind)} small />
            </span>
            <div className="what">
              <p className="m">
                <RouterLink
                  to={href(key)}
                  aria-current={key === chosen ? 'step' : undefined}
                  preventScrollReset
                  className="name"
                >
                  <bdi>{nameOf(link)}</bdi>
                </RouterLink>
                {from !== undefined && <span className="t3 sm from"> of {from}</span>}
              </p>
              <p className="t2 sm clip">{sentenceOf(link)}</p>
              {files.length > 0 && <Files files={files} />}
            </div>
            <span className="known">
              {digest !== undefined && (
                <code className="t3" title={digest}>
                  {/^[0-9a-f]{40,64}$/.test(digest) ? digest.slice(0, 10) : short(digest)}
                </code>
              )}
              {/^[a-z]{3}_[0-9a-z]{26}$/.test(link.id) && link.kind !== 'prediction' && (
                <RouterLink className="xs" to={to.ledgerSearch(link.id)}>
                  Ledger
                </RouterLink>
              )}
            </span>
          </li>
        );
      })}
    </ol>
  );
}

const filesShown = 4;

/** The bytes themselves: a name fetches them, its digest leads to what else was made of them. */
export function Files({ files, most = filesShown }: { files: readonly StoredFile[]; most?: number }): ReactElement {
  return (
    <ul className="why-files" aria-label="Files">
      {files.slice(0, most).map(({ name, digest }) => (
        <li key={`${name} ${digest}`} className="chip">
          <a href={pathOf('objects.get', { params: { digest } })} download={name}>
            <bdi>{name}</bdi>
          </a>{' '}
          <RouterLink to={to.why('file', digest)} title={`${digest}: what else is made of these bytes`}>
            <code>{short(digest)}</code>
          </RouterLink>
        </li>
      ))}
      {files.length > most && <li className="t3 xs">and {files.length - most} more</li>}
    </ul>
  );
}
