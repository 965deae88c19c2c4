/**
 * `npm run build`: one installable package, dist/package/slipway-<version>.tgz, for `npm i -g FILE` on a machine without this
 * repository. What lies where, and why, is in docs/adr/0005-packaging.md.
 *
 *   bin/slipway.js                      finds a Node 24 and hands over to dist/cli.js
 *   dist/*.js                           the program with its JavaScript dependencies, all in one folder
 *   dist/migrations/<module>/*.sql
 *   types/                              declarations for `import … from 'slipway'`
 *   examples/flights/                   with data
 *   node_modules/onnxruntime-node       for Linux only, without its install script
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, posix, relative } from 'node:path';
import { migrationFolders } from '@slipway/server/migrations';
import { ownFiles } from '@slipway/server/own-imports';
import { build } from 'esbuild';
import { buildConsole, inputsFile } from './console.ts';
import { noticeOf, noticesFile, noticesText, packageFolders } from './notices.ts';
import { listSources, root } from './sources.ts';

const outFolder = join(root, 'dist', 'package');
const stage = join(outFolder, 'slipway');

/** Packages with native code: ordinary dependencies of the published package. */
const native = ['@duckdb/node-api', 'onnxruntime-node'] as const;
/** Carried inside the tarball, because installing it from a registry runs a script that downloads (see the ADR). */
const carried = ['onnxruntime-node', 'onnxruntime-common'] as const;
const carriedPlatforms = ['linux/x64', 'linux/arm64'] as const;
/** Optional parts of bundled packages that this program does not use. */
const neverLoaded = ['pg-native', 'pg-cloudflare'] as const;

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const manifestOf = (folder: string): Manifest =>
  // A package.json of ours or of npm's: the named fields have these types by npm's own rules.
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;

