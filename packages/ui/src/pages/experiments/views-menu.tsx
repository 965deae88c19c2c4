/** Saved views: a name for what stands in the address. Kept by the server for everybody in the workspace. */
import { Popover } from '@mantine/core';
import '@mantine/core/styles/Popover.css';
import type { SavedView } from '@slipway/contract';
import type { FormEvent, ReactElement } from 'react';
import { useState } from 'react';
import { Link, useLocation } from 'react-router';
import type { ApiError, Reply } from '../../api/client.ts';
import { useAsk, useChange } from '../../api/queries.ts';
import { Icon } from '../../components/icon.tsx';
import { useUndo } from '../../components/undo.tsx';
import { ErrorNote, Loaded } from '../../components/states.tsx';
import { to } from '../../frame/places.ts';
import { instant } from '../../words.ts';

const listedMax = 200;
const nameLimitChars = 200;
/** Where somebody stands in a view, and what is open for the moment, is not the view. */
const passing = ['open', 'sel', 'zoom'];

export function viewQuery(search: string): string {
  const params = new URLSearchParams(search);
  for (const name of passing) params.delete(name);
  params.sort();
  return params.toString();
}

export function ViewsMenu(): ReactElement {
  const { search } = useLocation();
  const query = viewQuery(search);
  const views = useAsk('views.list', { query: { limit: listedMax } });
  const [isOpen, setOpen] = useState(false);
  const now = views.data?.items.find((view) => view.query === query);
  return (
    <Popover
      position="bottom-end"
      width={340}
      trapFocus
      withRoles={false}
      withinPortal={false}
      shadow="md"
      opened={isOpen}
      onChange={setOpen}
    >
      <Popover.Target>
        <button
          type="button"
          className="btn"
          aria-haspopup="dialog"
          aria-expanded={isOpen}
          onClick={() => setOpen(!isOpen)}
        >
          <Icon name="link" />
          <span className="el view-name" dir="auto">
            {now === undefined ? 'Views' : now.name}
          </span>
        </button>
      </Popover.Target>
      <Popover.Dropdown className="colpick views" role="dialog" aria-label="Saved views">
        <Save query={query} saved={now} />
        <Loaded query={views} lines={2}>
          {({ items }) => <List views={items} now={now} query={query} close={() => setOpen(false)} />}
        </Loaded>
      </Popover.Dropdown>
    </Popover>
  );
}

interface NameFormProps {
  readonly label: string;
  readonly verb: string;
  readonly placeholder?: string;
  /** Once it is drawn. */
  readonly takesFocus?: boolean;
  readonly name: string;
  readonly onName: (name: string) => void;
  /** Given the name without the blanks around it. */
  readonly submit: (name: string) => void;
  readonly change: { readonly isPending: boolean; readonly error: ApiError | null };
}

function NameForm(props: NameFormProps): ReactElement {
  const { label, verb, placeholder, takesFocus, name, onName, submit, change } = props;
  const onSubmit = (event: FormEvent): void => {
    event.preventDefault();
    submit(name.trim());
  };
  return (
    <form className="stack" onSubmit={onSubmit}>
      <div className="row">
        <input
          className="input"
          aria-label={label}
          placeholder={placeholder}
          data-autofocus={takesFocus}
          required
          maxLength={nameLimitChars}
          dir="auto"
          value={name}
          onChange={(event) => onName(event.target.value)}
        />
        <button type="submit" className="btn" disabled={change.isPending || name.trim() === ''}>
          {verb}
        </button>
      </div>
      {change.error !== null && <ErrorNote error={change.error} />}
    </form>
  );
}

function Save({ query, saved }: { query: string; saved: SavedView | undefined }): ReactElement {
  const create = useChange('views.create');
  const [name, setName] = useState('');
  if (saved !== undefined) return <p className="t3 sm">You look at “{saved.name}” as it was saved.</p>;
  return (
    <NameForm
      label="Name of the view"
      placeholder="Save what you see as …"
      verb="Save"
      name={name}
      onName={setName}
      submit={(text) => create.mutate({ body: { name: text, query } }, { onSuccess: () => setName('') })}
      change={create}
    />
  );
}

