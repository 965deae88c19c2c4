/** How far it goes if the bytes of a chain were wrong: everything else that was made of them. */
import { useQueries } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { Link as RouterLink } from 'react-router';
import type { Ask } from '../../api/client.ts';
import { ask } from '../../api/client.ts';
import { plural } from '../../words.ts';
import type { Link } from './chain.ts';
import { allOf, kindWord, linkOfConsequence, nameOf, placeOf } from './chain.ts';
import { to } from '../../frame/places.ts';

/** A chain that goes through several retrainings has many; the first ones are those nearest to what was asked. */
const followedMax = 4;
const namedMax = 4;
const shownKinds = ['pipeline-run', 'version', 'deployment'] as const;

export function Rests({ root }: { root: Link }): ReactElement | null {
  const versions = [
    ...new Map(
      allOf(root)
        .filter((one) => one.kind === 'dataset-version')
        .map((one) => [one.id, one]),
    ).values(),
  ].slice(0, followedMax);
  const answers = useQueries({
    queries: versions.map(({ id }) => {
      const request: Ask<'why.onward'> = { params: { kind: 'dataset-version', id } };
      return {
        queryKey: ['why.onward', request],
        queryFn: ({ signal }: { signal: AbortSignal }) => ask('why.onward', request, signal),
      };
    }),
  });
  if (versions.length === 0) return null;
  const found = answers.flatMap(({ data }) => (data === undefined ? [] : allOf(linkOfConsequence(data))));
  const isWhole = answers.every(({ data }) => data !== undefined);
  const failed = answers.find(({ error }) => error !== null)?.error;
  return (
    <section className="why-rests" aria-label="What rests on these bytes">
      <p className="row wrap">
        <b>What rests on these bytes</b>
        <span className="t3 sm">if {versions.map(nameOf).join(' or ')} were wrong, this is how far it goes</span>
        <span className="row wrap">
          {versions.map((version) => (
            <RouterLink key={version.id} to={`${to.why('dataset-version', version.id)}?direction=onward`}>
              From {nameOf(version)} on
            </RouterLink>
          ))}
        </span>
      </p>
      {failed !== null && failed !== undefined && <p className="bad sm">{failed.message}</p>}
      <dl className="stats">
        {shownKinds.map((kind) => (
          <Kind key={kind} kind={kind} links={found.filter((one) => one.kind === kind)} isWhole={isWhole} />
        ))}
      </dl>
    </section>
  );
}

function Kind({ kind, links, isWhole }: { kind: string; links: readonly Link[]; isWhole: boolean }): ReactElement {
  const things = [...new Map(links.map((one) => [one.id, one])).values()].filter(
    (one) => !one.title.endsWith('(shown above)'),
  );
  return (
    <div className="stat">
      <dt>{plural(2, kindWord(kind)).replace(/^\S+ /, '')}</dt>
      <dd>
        {isWhole ? things.length : '…'}{' '}
        <small>
          {things.slice(0, namedMax).map((one, i) => {
            const place = placeOf(one);
            return (
              <span key={one.id}>
                {i > 0 && ', '}
                {place === undefined ? nameOf(one) : <RouterLink to={place}>{nameOf(one)}</RouterLink>}
              </span>
            );
          })}
          {things.length > namedMax && ` and ${things.length - namedMax} more`}
        </small>
      </dd>
    </div>
  );
}
