/**
 * Asks for a token when the server refuses a request for want of one: at the first visit, or because the token was revoked
 * or has ended. The page below stays as it is, with what was typed; its questions are asked again afterwards.
 */
import { Modal } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import type { FormEvent, ReactElement } from 'react';
import { useEffect, useState } from 'react';
import { ApiError, ask } from '../api/client.ts';
import { keepToken, onRefused } from '../api/credentials.ts';
import { ErrorNote } from '../components/states.tsx';

export function AskToken(): ReactElement {
  const client = useQueryClient();
  const [isAsked, setAsked] = useState(false);
  const [error, setError] = useState<ApiError | undefined>(undefined);
  const [isPending, setPending] = useState(false);
  useEffect(() => onRefused(() => setAsked(true)), []);
  const submit = async (token: string): Promise<void> => {
    setPending(true);
    keepToken(token);
    try {
      await ask('server.info', {});
      setAsked(false);
      setError(undefined);
      void client.invalidateQueries();
    } catch (refusal) {
      if (!(refusal instanceof ApiError)) throw refusal;
      keepToken(undefined);
      setError(refusal);
    } finally {
      setPending(false);
    }
  };
  const onSubmit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const token = new FormData(event.currentTarget).get('token');
    if (typeof token === 'string' && token.trim() !== '' && !isPending) void submit(token.trim());
  };
  return (
    <Modal opened={isAsked} onClose={() => setAsked(false)} title="This server asks for a token" centered>
      <form className="stack" onSubmit={onSubmit}>
        <p className="t2">
          None was sent, or it has ended or was revoked. The page stays with what you typed, and what failed is asked
          again.
        </p>
        <label className="stack">
          <span className="sm t2">Token, kept for this tab only</span>
          <input className="input mono" name="token" type="password" autoComplete="off" required data-autofocus />
        </label>
        <p className="sm t3">
          Whoever runs the server makes one: <code>slipway token create NAME --role viewer</code>
        </p>
        {error !== undefined && <ErrorNote error={error} />}
        <div className="row end">
          <button type="button" className="btn" onClick={() => setAsked(false)}>
            Not now
          </button>
          <button type="submit" className="btn pri" disabled={isPending}>
            Use this token
          </button>
        </div>
      </form>
    </Modal>
  );
}
