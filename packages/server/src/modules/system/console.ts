/**
 * The built web console as the server sends it: every file in memory (about one megabyte), compressed ahead of time. Names of
 * assets carry their digest, so they may be kept for ever; the page itself is never kept, because each answer has a nonce of
 * its own for the styles that the page makes at run time. No script runs that did not come from here.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join, relative } from 'node:path';
import { SlipwayError } from '@slipway/contract';
import { Stream } from '../../platform/http/binding.ts';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

interface Asset {
  readonly plain: Uint8Array;
  readonly br: Uint8Array | undefined;
  readonly gzip: Uint8Array | undefined;
  readonly type: string;
  readonly isImmutable: boolean;
}

export interface Console {
  /** The page, with a fresh nonce. */
  page(): Stream;
  /** Throws `not_found`. */
  asset(path: string, acceptEncoding: string): Stream;
}

/** Undefined where the console was not built. */
export function openConsole(folder: string): Console | undefined {
  if (!existsSync(join(folder, 'index.html'))) return undefined;
  const html = readFileSync(join(folder, 'index.html'), 'utf8');
  const assets = readAssets(join(folder, 'console'));
  return {
    page: () => {
      const nonce = randomBytes(18).toString('base64');
      return streamOf(Buffer.from(html.replaceAll('__CSP_NONCE__', nonce)), {
        'content-type': types['.html'] ?? '',
        'cache-control': 'no-store',
        'content-security-policy': [
          "default-src 'self'",
          `style-src 'self' 'nonce-${nonce}'`,
          "img-src 'self' data:",
          "object-src 'none'",
          "base-uri 'none'",
          "form-action 'self'",
          "frame-ancestors 'none'",
        ].join('; '),
      });
    },
    asset: (path, acceptEncoding) => {
      const asset = assets.get(path);
      if (asset === undefined) {
        const remedy = 'Reload the page: it names the files of this version.';
        throw new SlipwayError('not_found', { noun: 'file of the console', name: path, remedy });
      }
      const accepted = acceptEncoding.split(',').map((part) => part.split(';', 1)[0]?.trim());
      const [encoding, bytes] =
        asset.br !== undefined && accepted.includes('br')
          ? ['br', asset.br]
          : asset.gzip !== undefined && accepted.includes('gzip')
            ? ['gzip', asset.gzip]
            : [undefined, asset.plain];
      return streamOf(bytes, {
        'content-type': asset.type,
        'cache-control': asset.isImmutable ? 'public, max-age=31536000, immutable' : 'no-cache',
        vary: 'accept-encoding',
        ...(encoding === undefined ? {} : { 'content-encoding': encoding }),
      });
    },
  };
}

function readAssets(folder: string): Map<string, Asset> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => relative(folder, join(entry.parentPath, entry.name)));
  const read = (path: string): Uint8Array | undefined =>
    paths.includes(path) ? readFileSync(join(folder, path)) : undefined;
  return new Map(
    paths
      .filter((path) => types[extname(path)] !== undefined)
      .map((path) => [
        path,
        {
          plain: readFileSync(join(folder, path)),
          br: read(`${path}.br`),
          gzip: read(`${path}.gz`),
          type: types[extname(path)] ?? '',
          isImmutable: path.startsWith('assets/'),
        },
      ]),
  );
}

function streamOf(bytes: Uint8Array, headers: Readonly<Record<string, string>>): Stream {
  return new Stream(
    (async function* () {
      yield bytes;
    })(),
    { ...headers, 'content-length': String(bytes.byteLength) },
  );
}