type Views = Reply<'views.list'>;

/** The list with one view changed, or without it. */
const inPlace =
  (id: string, change: (view: SavedView) => readonly SavedView[]) =>
  (views: Views): Views => ({
    ...views,
    items: views.items.flatMap((view) => (view.id === id ? change(view) : [view])),
  });

interface ListProps {
  readonly views: readonly SavedView[];
  readonly now: SavedView | undefined;
  readonly query: string;
  readonly close: () => void;
}

function List({ views, now, query, close }: ListProps): ReactElement {
  const { offer } = useUndo();
  const remove = useChange('views.delete', {
    foresee: ({ params }, foretell) =>
      foretell(
        'views.list',
        inPlace(params.view, () => []),
      ),
  });
  const restore = useChange('views.restore');
  const removed = (view: SavedView): void => {
    const request = { params: { view: view.id } };
    const undo = (): Promise<unknown> => restore.mutateAsync(request);
    remove.mutate(request, { onSuccess: () => offer({ text: `Deleted the view “${view.name}”`, undo }) });
  };
  return (
    <>
      {remove.error !== null && <ErrorNote error={remove.error} />}
      {views.length === 0 && (
        <p className="t2 sm">No views yet. Filter, order and choose columns, then save it here for everybody.</p>
      )}
      <ul aria-label="Saved views">
        {views.map((view) => (
          <View
            key={view.id}
            view={view}
            isNow={view.id === now?.id}
            query={query}
            close={close}
            remove={() => removed(view)}
          />
        ))}
      </ul>
    </>
  );
}

interface ViewProps {
  readonly view: SavedView;
  readonly isNow: boolean;
  readonly query: string;
  readonly close: () => void;
  readonly remove: () => void;
}

function View({ view, isNow, query, close, remove }: ViewProps): ReactElement {
  const update = useChange('views.update', {
    foresee: ({ params, body }, foretell) =>
      foretell(
        'views.list',
        inPlace(params.view, (old) => [{ ...old, name: body.name ?? old.name, query: body.query ?? old.query }]),
      ),
  });
  const [name, setName] = useState<string | undefined>(undefined);
  if (name !== undefined) {
    const rename = (text: string): void =>
      update.mutate({ params: { view: view.id }, body: { name: text } }, { onSuccess: () => setName(undefined) });
    return (
      <li>
        <NameForm
          label={`New name of ${view.name}`}
          verb="Rename"
          takesFocus
          name={name}
          onName={setName}
          submit={rename}
          change={update}
        />
      </li>
    );
  }
  return (
    <li className="row">
      <Link
        className="grow el"
        dir="auto"
        to={`${to.experiments}?${view.query}`}
        aria-current={isNow ? 'page' : undefined}
        title={`${view.name}: by ${view.author}, ${instant(view.createdAt)}`}
        onClick={close}
      >
        {view.name}
      </Link>
      <span className="t3 xs nw">{view.author}</span>
      {!isNow && (
        <button
          type="button"
          className="btn sm ghost"
          aria-label={`Save what you see as ${view.name}`}
          title="Put what you see under this name"
          onClick={() => update.mutate({ params: { view: view.id }, body: { query } })}
        >
          Replace
        </button>
      )}
      <button
        type="button"
        className="btn sm ghost"
        aria-label={`Rename ${view.name}`}
        onClick={() => setName(view.name)}
      >
        Rename
      </button>
      <button
        type="button"
        className="btn sm ghost icon"
        aria-label={`Delete ${view.name}`}
        title="Delete; it can be undone"
        onClick={remove}
      >
        <Icon name="x" small />
      </button>
    </li>
  );
}
