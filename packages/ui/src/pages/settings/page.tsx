/** The server, the projects that were applied, and the tokens that may use it. */
import type { ApiToken, TokenRole } from '@slipway/contract';
import { Modal, useMantineColorScheme } from '@mantine/core';
import type { FormEvent, ReactElement } from 'react';
import { useState } from 'react';
import { useAsk, useChange } from '../../api/queries.ts';
import { Confirm } from '../../components/confirm.tsx';
import { DataTable } from '../../components/data-table.tsx';
import { Icon } from '../../components/icon.tsx';
import { Grid, PageHead, Pairs, Panel } from '../../components/layout.tsx';
import { EmptyState, ErrorNote, Loaded } from '../../components/states.tsx';
import { setPreferences, usePreferences } from '../../frame/preferences.ts';
import { useView } from '../../frame/view.tsx';
import { fullInstant, instant, short } from '../../words.ts';

const roles: readonly { readonly role: TokenRole; readonly may: string }[] = [
  { role: 'viewer', may: 'read everything' },
  { role: 'predictor', may: 'ask endpoints and report outcomes' },
  { role: 'editor', may: 'change data, runs, models and pipelines' },
  { role: 'deployer', may: 'also deploy and move aliases' },
  { role: 'owner', may: 'everything, tokens too' },
];

export function Page(): ReactElement {
  useView('slipway token list', 'tokens.list', {});
  return (
    <>
      <PageHead title="Settings" sentence="This server, the projects it was told about, and who may use it." />
      <Grid>
        <Server />
        <Projects />
        <ThisBrowser />
        <Members />
        <Tokens />
      </Grid>
    </>
  );
}

function ThisBrowser(): ReactElement {
  const { zone, density, keys } = usePreferences();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Panel title="This browser" caption="kept here, not on the server" span={5}>
      <div className="stack">
        <Choice label="Times" value={zone} choices={zones} choose={(next) => setPreferences({ zone: next })} />
        <Choice label="Rows" value={density} choices={densities} choose={(next) => setPreferences({ density: next })} />
        <Choice
          label="Keys of one letter"
          value={keys}
          choices={onOff}
          choose={(next) => setPreferences({ keys: next })}
        />
        <Choice label="Theme" value={colorScheme} choices={schemes} choose={setColorScheme} />
      </div>
    </Panel>
  );
}

const zones = [
  ['utc', 'UTC'],
  ['local', `Here: ${Intl.DateTimeFormat().resolvedOptions().timeZone}`],
] as const;
const densities = [
  ['compact', 'Compact'],
  ['cozy', 'Cozy'],
] as const;
const onOff = [
  ['on', 'On'],
  ['off', 'Off'],
] as const;
const schemes = [
  ['auto', 'System'],
  ['light', 'Light'],
  ['dark', 'Dark'],
] as const;

interface ChoiceProps<T extends string> {
  readonly label: string;
  readonly value: T;
  readonly choices: readonly (readonly [value: T, word: string])[];
  readonly choose: (value: T) => void;
}

function Choice<T extends string>({ label, value, choices, choose }: ChoiceProps<T>): ReactElement {
  return (
    <div className="row between wrap">
      <span className="t2">{label}</span>
      <span className="seg" role="group" aria-label={label}>
        {choices.map(([one, word]) => (
          <button type="button" key={one} aria-pressed={one === value} onClick={() => choose(one)}>
            {word}
          </button>
        ))}
      </span>
    </div>
  );
}

/** Who may use the server, as far as it knows people: by their tokens. */
function Members(): ReactElement {
  const server = useAsk('server.info', {});
  const tokens = useAsk('tokens.list', {});
  return (
    <Panel title="Who may use it" caption="a person or program is known by its token" span={7} flush>
      <Loaded query={tokens}>
        {({ items }) => (
          <DataTable
            label="Members"
            rows={[
              ...(server.data?.actor === 'owner'
                ? [{ actor: 'owner', role: 'owner' as const, how: onThisMachine }]
                : []),
              ...items.map((t) => ({ actor: `token:${t.name}`, role: t.role, how: endOf(t) })),
            ]}
            rowKey={(m) => m.actor}
            columns={[
              { key: 'actor', head: 'In the ledger', cell: (m) => <b className="m">{m.actor}</b> },
              { key: 'role', head: 'Role', cell: (m) => m.role },
              { key: 'may', head: 'May', isExtra: true, cell: (m) => roles.find((r) => r.role === m.role)?.may ?? '' },
              { key: 'how', head: 'Until', cell: (m) => m.how },
            ]}
          />
        )}
      </Loaded>
    </Panel>
  );
}

const onThisMachine = 'always, on the machine of the server, without a token';
const endOf = (token: ApiToken): string => (token.expiresAt === undefined ? 'it is revoked' : instant(token.expiresAt));

function Server(): ReactElement {
  const server = useAsk('server.info', {});
  return (
    <Panel title="This server" span={5}>
      <Loaded query={server}>
        {(info) => (
          <Pairs
            pairs={[
              { name: 'Version', value: info.version },
              { name: 'Running since', value: fullInstant(info.startedAt) },
              { name: 'Database', value: info.database === 'sqlite' ? 'SQLite, embedded' : 'PostgreSQL' },
              { name: 'Node', value: info.node },
              { name: 'You are', value: info.actor },
              { name: 'Network', value: 'nothing is sent anywhere' },
            ]}
          />
        )}
      </Loaded>
    </Panel>
  );
}

