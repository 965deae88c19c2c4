/** The versions of a dataset in the order they were made: rows, what came with each, whether it passed its checks. */
import type { DatasetVersionSummary, ValidationSummary } from '@slipway/contract';
import type { ReactElement } from 'react';
import { useEffect, useRef } from 'react';
import { Link } from 'react-router';
import { StatusBadge } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { bytes, count, fullInstant, instant, plural } from '../../words.ts';
import { checksOf, checkStatus, grownBy, signedCount } from './facts.ts';

interface VersionsProps {
  readonly dataset: string;
  /** Newest first. */
  readonly versions: readonly DatasetVersionSummary[];
  readonly current: number;
  readonly against: string | undefined;
  readonly checks: readonly ValidationSummary[];
}

export function Versions({ dataset, versions, current, against, checks }: VersionsProps): ReactElement {
  const box = useRef<HTMLOListElement>(null);
  useEffect(() => {
    const shown = box.current?.querySelector<HTMLElement>('li:has([aria-current])');
    const room = (box.current?.clientWidth ?? 0) / 2;
    if (shown !== null && shown !== undefined)
      box.current?.scrollTo({ left: shown.offsetLeft + shown.clientWidth / 2 - room });
  }, [current, versions.length]);
  return (
    <ol className="dt-versions" ref={box}>
      {versions.toReversed().map((version) => (
        <Box
          key={version.id}
          version={version}
          versions={versions}
          check={checksOf(checks, dataset, version.number)[0]}
          look={version.number === current ? 'cur' : String(version.number) === against ? 'ref' : ''}
        />
      ))}
    </ol>
  );
}

interface BoxProps {
  readonly version: DatasetVersionSummary;
  readonly versions: readonly DatasetVersionSummary[];
  readonly check: ValidationSummary | undefined;
  readonly look: string;
}

function Box({ version, versions, check, look }: BoxProps): ReactElement {
  const same = versions.findLast((v) => v.number < version.number && v.digest === version.digest);
  const grown = grownBy(version, versions);
  const refused = check !== undefined && !check.success;
  return (
    <li className={refused ? 'aside' : undefined}>
      <Link
        className={`dt-version ${look}${refused ? ' no' : ''}`}
        to={to.dataset(version.dataset, version.number)}
        aria-current={look === 'cur' ? 'true' : undefined}
        title={`Version ${version.number}, made ${fullInstant(version.createdAt)}`}
      >
        <span className="row">
          <b>v{version.number}</b>
          {!refused && (
            <time className="t3 xs" title={fullInstant(version.createdAt)}>
              {instant(version.createdAt)}
            </time>
          )}
          {refused && <StatusBadge plain state={{ tone: 'bad', word: 'Refused' }} />}
        </span>
        <span className="u">
          {count(version.rowCount)} rows{grown !== undefined && grown !== 0 && `, ${signedCount(grown)}`}
        </span>
        <span className="u">
          {same === undefined
            ? `${plural(version.fileCount, 'file')}, ${bytes(version.sizeBytes)}`
            : `the same bytes as v${same.number}`}
        </span>
        <span className="u">{refused ? `${check.failed} of ${check.evaluated} failed` : checkStatus(check).word}</span>
      </Link>
    </li>
  );
}
