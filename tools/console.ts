/**
 * Builds the web console into packages/ui/dist when its sources changed since the last build (about 3 s, else nothing), and
 * compresses every file ahead of time. Checkouts run it before the server starts; the package carries the result.
 */
import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from 'vite';
import { root } from './sources.ts';

const folder = join(root, 'packages/ui');
const dist = join(folder, 'dist');
const mark = join(dist, '.sources');
/** Names every source file that went into the console, one a line. */
export const inputsFile = '.inputs';
const compressed = /\.(?:html|js|css|svg)$/;

/** Of everything that the result depends on. */
function sourcesDigest(): string {
  const hash = createHash('sha256');
  const sources = globSync('{index.html,package.json,vite.config.ts,src/**/*,public/**/*}', {
    cwd: folder,
    withFileTypes: true,
  });
  const paths = sources.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  for (const path of [...paths.sort(), join(root, 'package-lock.json')]) hash.update(path).update(readFileSync(path));
  return hash.digest('hex');
}

/** Builds when needed; returns the folder of the result. */
export async function buildConsole(): Promise<string> {
  const digest = sourcesDigest();
  if (existsSync(mark) && readFileSync(mark, 'utf8') === digest) return dist;
  const inputs = new Set<string>();
  const collect = {
    name: 'inputs',
    generateBundle: (
      _: unknown,
      bundle: Record<string, { readonly type: string; readonly modules?: object }>,
    ): void => {
      for (const chunk of Object.values(bundle))
        for (const id of Object.keys(chunk.modules ?? {})) if (!id.startsWith('\0')) inputs.add(id);
    },
  };
  await build({ root: folder, logLevel: 'warn', plugins: [collect] });
  // What the notices of a package that carries the console are made from.
  writeFileSync(join(dist, inputsFile), [...inputs].sort().join('\n'));
  for (const path of globSync('**/*', { cwd: dist })) {
    if (!compressed.test(path)) continue;
    const bytes = readFileSync(join(dist, path));
    // The page itself gets a nonce for every answer, and is small.
    if (path === 'index.html') continue;
    writeFileSync(
      join(dist, `${path}.br`),
      brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }),
    );
    writeFileSync(join(dist, `${path}.gz`), gzipSync(bytes, { level: 9 }));
  }
  writeFileSync(mark, digest);
  return dist;
}

if (import.meta.main) {
  const startedAt = performance.now();
  await buildConsole();
  const took = performance.now() - startedAt;
  if (took > 500) console.log(`console built in ${(took / 1000).toFixed(1)} s`);
}
