/** Does what a page says, in a folder of its own, with the real `slipway` command against a server of its own. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, relative, sep } from 'node:path';
import { isMap, isScalar, parseDocument } from 'yaml';
import { mlflowPackages } from '../../compat/mlflow/packages.ts';
import { pythonEnv } from '../../compat/python-env.ts';
import { repository } from '../cli.ts';
import type { Block, Command, Guide } from './guide.ts';
import { differenceOf } from './output.ts';

/** The longest that one command of a guide may take, on a loaded machine. */
const commandLimitMs = 240_000;
/** The port in the pages; that of the runner's own server stands in for it. */
const shownPort = '7700';
/** The folder in the pages; the runner's own stands in for it. */
const shownFolder = '/home/ann';

export interface Shown {
  readonly block: Block;
  readonly printed: string;
}

export interface Followed {
  readonly problems: readonly string[];
  /** What was printed for each block of output, in the words of a page. */
  readonly outputs: readonly Shown[];
}

/** Stops at the first command that does not end as the page says: what follows builds on it. */
export async function followGuide(page: string, guide: Guide): Promise<Followed> {
  const reader = createReader(guide, guide.needsPython ? await pythonFolders() : []);
  const problems: string[] = [];
  const outputs: Shown[] = [];
  let printed = '';
  try {
    for (const block of guide.blocks) {
      const place = `${page}:${block.line}`;
      switch (block.kind) {
        case 'server':
          await reader.startServer(block.command);
          break;
        case 'commands':
          printed = '';
          for (const command of block.commands) {
            const answer = await reader.run(command);
            printed += answer.printed;
            if (answer.code === command.exitCode) continue;
            const ended = `ended with ${answer.code ?? 'no code in time'}, not ${command.exitCode}`;
            problems.push(`${page}:${command.line}: ${command.text}\n  ${ended}:\n${answer.printed}`);
            return { problems, outputs };
          }
          break;
        case 'output': {
          outputs.push({ block, printed });
          const difference = differenceOf(block.text, printed);
          if (difference !== undefined) problems.push(`${place}: ${difference}\n  All of it:\n${printed}`);
          break;
        }
        case 'file':
          reader.write(block.name, block.text);
          break;
        case 'addition':
          reader.write(block.to, withAddition(reader.read(block.to), block.text));
          break;
        case 'part':
          if (!hasPart(readFileSync(join(repository, block.of), 'utf8'), block.text))
            problems.push(`${place}: ${block.of} does not have these lines`);
          break;
        case 'left':
          break;
      }
    }
    return { problems, outputs };
  } finally {
    await reader.leave();
  }
}

/** Whether all lines of the part stand in the text in their order, whatever their indentation, without others in between. */
export function hasPart(text: string, part: string): boolean {
  const lines = (of: string): string => of.replaceAll(/^[ \t]+|[ \t]+$/gm, '').trim();
  return `\n${lines(text)}\n`.includes(`\n${lines(part)}\n`);
}

/** A YAML file with what a part of it says instead or besides; comments stay. */
function withAddition(text: string, addition: string): string {
  const file = parseDocument(text);
  const add = (path: readonly unknown[], value: unknown): void => {
    if (isMap(value))
      for (const { key, value: inner } of value.items) add([...path, isScalar(key) ? key.value : key], inner);
    else file.setIn(path, value);
  };
  add([], parseDocument(addition).contents);
  return file.toString();
}

interface Reader {
  startServer(command: string): Promise<void>;
  run(command: Command): Promise<{ readonly code: number | null; readonly printed: string }>;
  read(name: string): string;
  write(name: string, text: string): void;
  leave(): Promise<void>;
}

/** Where a `python3` with the packages is. Throws where they cannot be had. */
async function pythonFolders(): Promise<readonly string[]> {
  const env = await pythonEnv('mlflow', mlflowPackages);
  if (!env.ok) throw new Error(`the page needs Python: ${env.problem}`);
  return [dirname(env.python)];
}