function Projects(): ReactElement {
  const projects = useAsk('projects.list', { query: { limit: 50 } });
  return (
    <Panel title="Projects" caption="folders that were applied" span={7} flush>
      <Loaded query={projects}>
        {({ items }) =>
          items.length === 0 ? (
            <EmptyState title="No project was applied" command="slipway apply">
              A project folder declares data, models, endpoints, monitors and policies.
            </EmptyState>
          ) : (
            <DataTable
              label="Projects"
              rows={items}
              rowKey={(p) => p.name}
              columns={[
                { key: 'name', head: 'Project', cell: (p) => <b className="m">{p.name}</b> },
                {
                  key: 'commit',
                  head: 'Commit',
                  cell: (p) => <code>{p.source?.commit.slice(0, 10) ?? 'not set'}</code>,
                },
                { key: 'bundle', head: 'Code', isExtra: true, cell: (p) => <code>{short(p.bundleDigest ?? '')}</code> },
                {
                  key: 'at',
                  head: 'Applied',
                  cell: (p) => <span title={fullInstant(p.appliedAt)}>{instant(p.appliedAt)}</span>,
                },
              ]}
            />
          )
        }
      </Loaded>
    </Panel>
  );
}

function Tokens(): ReactElement {
  const tokens = useAsk('tokens.list', {});
  const [revoking, setRevoking] = useState<ApiToken | undefined>(undefined);
  return (
    <Panel
      title="API tokens"
      span={12}
      caption="stored as digests; a secret is shown once"
      flush
      actions={<NewToken />}
    >
      <Loaded query={tokens}>
        {({ items }) =>
          items.length === 0 ? (
            <EmptyState title="No token exists" command="slipway token create ci --role editor">
              Without one, this server listens on this machine only, and everybody on it is the owner.
            </EmptyState>
          ) : (
            <DataTable
              label="API tokens"
              rows={items}
              rowKey={(t) => t.name}
              columns={[
                { key: 'name', head: 'Name', cell: (t) => <b className="m">{t.name}</b> },
                { key: 'role', head: 'Role', cell: (t) => t.role },
                { key: 'made', head: 'Made', cell: (t) => `${instant(t.createdAt)} by ${t.createdBy}` },
                {
                  key: 'ends',
                  head: 'Ends',
                  cell: (t) => (t.expiresAt === undefined ? 'never' : instant(t.expiresAt)),
                },
                {
                  key: 'revoke',
                  head: <span className="sr">Actions</span>,
                  cell: (t) => (
                    <button type="button" className="btn sm danger" onClick={() => setRevoking(t)}>
                      Revoke
                    </button>
                  ),
                },
              ]}
            />
          )
        }
      </Loaded>
      {revoking !== undefined && <Revoke token={revoking} close={() => setRevoking(undefined)} />}
    </Panel>
  );
}

function Revoke({ token, close }: { token: ApiToken; close: () => void }): ReactElement {
  const revoke = useChange('tokens.revoke');
  return (
    <Confirm
      title={`Revoke ${token.name}?`}
      verb={`Revoke ${token.name}`}
      keep="Keep it"
      isDanger
      change={revoke}
      close={close}
      confirm={() => revoke.mutate({ params: { name: token.name } }, { onSuccess: close })}
    >
      Requests with this token are refused from this moment on. It cannot be brought back.
    </Confirm>
  );
}

function NewToken(): ReactElement {
  const [isOpen, setOpen] = useState(false);
  const create = useChange('tokens.create');
  const close = (): void => {
    setOpen(false);
    create.reset();
  };
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const role = roles.find((r) => r.role === data.get('role'))?.role;
    const name = data.get('name');
    const days = Number(data.get('days'));
    const ends = Number.isFinite(days) && days > 0 ? { expiresInDays: days } : {};
    if (role !== undefined && typeof name === 'string') create.mutate({ body: { name, role, ...ends } });
  };
  return (
    <>
      <button type="button" className="btn sm" data-key="c" onClick={() => setOpen(true)}>
        <Icon name="plus" small />
        New token
      </button>
      <Modal opened={isOpen} onClose={close} title="New token" centered>
        {create.data === undefined ? (
          <form className="stack" onSubmit={submit}>
            <label className="stack">
              Name
              <input className="input" name="name" required pattern="[a-z0-9][a-z0-9._\-]*" data-autofocus />
            </label>
            <fieldset className="stack">
              <legend>Role</legend>
              {roles.map(({ role, may }) => (
                <label key={role} className="row">
                  <input type="radio" name="role" value={role} defaultChecked={role === 'viewer'} />
                  <b className="m">{role}</b> <span className="t2">{may}</span>
                </label>
              ))}
            </fieldset>
            <label className="stack">
              Ends after days
              <input className="input" name="days" type="number" min="1" max="3650" placeholder="never" />
            </label>
            {create.error !== null && <ErrorNote error={create.error} />}
            <button type="submit" className="btn pri" disabled={create.isPending}>
              Make the token
            </button>
          </form>
        ) : (
          <div className="stack">
            <p>This is the only time that it is shown. Copy it now.</p>
            <pre className="code">{create.data.secret}</pre>
            <button type="button" className="btn" onClick={close}>
              Done
            </button>
          </div>
        )}
      </Modal>
    </>
  );
}
