/** One feature set: each service's vector in order, the online state that reads come from, and a form that reads one vector. */
import type { FeatureService, FeatureSet, FeatureVector } from '@slipway/contract';
import type { ReactElement } from 'react';
import { useState } from 'react';
import { useParams } from 'react-router';
import { useAsk } from '../../api/queries.ts';
import { PageHead, Pairs, Panel } from '../../components/layout.tsx';
import { EmptyState, Loaded } from '../../components/states.tsx';
import { StatusBadge } from '../../components/status.tsx';
import { useView } from '../../frame/view.tsx';
import { instant, plural, short } from '../../words.ts';
import type { ViewState } from '../../components/use-view-state.ts';
import { useViewState } from '../../components/use-view-state.ts';
import { eventInstant, rowsIn, spansOf, stateStatus } from './facts.ts';
import './features.css';
import { ReadForm } from './read-form.tsx';
import { StatePanel } from './state.tsx';

export function Page(): ReactElement {
  const { set: name = '' } = useParams();
  const set = useAsk('featureSets.get', { params: { set: name } });
  useView(`slipway feature show ${name}`, 'featureSets.get', { params: { set: name } });
  return (
    <Loaded query={set} lines={10}>
      {(data) => <Opened set={data} />}
    </Loaded>
  );
}

function Opened({ set }: { set: FeatureSet }): ReactElement {
  const view = useViewState();
  const service = set.services.find((s) => s.name === view.get('service')) ?? set.services[0];
  const [vector, setVector] = useState<{ readonly service: string; readonly read: FeatureVector } | undefined>();
  const shown = vector !== undefined && vector.service === service?.name ? vector.read : undefined;
  return (
    <>
      <PageHead
        title={set.name}
        badges={<StatusBadge state={{ ...stateStatus[set.state.status], word: `online ${set.state.status}` }} />}
        sentence={sentenceOf(set)}
      />
      <div className="grid">
        <section className="panel ft-left">
          {service === undefined ? (
            <EmptyState title="It has no service">A service names the features that make one vector.</EmptyState>
          ) : (
            <>
              <ServiceTabs set={set} service={service} view={view} />
              <ServiceHead service={service} />
              <Features service={service} vector={shown} />
            </>
          )}
        </section>
        <div className="ft-right">
          {service !== undefined && (
            <ReadForm
              key={service.name}
              set={set}
              service={service.name}
              taken={(read) => setVector({ service: service.name, read })}
            />
          )}
          <StatePanel set={set} />
          <Panel title="Definition" caption="as applied">
            <Pairs
              pairs={[
                { name: 'digest', value: <code title={set.digest}>{short(set.digest)}</code> },
                { name: 'project', value: set.project ?? <span className="t3">none</span> },
                { name: 'applied', value: instant(set.updatedAt) },
              ]}
            />
            <details className="ft-json">
              <summary>All of it, in canonical spelling</summary>
              <pre className="code">{JSON.stringify(set.definition, null, 2)}</pre>
            </details>
          </Panel>
        </div>
      </div>
    </>
  );
}

function sentenceOf({ services, state, sources }: FeatureSet): string {
  const shape = `${plural(services.length, 'service')} over ${plural(sources.length, 'source')}`;
  if (state.status === 'failed') return `${shape}; the online state failed: ${state.problem ?? 'no reason given'}`;
  if (state.status === 'empty') return `${shape}; the online state is empty, so nothing can be read yet.`;
  if (state.status === 'filling') return `${shape}; the online state is being filled, pushes wait.`;
  const late = Object.values(state.sources).reduce((n, s) => n + s.lateRows, 0);
  const stands = state.nowAt === undefined ? '' : ` and stands at ${eventInstant(state.nowAt)} UTC`;
  return `${shape}; the online state holds ${plural(rowsIn(state), 'row')}${stands}; ${late === 0 ? 'none came late' : `${plural(late, 'row')} came late`}.`;
}

function ServiceTabs({
  set,
  service,
  view,
}: {
  set: FeatureSet;
  service: FeatureService;
  view: ViewState;
}): ReactElement {
  return (
    <div className="tabs" role="tablist" aria-label="Services">
      {set.services.map(({ name, features }) => (
        <button
          type="button"
          role="tab"
          key={name}
          aria-selected={name === service.name}
          onClick={() => view.set({ service: name })}
        >
          {name}
          <span className="n">{features.length}</span>
        </button>
      ))}
    </div>
  );
}

function ServiceHead({ service }: { service: FeatureService }): ReactElement {
  const { digest, at, rowsTable, extra } = service;
  return (
    <div className="padded ft-head">
      <Pairs
        pairs={[
          { name: 'digest', value: <code title={digest}>{digest.slice(7)}</code> },
          {
            name: 'rows from',
            value: rowsTable === undefined ? <span className="t3">not set</span> : `table ${rowsTable}`,
          },
          {
            name: 'instant of a row',
            value: at === undefined ? <span className="t3">not set</span> : <Expression text={at} />,
          },
          ...(extra.length === 0 ? [] : [{ name: 'kept beside', value: <code>{extra.join(', ')}</code> }]),
        ]}
      />
    </div>
  );
}

/** The canonical spelling counts in microseconds; what these are stands behind it. */
function Expression({ text }: { text: string }): ReactElement {
  const spans = spansOf(text);
  return (
    <>
      <code>{text}</code>
      {spans.length > 0 && <span className="t3"> {spans.join(', ')}</span>}
    </>
  );
}

function Features({ service, vector }: { service: FeatureService; vector: FeatureVector | undefined }): ReactElement {
  return (
    <>
      <div className="scroll" tabIndex={0}>
        <table className="tbl" aria-label={`Features of ${service.name}`}>
          <thead>
            <tr>
              <th scope="col" className="num">
                #
              </th>
              <th scope="col">Feature, view</th>
              {vector !== undefined && (
                <th scope="col" className="num">
                  Value read
                </th>
              )}
              <th scope="col">Source</th>
              <th scope="col">Expression</th>
            </tr>
          </thead>
          <tbody>
            {service.features.map((feature, i) => (
              <tr key={feature.name}>
                <td className="num t3">{i}</td>
                <td className="ft-name">
                  <span className="mono m">{feature.name}</span>
                  <span className="xs t3">{feature.view}</span>
                </td>
                {vector !== undefined && (
                  <td className="num m">{valueOf(vector.values[vector.names.indexOf(feature.name)])}</td>
                )}
                <td className="t2">{feature.source ?? <span className="t3">the request</span>}</td>
                <td>
                  <Expression text={feature.expression} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className="tf">
        in the order of the vector; each value is the same online and in training, to the bit
        {vector !== undefined && `; read as of ${eventInstant(vector.at)} UTC`}
      </p>
    </>
  );
}

function valueOf(value: number | null | undefined): ReactElement {
  if (value === null || value === undefined) return <span className="t3">null</span>;
  return <>{Number.isInteger(value) ? value : Number(value.toPrecision(6))}</>;
}
