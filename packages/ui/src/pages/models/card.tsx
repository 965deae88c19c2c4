/** The model card of a version: what to know before using it, from recorded facts. It prints, and it is kept as Markdown. */
import type { Estimate, ModelCard, ModelVersion } from '@slipway/contract';
import type { ReactElement, ReactNode } from 'react';
import { Link } from 'react-router';
import { pathOf } from '../../api/client.ts';
import { useAsk } from '../../api/queries.ts';
import { Loaded } from '../../components/states.tsx';
import { StatusBadge } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { bytes, count, decimals, fullInstant, plural } from '../../words.ts';
import './card.css';

export function Card({ version }: { version: ModelVersion }): ReactElement {
  const params = { model: version.model, version: String(version.number) };
  const card = useAsk('models.card', { params });
  return (
    <section className="panel card" aria-label="Model card">
      <header className="rule">
        <h2>Model card</h2>
        <span className="cap el">made from recorded facts; what is not recorded is named at its end</span>
        <span className="acts no-print">
          <button type="button" className="btn sm" onClick={() => print()}>
            Print
          </button>
          <a
            className="btn sm"
            href={pathOf('models.cardText', { params })}
            download={`${version.model.replaceAll(/[^\w.-]/g, '_')}-v${version.number}.md`}
          >
            Save as Markdown
          </a>
        </span>
      </header>
      <Loaded query={card} lines={12}>
        {(found) => <Shown card={found} />}
      </Loaded>
    </section>
  );
}

function Shown({ card }: { card: ModelCard }): ReactElement {
  return (
    <div className="card-body">
      <Part title="Purpose">
        <p>{card.purpose ?? <Unknown>Nothing says what it is for.</Unknown>}</p>
        {card.description !== undefined && <p>{card.description}</p>}
        <p className="t2">
          {card.flavor}, {bytes(card.sizeBytes)}, registered {fullInstant(card.registeredAt)} by {card.registeredBy}.
        </p>
        {card.artifactDigest !== undefined && <code className="digest">{card.artifactDigest}</code>}
      </Part>
      <Learned card={card} />
      <Part title="What it takes">
        {card.features.service !== undefined && (
          <p>
            Feature service{' '}
            <Link to={to.featureSet(card.features.service.set)}>
              {card.features.service.set}/{card.features.service.service}
            </Link>
            .
          </p>
        )}
        {card.features.names.length === 0 ? (
          <Unknown>Its inputs are not recorded.</Unknown>
        ) : (
          <p>
            {plural(card.features.names.length, 'input')}:{' '}
            {card.features.names.map((name, i) => (
              <span key={name}>
                {i > 0 && ', '}
                <code>{name}</code>
              </span>
            ))}
          </p>
        )}
      </Part>
      <Quality card={card} />
      <Serving card={card} />
      <Part title="Limits">
        <Sentences said={card.limits} nothing="None are known. That is not the same as none." />
      </Part>
      <Part title="Not known">
        <Sentences said={card.unknown} nothing="Nothing that this card asks about." />
      </Part>
    </div>
  );
}

const Part = ({ title, children }: { title: string; children: ReactNode }): ReactElement => (
  <section>
    <h3>{title}</h3>
    <div className="stack">{children}</div>
  </section>
);

const Unknown = ({ children }: { children: ReactNode }): ReactElement => <span className="t3">{children}</span>;

function Sentences({ said, nothing }: { said: readonly string[]; nothing: string }): ReactElement {
  if (said.length === 0) return <Unknown>{nothing}</Unknown>;
  return (
    <ul className="card-list">
      {said.map((sentence) => (
        <li key={sentence}>{sentence}</li>
      ))}
    </ul>
  );
}

const isoDay = (at: number): string => new Date(at).toISOString().slice(0, 10);

