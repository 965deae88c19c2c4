/**
 * Links to files of the API, for a tab that has a token: a browser follows a link without it, so the file is asked for here
 * and handed over. Without a token links are followed as they are.
 */
import { useEffect } from 'react';
import { openStream } from '../api/client.ts';
import { authorization } from '../api/credentials.ts';
import { download } from '../components/download.ts';

export function useAuthorisedDownloads(): void {
  useEffect(() => {
    const onClick = (event: MouseEvent): void => {
      const link = event.target instanceof Element ? event.target.closest<HTMLAnchorElement>('a[href^="/api/"]') : null;
      if (link === null || authorization()['authorization'] === undefined) return;
      event.preventDefault();
      const name = link.download === '' ? (link.pathname.split('/').at(-1) ?? 'file') : link.download;
      void openStream(link.pathname + link.search, new AbortController().signal)
        .then((response) => response.blob())
        .then((bytes) => download(name, bytes));
    };
    addEventListener('click', onClick);
    return () => removeEventListener('click', onClick);
  }, []);
}
