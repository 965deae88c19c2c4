/**
 * The token that this tab sends, where the server asks for one. It lives as long as the tab; on the machine of the server
 * itself none is needed. A refusal is told to whoever listens, so that one dialog can ask for all requests.
 */
const storageKey = 'slipway.token';
const refusedEvent = 'slipway-token-refused';

export function authorization(): Readonly<Record<string, string>> {
  const token = sessionStorage.getItem(storageKey);
  return token === null ? {} : { authorization: `Bearer ${token}` };
}

export function keepToken(token: string | undefined): void {
  if (token === undefined) sessionStorage.removeItem(storageKey);
  else sessionStorage.setItem(storageKey, token);
}

export const tellRefused = (): void => void dispatchEvent(new Event(refusedEvent));

export function onRefused(listener: () => void): () => void {
  addEventListener(refusedEvent, listener);
  return () => removeEventListener(refusedEvent, listener);
}
