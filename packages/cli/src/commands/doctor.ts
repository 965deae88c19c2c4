/** `slipway doctor`: what this machine and the server have, and what is wrong with them. Exits 1 when something fails. */
import { execFile } from 'node:child_process';
import { statfs } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { Command } from 'commander';
import { action, CommandFailure } from '../command.ts';
import { bytes, paint, table } from '../output.ts';

const run = promisify(execFile);

interface Finding {
  readonly check: string;
  readonly state: 'ok' | 'warn' | 'fail';
  readonly detail: string;
}

const freeBytesMin = 1024 ** 3;

export function register(program: Command): void {
  program
    .command('doctor')
    .description('Check this machine and the server')
    .option('--dir <folder>', 'workspace folder whose disk is checked', '.')
    .addHelpText('after', '\nExamples:\n  slipway doctor\n  slipway doctor --dir /var/lib/slipway --json\n')
    .action(
      action(async ({ client, output, url }, { dir }: { dir: string }) => {
        const findings: Finding[] = [node(), ...(await nativeParts()), await disk(dir), await python(), await git()];
        try {
          const info = await client.server.info();
          findings.push({
            check: 'server',
            state: 'ok',
            detail: `${url}, version ${info.version}, ${info.database}, you are ${info.actor}`,
          });
          const verdict = await client.ledger.verify({}, { timeoutMs: 600_000 });
          findings.push(
            verdict.ok
              ? { check: 'ledger', state: 'ok', detail: `${verdict.events} events, chain intact` }
              : { check: 'ledger', state: 'fail', detail: verdict.problem },
          );
        } catch (error) {
          findings.push({
            check: 'server',
            state: 'warn',
            detail: error instanceof Error ? error.message : String(error),
          });
        }
        const colours = { ok: 'green', warn: 'yellow', fail: 'red' } as const;
        output.result(findings, () =>
          table(
            ['CHECK', 'STATE', 'DETAIL'],
            findings.map((f) => [f.check, paint(colours[f.state], f.state), f.detail]),
          ),
        );
        if (findings.some((f) => f.state === 'fail'))
          throw new CommandFailure('failed', 'something needs attention: see the lines marked fail');
      }),
    );
}

const node = (): Finding => ({
  check: 'node',
  state: 'ok',
  detail: `${process.versions.node} on ${process.platform} ${process.arch}`,
});

async function nativeParts(): Promise<Finding[]> {
  const { checkNativeParts } = await import('@slipway/server/native-parts');
  return (await checkNativeParts()).map((part) => ({
    check: part.name,
    state: part.version === undefined ? 'fail' : 'ok',
    detail: part.version ?? part.problem ?? 'it does not load',
  }));
}

async function disk(folder: string): Promise<Finding> {
  try {
    const info = await statfs(folder);
    const free = info.bavail * info.bsize;
    return { check: 'disk', state: free < freeBytesMin ? 'fail' : 'ok', detail: `${bytes(free)} free below ${folder}` };
  } catch (error) {
    return { check: 'disk', state: 'fail', detail: error instanceof Error ? error.message : String(error) };
  }
}

async function version(check: string, args: readonly [string, ...string[]], missing: string): Promise<Finding> {
  try {
    const { stdout, stderr } = await run(args[0], args.slice(1));
    return { check, state: 'ok', detail: (stdout || stderr).trim().split('\n')[0] ?? '' };
  } catch {
    return { check, state: 'warn', detail: missing };
  }
}

const python = (): Promise<Finding> =>
  version('python', ['python3', '--version'], 'no python3: Python steps cannot run, everything else can');
const git = (): Promise<Finding> => version('git', ['git', '--version'], 'no git: applies will not record a commit');
