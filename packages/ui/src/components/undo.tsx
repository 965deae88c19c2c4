/**
 * For safe actions that can be taken back: the action is done at once, and for eight seconds a line at the foot offers to
 * undo it. Dangerous actions ask before (components/confirm.tsx) instead.
 */
import type { ReactElement, ReactNode } from 'react';
import { createContext, useCallback, useContext, useEffect, useMemo, useState } from 'react';
import type { ApiError } from '../api/client.ts';
import { Icon } from './icon.tsx';
import './undo.css';

export const undoForMs = 8000;

interface Offer {
  /** What was done, in the past tense: `champion points at v3`. */
  readonly text: string;
  /** Puts back what was. */
  readonly undo: () => Promise<unknown>;
}

interface Undo {
  /** Call when the server has said yes. A new offer takes the place of the last one. */
  readonly offer: (offer: Offer) => void;
}

const UndoContext = createContext<Undo | undefined>(undefined);

/**
 * @example
 * const { offer } = useUndo();
 * rename.mutate(to(name), { onSuccess: () => offer({ text: `Renamed to ${name}`, undo: () => rename.mutateAsync(to(old)) }) });
 */
export function useUndo(): Undo {
  const undo = useContext(UndoContext);
  if (undo === undefined) throw new Error('useUndo outside of UndoProvider');
  return undo;
}

type Shown = Offer & { readonly key: number };

export function UndoProvider({ children }: { children: ReactNode }): ReactElement {
  const [shown, setShown] = useState<Shown | undefined>(undefined);
  const offer = useCallback((next: Offer) => setShown((last) => ({ ...next, key: (last?.key ?? 0) + 1 })), []);
  const close = useCallback(() => setShown(undefined), []);
  const value = useMemo(() => ({ offer }), [offer]);
  return (
    <UndoContext value={value}>
      {children}
      <div className="undo-place" role="status" aria-live="polite">
        {shown !== undefined && <Toast key={shown.key} offer={shown} close={close} />}
      </div>
    </UndoContext>
  );
}

function Toast({ offer, close }: { offer: Offer; close: () => void }): ReactElement {
  const [isHeld, setHeld] = useState(false);
  const [state, setState] = useState<'offered' | 'undoing' | 'undone' | ApiError>('offered');
  useEffect(() => {
    if (isHeld || state === 'undoing') return undefined;
    const timer = setTimeout(close, undoForMs);
    return () => clearTimeout(timer);
  }, [isHeld, state, close]);
  const undo = (): void => {
    setState('undoing');
    offer.undo().then(
      () => setState('undone'),
      // Operations refuse with an ApiError and nothing else.
      (error: ApiError) => setState(error),
    );
  };
  const said = state === 'undone' ? 'Undone' : typeof state === 'string' ? offer.text : `Not undone: ${state.message}`;
  return (
    <div
      className="undo"
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
    >
      <span>{said}</span>
      {(state === 'offered' || state === 'undoing') && (
        <button type="button" className="btn sm" disabled={state === 'undoing'} data-key="z" onClick={undo}>
          <Icon name="undo" small />
          Undo
          <kbd>z</kbd>
        </button>
      )}
      <button type="button" className="btn sm ghost icon" aria-label="Close" onClick={close}>
        <Icon name="x" small />
      </button>
    </div>
  );
}