function Learned({ card: { data, training, code } }: { card: ModelCard }): ReactElement {
  const settings = Object.entries(training.settings);
  return (
    <Part title="What it learned from">
      {data.length > 0 && (
        <div className="scroll" tabIndex={0}>
          <table className="tbl top0" aria-label="Datasets">
            <thead>
              <tr>
                <th scope="col">Dataset version</th>
                <th scope="col" className="num">
                  Rows
                </th>
                <th scope="col">Digest</th>
              </tr>
            </thead>
            <tbody>
              {data.map((d) => (
                <tr key={`${d.dataset}@${d.number}`}>
                  <td>
                    <Link to={to.dataset(d.dataset, d.number)}>
                      {d.dataset}@{d.number}
                    </Link>
                  </td>
                  <td className="num">{d.rows === undefined ? <Unknown>not known</Unknown> : count(d.rows)}</td>
                  <td>
                    <code className="digest">{d.digest}</code>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {training.rows !== undefined && (
        <p>
          Trained on {count(training.rows)} rows
          {training.from === undefined || training.to === undefined
            ? ''
            : `, of events from ${isoDay(training.from)} to ${isoDay(training.to)}`}
          .
        </p>
      )}
      {settings.length > 0 && <p>Settings: {settings.map(([key, value]) => `${key} ${value}`).join(', ')}.</p>}
      {code.commit !== undefined && (
        <p>
          Commit <code>{code.commit}</code>.
        </p>
      )}
      {data.length === 0 && training.rows === undefined && <Unknown>Nothing of it is recorded.</Unknown>}
    </Part>
  );
}

function figure({ value, low, high }: Estimate): ReactElement {
  return (
    <>
      {decimals(value, 4)}
      {low !== undefined && high !== undefined && (
        <small className="t3 interval">
          {decimals(low, 4)} to {decimals(high, 4)}
        </small>
      )}
    </>
  );
}

function Quality({ card: { gate, metrics, paired } }: { card: ModelCard }): ReactElement {
  const baselines = [...new Set(metrics.flatMap((metric) => Object.keys(metric.baselines)))];
  return (
    <Part title="How good it is">
      {gate === undefined ? (
        <Unknown>No gate was judged for it.</Unknown>
      ) : (
        <p>
          <StatusBadge plain state={gate.passed ? 'passed' : 'failed'} /> its gate, judged {fullInstant(gate.judgedAt)}
          {gate.rows === undefined ? '' : ` on ${count(gate.rows)} rows`}. Small figures are 95 % intervals.
        </p>
      )}
      {metrics.length > 0 && (
        <div className="scroll" tabIndex={0}>
          <table className="tbl top0" aria-label="Metrics">
            <thead>
              <tr>
                <th scope="col">Metric</th>
                <th scope="col" className="num">
                  Value
                </th>
                {baselines.map((name) => (
                  <th scope="col" className="num" key={name}>
                    {name}
                  </th>
                ))}
                <th scope="col">Bounds</th>
              </tr>
            </thead>
            <tbody>
              {metrics.map((metric) => (
                <tr key={metric.name}>
                  <td className="m">{metric.name}</td>
                  <td className="num">{figure(metric.estimate)}</td>
                  {baselines.map((name) => {
                    const other = metric.baselines[name];
                    return (
                      <td className="num t2" key={name}>
                        {other === undefined ? <Unknown>not set</Unknown> : figure(other)}
                      </td>
                    );
                  })}
                  <td>
                    {metric.bounds.length === 0 ? (
                      <Unknown>none</Unknown>
                    ) : (
                      <span title={metric.bounds.map((b) => b.sentence).join('\n')}>
                        {metric.bounds.filter((b) => b.passed).length} of {metric.bounds.length} met
                      </span>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {paired !== undefined && (
        <p>
          Against v{paired.champion}, the champion of then, on the same rows:{' '}
          {Object.entries(paired.differences)
            .map(
              ([name, { value, low, high }]) =>
                `${name} ${decimals(value, 4)}${low === undefined || high === undefined ? '' : ` (${decimals(low, 4)} to ${decimals(high, 4)})`}`,
            )
            .join(', ')}
          .
        </p>
      )}
    </Part>
  );
}

function Serving({ card: { serves, monitors } }: { card: ModelCard }): ReactElement {
  return (
    <Part title="Where it serves">
      {serves.length === 0 && monitors.length === 0 && <Unknown>Nowhere, and nothing watches it.</Unknown>}
      <ul className="card-list">
        {serves.map(({ endpoint, deployment, percent, isShadow }) => (
          <li key={endpoint}>
            <Link to={to.endpoint(endpoint)}>{endpoint}</Link>, deployment {deployment}:{' '}
            {isShadow ? 'in the shadow, scored and not answered' : `${percent} % of traffic`}.
          </li>
        ))}
        {monitors.map(({ monitor, last, openAlerts }) => (
          <li key={monitor}>
            Monitor <Link to={to.monitor(monitor)}>{monitor}</Link>:{' '}
            {last === undefined
              ? 'no window was judged for it yet.'
              : `${isoDay(last.from)} to ${isoDay(last.to)}: ${last.sentence}`}
            {openAlerts > 0 && ` ${plural(openAlerts, 'open alert')}.`}
          </li>
        ))}
      </ul>
    </Part>
  );
}