function createReader(guide: Guide, programs: readonly string[]): Reader {
  const top = realpathSync(mkdtempSync(join(tmpdir(), 'slipway-guide-')));
  const [home, tools, state] = [join(top, 'home'), join(top, 'tools'), join(top, 'state')];
  for (const folder of [home, tools]) mkdirSync(folder);
  if (guide.startsIn === 'checkout') cpSync(join(repository, 'examples'), join(home, 'examples'), { recursive: true });
  // `npx slipway` is the command of this checkout, as it is for who types it at its top.
  writeFileSync(join(tools, 'npx'), '#!/bin/sh\nif [ "$1" = slipway ]; then shift; exec slipway "$@"; fi\nexit 127\n');
  chmodSync(join(tools, 'npx'), 0o755);
  let cwd = home;
  let env: Readonly<Record<string, string>> = {
    PATH: [tools, ...programs, join(repository, 'node_modules/.bin'), process.env['PATH'] ?? ''].join(delimiter),
    HOME: home,
    TZ: 'UTC',
    NO_COLOR: '1',
    GIT_AUTHOR_NAME: 'ann',
    GIT_AUTHOR_EMAIL: 'ann@localhost',
    GIT_COMMITTER_NAME: 'ann',
    GIT_COMMITTER_EMAIL: 'ann@localhost',
  };
  let server: { readonly child: ChildProcess; readonly url: string } | undefined;
  const lastIds = new Map<string, string>();

  const port = (): string => (server === undefined ? shownPort : new URL(server.url).port);
  const here = (text: string): string => text.replaceAll(new RegExp(`\\b${shownPort}\\b`, 'g'), port());
  const asShown = (text: string): string =>
    text.replaceAll(new RegExp(`\\b${port()}\\b`, 'g'), shownPort).replaceAll(home, shownFolder);

  const stop = async (): Promise<void> => {
    if (server === undefined || server.child.exitCode !== null) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    server.child.on('exit', () => resolve());
    server.child.kill('SIGTERM');
    await promise;
  };

  const reader: Reader = {
    async startServer(command) {
      await stop();
      const child = spawn('bash', ['-c', `exec ${command}`], {
        cwd,
        env: { ...env, SLIPWAY_PORT: '0' },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      server = { child, url: await addressOf(child) };
      env = { ...env, SLIPWAY_URL: server.url };
    },

    async run(command) {
      if (server === undefined && needsServer(command.text))
        await reader.startServer(`slipway up --dir ${join(top, 'slipway')}`);
      // An id that was printed before is written as its prefix and "…" in the pages.
      const text = here(command.text).replaceAll(
        /\b([a-z]{2,5})_…/g,
        (seen, prefix: string) => lastIds.get(prefix) ?? seen,
      );
      const kept = `code=$?; pwd >${state}.cwd; env -0 >${state}.env; exit $code`;
      const answer = await runBash(`{ ${text}\n}; ${kept}`, { cwd, env });
      cwd = readFileSync(`${state}.cwd`, 'utf8').trim();
      env = variablesOf(readFileSync(`${state}.env`, 'utf8'));
      for (const [id, prefix = ''] of answer.printed.matchAll(/\b([a-z]{2,5})_[0-9a-hjkmnp-tv-z]{26}\b/g))
        lastIds.set(prefix, id);
      return { code: answer.code, printed: asShown(answer.printed) };
    },

    read: (name) => readFileSync(join(cwd, name), 'utf8'),

    write(name, text) {
      const path = join(cwd, name);
      if (relative(home, path).split(sep)[0] === '..') throw new Error(`${name} is outside the folder of the page`);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, here(text));
    },

    async leave() {
      await stop();
      rmSync(top, { recursive: true, force: true });
    },
  };
  return reader;
}

const needsServer = (text: string): boolean => /\bslipway\b/.test(text) || text.includes(shownPort);

/** The address in the first line that a server prints. */
function addressOf(child: ChildProcess): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let text = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(text) ?? [];
    if (url !== undefined) resolve(url);
  });
  child.on('error', reject);
  child.on('exit', (code) => reject(new Error(`the server of the page ended with ${code}: ${text}`)));
  return promise;
}

/** Output and messages in the order in which a terminal would show them. */
function runBash(
  script: string,
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
): Promise<{ readonly code: number | null; readonly printed: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{
    readonly code: number | null;
    readonly printed: string;
  }>();
  const child = spawn('bash', ['-o', 'pipefail', '-c', `exec 2>&1\nset -a\n${script}`], {
    ...options,
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: commandLimitMs,
  });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
  child.on('error', reject);
  child.on('close', (code) => resolve({ code, printed }));
  return promise;
}

const variablesOf = (text: string): Record<string, string> =>
  Object.fromEntries(
    text
      .split('\0')
      .filter((entry) => entry.includes('='))
      .map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
  );
