/** What the page shows, as the command line, the SDK, HTTP and a link would say it: the bar at the foot. */
import type { ReactElement, ReactNode } from 'react';
import { createContext, useContext, useEffect, useMemo, useState } from 'react';
import type { Ask, Operation } from '../api/client.ts';
import { methodOf, pathOf } from '../api/client.ts';
import { Icon } from '../components/icon.tsx';

export interface View {
  readonly cli: string;
  readonly sdk: string;
  readonly http: string;
}

const ViewContext = createContext<{ view: View | undefined; set: (view: View | undefined) => void } | undefined>(
  undefined,
);

export function ViewProvider({ children }: { children: ReactNode }): ReactElement {
  const [view, set] = useState<View | undefined>(undefined);
  const value = useMemo(() => ({ view, set }), [view]);
  return <ViewContext value={value}>{children}</ViewContext>;
}

/**
 * Says what the page shows.
 *
 * @example
 * useView('slipway endpoint show flight-delay', 'endpoints.get', { params: { endpoint: 'flight-delay' } });
 */
export function useView<K extends Operation>(cli: string, operation: K, request: Ask<K>): void {
  const context = useContext(ViewContext);
  const set = context?.set;
  const text = JSON.stringify(request);
  useEffect(() => {
    const given = request as Parameters<typeof pathOf>[1];
    const method = methodOf(operation);
    const verb = method === 'GET' ? '' : `-X ${method} `;
    set?.({
      cli,
      sdk: `await client.${operation}(${text === '{}' ? '' : text.replace(/"([a-zA-Z]\w*)":/g, '$1: ')})`,
      http: `curl ${verb}'${location.origin}${pathOf(operation, given)}'`,
    });
    return () => set?.(undefined);
    // The request is compared by its text.
  }, [cli, operation, text, set]);
}

const forms = ['CLI', 'SDK', 'HTTP', 'Link'] as const;
type Form = (typeof forms)[number];

function textOf(view: View | undefined, form: Form): string {
  if (form === 'Link') return location.href;
  if (view === undefined) return '';
  return form === 'CLI' ? view.cli : form === 'SDK' ? view.sdk : view.http;
}

export function useCommand(): { form: Form; setForm: (form: Form) => void; text: string; copy: () => Promise<void> } {
  const context = useContext(ViewContext);
  const [form, setForm] = useState<Form>('CLI');
  const text = textOf(context?.view, form);
  return { form, setForm, text, copy: () => navigator.clipboard.writeText(text) };
}

export function CommandBar({
  command,
  copied,
}: {
  command: ReturnType<typeof useCommand>;
  copied: boolean;
}): ReactElement {
  const { form, setForm, text, copy } = command;
  return (
    <>
      <div className="seg" role="tablist" aria-label="This view as">
        {forms.map((one) => (
          <button type="button" role="tab" key={one} aria-selected={form === one} onClick={() => setForm(one)}>
            {one}
          </button>
        ))}
      </div>
      <code>{text}</code>
      <button type="button" className="btn sm ghost" title="Copy this view as a command" onClick={() => void copy()}>
        <Icon name={copied ? 'check' : 'copy'} small />
        {copied ? 'Copied' : 'Copy'}
        <kbd>y</kbd>
      </button>
    </>
  );
}