/** Entry name to source file: the command, what projects import, and every file that `entryFile` starts. */
function entryPoints(): Record<string, string> {
  const entries: Record<string, string> = { cli: 'packages/cli/src/main.ts' };
  for (const [name, file] of Object.entries(ownFiles)) {
    entries[basename(file, '.js')] = relative(root, new URL(import.meta.resolve(name)).pathname);
  }
  for (const source of listSources(['.ts']).filter((file) => /^packages\/\w+\/src\//.test(file.path))) {
    if (source.path.endsWith('.test.ts')) continue;
    for (const [, path = ''] of source.text.matchAll(/\bentryFile\(import\.meta\.url, '([^']+)'\)/g)) {
      const file = `${posix.join(posix.dirname(source.path), path)}.ts`;
      const name = basename(file, '.ts');
      if (entries[name] !== undefined && entries[name] !== file) {
        throw new Error(`${entries[name]} and ${file} would both become dist/${name}.js: rename one`);
      }
      entries[name] = file;
    }
  }
  return entries;
}

/** Returns the packages of others whose code is in the bundle, as folders below the root. */
async function bundle(): Promise<string[]> {
  const result = await build({
    absWorkingDir: root,
    entryPoints: entryPoints(),
    bundle: true,
    // Entries share their parts, so that a class or a schema exists once in a process.
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    outdir: join(stage, 'dist'),
    external: [...native, ...neverLoaded],
    // Bundled CommonJS asks for built-in modules by `require`.
    banner: { js: "import { createRequire as $r } from 'node:module'; const require = $r(import.meta.url);" },
    legalComments: 'none',
    // Names stay, so that stack traces can be read; less text is less memory in every thread.
    minifyWhitespace: true,
    minifySyntax: true,
    metafile: true,
    logLevel: 'warning',
  });
  const paths = Object.keys(result.metafile.outputs);
  for (const path of paths) {
    const found = /(?:new URL|join|resolve)\([^()]*["'][^"'()]*\.ts["']/.exec(readFileSync(join(root, path), 'utf8'));
    if (found) throw new Error(`${path} starts a source file (${found[0]}): use entryFile of platform/entry.ts`);
  }
  return packageFolders(Object.values(result.metafile.outputs).flatMap((output) => Object.keys(output.inputs)));
}

/** The web console, built where it was not; returns the packages of others in it. */
async function carryConsole(): Promise<string[]> {
  const built = await buildConsole();
  cpSync(built, join(stage, 'dist', 'console'), { recursive: true, filter: (path) => !/\/\.\w+$/.test(path) });
  const inputs = readFileSync(join(built, inputsFile), 'utf8').split('\n');
  return packageFolders(inputs.map((path) => relative(root, path)));
}

function copyMigrations(): void {
  for (const { module, folder } of migrationFolders) {
    cpSync(folder, join(stage, 'dist', 'migrations', module), { recursive: true });
  }
}

/** Declarations of the SDK and of what it shows of other packages, importing each other by relative path. */
function writeTypes(): void {
  const types = join(stage, 'types');
  const options = ['--ignoreConfig', '--declaration', '--emitDeclarationOnly', '--noCheck', '--skipLibCheck'];
  const compiler = ['--module', 'nodenext', '--target', 'es2024', '--types', 'node', '--allowImportingTsExtensions'];
  const entries = ['sdk', 'contract', 'onnx', 'train'].map((name) => join(root, 'packages', name, 'src/index.ts'));
  const folders = ['--rootDir', join(root, 'packages'), '--outDir', types];
  execFileSync(join(root, 'node_modules/.bin/tsc'), [...options, ...compiler, ...folders, ...entries], {
    stdio: 'inherit',
  });
  for (const file of globSync('**/*.d.ts', { cwd: types })) {
    const path = join(types, file);
    // The compiler writes the member "-Infinity" of an enumeration as an expression, which it then refuses to read.
    const declared = readFileSync(path, 'utf8').replaceAll('[-Infinity]:', '"-Infinity":');
    const text = declared.replace(
      /(from |import\()(['"])([^'"]+)\2/g,
      (_, before: string, quote: string, specifier: string) =>
        `${before}${quote}${typesSpecifier(specifier, dirname(file))}${quote}`,
    );
    writeFileSync(path, text);
  }
}

function typesSpecifier(specifier: string, folder: string): string {
  if (specifier.startsWith('.')) return specifier.replace(/\.ts$/, '.js');
  const own = /^@slipway\/(\w+)$/.exec(specifier)?.[1];
  if (own === undefined) return specifier;
  const path = posix.relative(folder, `${own}/src/index.js`);
  return path.startsWith('.') ? path : `./${path}`;
}

function copyFiles(bundled: readonly string[]): void {
  for (const file of ['LICENSE', 'CHANGELOG.md', 'SECURITY.md']) cpSync(join(root, file), join(stage, file));
  const readme = ['README.md', 'packages/cli/README.md']
    .map((path) => join(root, path))
    .find((path) => existsSync(path));
  if (readme !== undefined) cpSync(readme, join(stage, 'README.md'));
  const folders = [...bundled, ...carried.map((name) => `node_modules/${name}`)];
  writeFileSync(join(stage, noticesFile), noticesText(folders.map((folder) => noticeOf(join(root, folder)))));
  cpSync(join(root, 'packages/cli/bin/slipway.js'), join(stage, 'bin/slipway.js'));
  const examples = execFileSync('git', ['ls-files', '-z', 'examples/flights'], { cwd: root, encoding: 'utf8' });
  for (const path of examples.split('\0').filter((line) => line !== '')) cpSync(join(root, path), join(stage, path));
}

/** ONNX Runtime as its makers publish it, less the other platforms, the install script and what only that script needs. */
function carryRuntime(): void {
  for (const name of carried) {
    const from = join(root, 'node_modules', name);
    const to = join(stage, 'node_modules', name);
    cpSync(from, to, {
      recursive: true,
      filter: (path) => {
        const [, platform, cpu] = /bin\/napi-v\d+\/(\w+)(?:\/(\w+))?/.exec(relative(from, path)) ?? [];
        if (relative(from, path) === 'script') return false;
        return (
          platform === undefined ||
          carriedPlatforms.some((p) => p === `${platform}/${cpu}` || (!cpu && p.startsWith(`${platform}/`)))
        );
      },
    });
    const {
      scripts: _,
      devDependencies: __,
      dependencies,
      ...manifest
    } = manifestOf(from) as Manifest & {
      readonly scripts?: unknown;
      readonly devDependencies?: unknown;
    };
    const kept = Object.entries(dependencies ?? {}).filter(([dependency]) => carried.some((n) => n === dependency));
    writeJson(join(to, 'package.json'), { ...manifest, dependencies: Object.fromEntries(kept) });
  }
}

function writeManifest(): void {
  const workspace = manifestOf(root);
  const server = manifestOf(join(root, 'packages/server'));
  const pinned = (name: string): [string, string] => {
    const version = server.dependencies?.[name] ?? manifestOf(join(root, 'node_modules', name)).version;
    return [name, version];
  };
  writeJson(join(stage, 'package.json'), {
    name: 'slipway',
    version: workspace.version,
    description: 'The whole machine-learning lifecycle in one program',
    license: workspace.license,
    type: 'module',
    bin: { slipway: 'bin/slipway.js' },
    exports: {
      '.': { types: './types/sdk/src/index.d.ts', default: './dist/slipway.js' },
      './package.json': './package.json',
    },
    // The declarations name zod's; at run time the bundle's own copy is used.
    dependencies: Object.fromEntries([...native, ...carried, 'zod'].map(pinned)),
    bundleDependencies: [...carried],
    optionalDependencies: workspace.optionalDependencies,
    engines: { node: '>=20' },
  });
}

function writeJson(path: string, value: unknown): void {
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);
}

/** Makes the package; returns the path of the tarball. */
export async function buildPackage(): Promise<string> {
  rmSync(outFolder, { recursive: true, force: true });
  mkdirSync(stage, { recursive: true });
  const bundled = [...new Set([...(await bundle()), ...(await carryConsole())])];
  copyMigrations();
  writeTypes();
  copyFiles(bundled);
  carryRuntime();
  writeManifest();
  execFileSync('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', outFolder], { cwd: stage });
  return join(outFolder, `slipway-${manifestOf(root).version}.tgz`);
}

if (import.meta.main) {
  const startedAt = performance.now();
  const tarball = await buildPackage();
  const took = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`${relative(root, tarball)}  ${(statSync(tarball).size / 1e6).toFixed(1)} MB in ${took} s`);
  console.log(`install it with: npm i -g ${relative(root, tarball)}`);
}
