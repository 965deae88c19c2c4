/** Everything that is known of one link of the chain. */
import type { TrainedOn } from '@slipway/contract';
import type { ReactElement } from 'react';
import { useEffect, useRef } from 'react';
import { Link as RouterLink } from 'react-router';
import { useAsk } from '../../api/queries.ts';
import { Icon } from '../../components/icon.tsx';
import { figure, plural, short } from '../../words.ts';
import { outsideTraining } from '../endpoints/outside-training.ts';
import type { Link, Step } from './chain.ts';
import { factName, factValue, kindWord, nameOf, placeOf } from './chain.ts';
import { Files, linkIcon } from './path.tsx';

/** Below this the facts stand under the path. */
const oneColumn = '(max-width: 1100px)';
const filesAtMost = 500;

export function Inspector({ step: { key, link, files } }: { step: Step }): ReactElement {
  const box = useRef<HTMLElement>(null);
  const last = useRef(key);
  useEffect(() => {
    if (last.current !== key && matchMedia(oneColumn).matches) box.current?.scrollIntoView({ block: 'start' });
    last.current = key;
  }, [key]);
  const place = placeOf(link);
  const facts = Object.entries(link.facts).filter(([name, value]) => value !== null && !isApart(name));
  const features = pairsOf(link.facts['features']);
  const params = paramsOf(link);
  return (
    <aside className="panel why-side" ref={box} tabIndex={0} aria-label={`${kindWord(link.kind)} ${nameOf(link)}`}>
      <section>
        <h2 className="row">
          <Icon name={linkIcon(link.kind)} />
          <bdi className="el">{nameOf(link)}</bdi>
        </h2>
        <p className="t3 xs mono id">{link.id}</p>
        {place !== undefined && (
          <p>
            <RouterLink className="btn sm" to={place}>
              Open the {kindWord(link.kind) === '' ? 'page' : kindWord(link.kind)}
            </RouterLink>
          </p>
        )}
      </section>
      {facts.length > 0 && (
        <section>
          <h3>What is recorded</h3>
          <dl className="kv">
            {facts.map(([name, value]) => (
              <Fact key={name} name={name} value={value ?? ''} />
            ))}
          </dl>
        </section>
      )}
      {params.length > 0 && <Values title="Params" names="Param" pairs={params} />}
      {features.length > 0 && <Given pairs={features} version={versionOf(link)} />}
      {files.length > 0 && (
        <section>
          <h3>{files.length === 1 ? 'File' : `${files.length} files`}</h3>
          <Files files={files} most={filesAtMost} />
        </section>
      )}
    </aside>
  );
}

const isApart = (name: string): boolean => name === 'features' || name === 'params';

function Fact({ name, value }: { name: string; value: string | number | boolean }): ReactElement {
  const whole = String(value);
  const words = factValue(name, value);
  const digest = /sha256:[0-9a-f]{64}/.exec(whole)?.[0];
  const isMono = digest !== undefined || /^[0-9a-f]{40}$/.test(whole);
  return (
    <>
      <dt>{factName(name)}</dt>
      <dd className={isMono ? 'mono' : ''} title={whole}>
        {digest === undefined ? words : words.replace(digest, short(digest))}
      </dd>
    </>
  );
}

/** `a=1 b=2` as pairs. */
const pairsOf = (value: Link['facts'][string] | undefined): readonly (readonly [string, string])[] =>
  typeof value !== 'string'
    ? []
    : value.split(' ').flatMap((part) => {
        const cut = part.indexOf('=');
        return cut < 1 ? [] : [[part.slice(0, cut), part.slice(cut + 1)] as const];
      });

function paramsOf({ facts }: Link): readonly (readonly [string, string])[] {
  const text = facts['params'];
  if (typeof text !== 'string') return [];
  try {
    const params: unknown = JSON.parse(text);
    return typeof params === 'object' && params !== null
      ? Object.entries(params).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)])
      : [];
  } catch {
    return [['as recorded', text]];
  }
}

interface VersionRef {
  readonly model: string;
  readonly version: string;
}

/** The one that answered: a prediction names it among its reasons. */
function versionOf({ next }: Link): VersionRef | undefined {
  const id = next.find((one) => one.kind === 'version')?.id;
  const cut = id?.lastIndexOf('/') ?? -1;
  return id === undefined || cut < 1 ? undefined : { model: id.slice(0, cut), version: id.slice(cut + 1) };
}

/** Three digits, and all of those before the point: both ends stand in one narrow cell. */
const rough = (value: number): string => figure(Math.abs(value) >= 100 ? value : Number(value.toPrecision(3)));

/** Values of a chain are written with six digits: what rounding alone put beyond an end is within. */
function widened(seen: TrainedOn | undefined, value: number): TrainedOn | undefined {
  if (seen?.min === undefined || seen.max === undefined) return seen;
  const slack = Math.abs(value) * 1e-5;
  return { ...seen, min: seen.min - slack, max: seen.max + slack };
}

interface GivenProps {
  readonly pairs: readonly (readonly [string, string])[];
  readonly version: VersionRef | undefined;
}

/** Each feature beside what the version's training had of it: outside of that the score is a guess. */
function Given({ pairs, version }: GivenProps): ReactElement {
  const inputs = useAsk(
    'models.inputs',
    { params: version ?? { model: '', version: '' } },
    { enabled: version !== undefined },
  );
  const trained = new Map(inputs.data?.inputs.map(({ name, seen }) => [name, seen]));
  const rows = pairs.map(([name, value]) => ({
    name,
    value: Number(value),
    seen: trained.get(name),
    outside: outsideTraining(Number(value), widened(trained.get(name), Number(value))),
  }));
  const outside = rows.filter((row) => row.outside !== undefined).length;
  return (
    <section>
      <h3>What the model was given</h3>
      {inputs.data?.rows !== undefined && (
        <p className="xs t3">
          {outside === 0
            ? `All of it lies within the ${plural(inputs.data.rows, 'row')} of training.`
            : `${plural(outside, 'value')} outside of the ${plural(inputs.data.rows, 'row')} of training.`}
        </p>
      )}
      <table className="tbl top0 why-given" aria-label="What the model was given">
        <thead>
          <tr>
            <th scope="col">Feature</th>
            <th scope="col" className="num">
              Value
            </th>
            {trained.size > 0 && (
              <th scope="col" className="num">
                In training
              </th>
            )}
          </tr>
        </thead>
        <tbody className="mono">
          {rows.map(({ name, value, seen, outside: how }) => (
            <tr key={name} title={how}>
              <td>
                <bdi>{name}</bdi>
              </td>
              <td className={how === undefined ? 'num' : 'num warn m'}>{figure(value)}</td>
              {trained.size > 0 && (
                <td className="num t3">
                  {seen?.min === undefined || seen.max === undefined ? '' : `${rough(seen.min)} to ${rough(seen.max)}`}
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

interface ValuesProps {
  readonly title: string;
  readonly names: string;
  readonly pairs: readonly (readonly [string, string])[];
}

function Values({ title, names, pairs }: ValuesProps): ReactElement {
  return (
    <section>
      <h3>{title}</h3>
      <table className="tbl top0" aria-label={title}>
        <thead>
          <tr>
            <th scope="col">{names}</th>
            <th scope="col" className="num">
              Value
            </th>
          </tr>
        </thead>
        <tbody className="mono">
          {pairs.map(([name, value]) => (
            <tr key={name}>
              <td>
                <bdi>{name}</bdi>
              </td>
              <td className="num">{value}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
