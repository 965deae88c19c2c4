/**
 * Where a thing came from, down to the bytes and the commit, and what came of it: a path of steps with the facts of the
 * chosen one beside it, or the whole tree.
 */
import type { ReactElement } from 'react';
import { useMemo } from 'react';
import { useParams } from 'react-router';
import type { Ask } from '../../api/client.ts';
import { useAsk } from '../../api/queries.ts';
import { PageHead, Panel } from '../../components/layout.tsx';
import { EmptyState, Loaded } from '../../components/states.tsx';
import type { ViewState } from '../../components/use-view-state.ts';
import { useViewState } from '../../components/use-view-state.ts';
import { useView } from '../../frame/view.tsx';
import { plural, short } from '../../words.ts';
import type { Link, Step } from './chain.ts';
import { allOf, kindWord, linkOfConsequence, linkOfReason, nameOf, stepsOf } from './chain.ts';
import { Inspector } from './inspector.tsx';
import { Path } from './path.tsx';
import { Rests } from './rests.tsx';
import { Tree } from './tree.tsx';
import './why.css';

type BackKind = Ask<'why.get'>['params']['kind'];
type OnwardKind = Ask<'why.onward'>['params']['kind'];

const backKinds: readonly BackKind[] = [
  'prediction',
  'version',
  'run',
  'dataset-version',
  'deployment',
  'pipeline-run',
  'rollout',
  'alert',
];
const onwardKinds: readonly OnwardKind[] = ['file', 'dataset-version', 'pipeline-run', 'run', 'version', 'deployment'];

interface Asked {
  readonly back: BackKind | undefined;
  readonly onward: OnwardKind | undefined;
  readonly id: string;
}

export function Page(): ReactElement {
  const { kind: given = '', '*': rest = '' } = useParams();
  const view = useViewState();
  const asked: Asked = {
    back: backKinds.find((kind) => kind === given),
    onward: onwardKinds.find((kind) => kind === given),
    id: decodeURIComponent(rest),
  };
  const isOnward = asked.back === undefined || view.get('direction') === 'onward';
  if (isOnward && asked.onward !== undefined) return <Onward asked={asked} kind={asked.onward} view={view} />;
  if (asked.back !== undefined) return <Back asked={asked} kind={asked.back} view={view} />;
  return <EmptyState title={`"${given}" cannot be explained`}>Known are {backKinds.join(', ')}.</EmptyState>;
}

interface SideProps<Kind> {
  readonly asked: Asked;
  readonly kind: Kind;
  readonly view: ViewState;
}

function Back({ asked, kind, view }: SideProps<BackKind>): ReactElement {
  const { id } = asked;
  const reason = useAsk('why.get', { params: { kind, id } });
  useView(`slipway why ${kind} ${id}`, 'why.get', { params: { kind, id } });
  const root = useMemo(() => (reason.data === undefined ? undefined : linkOfReason(reason.data)), [reason.data]);
  return (
    <>
      <PageHead
        title={titleOf(kind, id, root)}
        sentence={root === undefined ? 'From the answer back to the bytes.' : sentenceOf(root)}
        actions={<Choices asked={asked} isOnward={false} view={view} />}
      />
      <Loaded query={reason} lines={12}>
        {() => root !== undefined && <Chain root={root} view={view} isOnward={false} />}
      </Loaded>
    </>
  );
}

function Onward({ asked, kind, view }: SideProps<OnwardKind>): ReactElement {
  const { id } = asked;
  const found = useAsk('why.onward', { params: { kind, id } });
  useView(`slipway why ${kind} ${id} --onward`, 'why.onward', { params: { kind, id } });
  const root = useMemo(() => (found.data === undefined ? undefined : linkOfConsequence(found.data)), [found.data]);
  const all = root === undefined ? [] : allOf(root).slice(1);
  return (
    <>
      <PageHead
        title={`What came of ${root === undefined ? `${kindWord(kind)} ${short(id)}` : nameOf(root)}`}
        sentence={
          root === undefined
            ? 'From the bytes on to what answers with them.'
            : all.length === 0
              ? 'Nothing on this server was made of it.'
              : `${countsOf(all)} rest on it.`
        }
        actions={<Choices asked={asked} isOnward view={view} />}
      />
      <Loaded query={found} lines={12}>
        {() => root !== undefined && <Chain root={root} view={view} isOnward />}
      </Loaded>
    </>
  );
}

function titleOf(kind: BackKind, id: string, root: Link | undefined): string {
  if (kind === 'prediction')
    return `Why did ${short(id)} ${root === undefined ? 'score' : nameOf(root).toLowerCase()}?`;
  return `Where ${root === undefined ? `${kindWord(kind)} ${short(id)}` : nameOf(root)} came from`;
}

function sentenceOf(root: Link): string {
  const all = allOf(root);
  const datasets = new Set(all.filter((one) => one.kind === 'dataset-version').map((one) => one.title));
  const commit = all.map((one) => one.facts['commit']).find((c) => typeof c === 'string');
  const parts = [
    `${plural(all.length, 'link')} back to the origin`,
    ...(datasets.size === 0 ? [] : [plural(datasets.size, 'dataset version')]),
    ...(typeof commit === 'string' ? [`code at commit ${commit.slice(0, 10)}`] : []),
  ];
  return `${parts.join(', ')}.`;
}

/** `2 model versions, 3 deployments`. */
function countsOf(links: readonly Link[]): string {
  const kinds = [...new Set(links.map((one) => one.kind))].filter((kind) => kindWord(kind) !== '');
  return kinds
    .map((kind) => {
      const ids = new Set(links.filter((one) => one.kind === kind).map((one) => one.id));
      return plural(ids.size, kindWord(kind));
    })
    .join(', ');
}

function Choices({ asked, isOnward, view }: { asked: Asked; isOnward: boolean; view: ViewState }): ReactElement {
  const isTree = view.get('form') === 'tree';
  return (
    <>
      {asked.back !== undefined && asked.onward !== undefined && (
        <div className="seg" role="group" aria-label="Direction">
          <button
            type="button"
            aria-pressed={!isOnward}
            onClick={() => view.set({ direction: undefined, step: undefined })}
          >
            Came from
          </button>
          <button
            type="button"
            aria-pressed={isOnward}
            onClick={() => view.set({ direction: 'onward', step: undefined })}
          >
            Led to
          </button>
        </div>
      )}
      <div className="seg" role="group" aria-label="Form">
        <button type="button" aria-pressed={!isTree} onClick={() => view.set({ form: undefined })}>
          Path
        </button>
        <button type="button" aria-pressed={isTree} onClick={() => view.set({ form: 'tree' })}>
          Tree
        </button>
      </div>
    </>
  );
}

function Chain({ root, view, isOnward }: { root: Link; view: ViewState; isOnward: boolean }): ReactElement {
  const steps = useMemo(() => stepsOf(root), [root]);
  if (view.get('form') === 'tree') {
    return (
      <Panel
        title={isOnward ? 'What came of it' : 'The chain'}
        caption={isOnward ? 'each thing with what was made of it' : 'what each thing was made of, down to digests'}
      >
        <Tree root={root} />
      </Panel>
    );
  }
  const chosen: Step | undefined = steps.find((step) => step.key === view.get('step')) ?? steps[0];
  return (
    <div className="why-split">
      <div className="col why-main">
        <Path steps={steps} chosen={chosen?.key} href={(key) => view.href({ step: key })} />
        {!isOnward && <Rests root={root} />}
      </div>
      {chosen !== undefined && <Inspector step={chosen} />}
    </div>
  );
}
