import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import type { LedgerRow, LedgerVerdict } from '@slipway/contract';
import { canonicalJson, LedgerRow as LedgerRowSchema, SlipwayError } from '@slipway/contract';
import type { Command } from 'commander';
import { instantOf, wholeNumber } from '../arguments.ts';
import type { Session } from '../command.ts';
import { action, CommandFailure } from '../command.ts';
import type { Output } from '../output.ts';
import { count, instant, paint, table } from '../output.ts';

interface ListFlags {
  readonly limit: number;
  readonly kind?: string;
  readonly subject?: string;
  readonly actor?: string;
  readonly match?: string;
  readonly before?: number;
  readonly from?: number;
  readonly to?: number;
}

const sequenceNumber = (name: string): ((typed: string) => number) =>
  wholeNumber(name, { min: 0, max: Number.MAX_SAFE_INTEGER });

export function register(program: Command): void {
  const ledger = program.command('ledger').description('Everything that ever changed, in order, hash-chained');
  list(ledger);
  follow(ledger);
  verify(ledger);
  exportEvents(ledger);
}

function list(ledger: Command): void {
  ledger
    .command('list')
    .description('Events, newest first')
    .option('--limit <n>', 'at most this many', wholeNumber('--limit', { min: 1, max: 1000 }), 50)
    .option('--kind <kind>', 'only this kind, such as alias.moved; a noun such as alias stands for all of its kinds')
    .option('--subject <subject>', 'only this subject, such as model:flight-delay')
    .option('--actor <actor>', 'only by this actor, such as token:ci')
    .option('--match <text>', 'only subjects with this text in them')
    .option('--from <instant>', 'not before this instant, such as 2026-11-21T18:00Z', instantOf('--from'))
    .option('--to <instant>', 'not after this instant', instantOf('--to'))
    .option('--before <seq>', 'older than this sequence number', sequenceNumber('--before'))
    .addHelpText(
      'after',
      '\nExamples:\n  slipway ledger list --kind alias.moved\n  slipway ledger list --from 2026-11-21T18:00Z --actor token:ci\n  slipway ledger list --before 100 --limit 20\n',
    )
    .action(
      action(async ({ client, output }, { limit, kind, subject, actor, match, from, to, before }: ListFlags) => {
        const query = { limit, kind, subject, actor, q: match, from, to, before };
        const answer = await client.ledger.list({ query });
        if (output.json) return output.result(answer, () => '');
        if (answer.items.length === 0 && answer.searchedToSeq === undefined)
          return output.note(
            answer.headSeq === 0 ? 'No events yet: nothing was changed on this server.' : 'No events match.',
          );
        const rows = answer.items.map((e) => [String(e.seq), instant(e.at), e.actor, e.kind, e.subject]);
        output.result(answer, () => table(['SEQ', 'AT', 'ACTOR', 'KIND', 'SUBJECT'], rows));
        const last = answer.items.at(-1)?.seq ?? 0;
        if (answer.searchedToSeq !== undefined)
          output.note(`Looked back to event ${answer.searchedToSeq}; go on with --before ${answer.searchedToSeq}`);
        if (answer.items.length === limit && last > 1) output.note(`There is more: --before ${last}`);
      }),
    );
  ledger
    .command('show')
    .description('One event with its body, digest and chain')
    .argument(
      '<seq>',
      'its sequence number',
      wholeNumber('the sequence number', { min: 1, max: Number.MAX_SAFE_INTEGER }),
    )
    .addHelpText('after', '\nExample:\n  slipway ledger show 17\n')
    .action(
      action(async ({ client, output }, seq: number) => {
        const { items, headSeq } = await client.ledger.list({ query: { after: seq - 1, limit: 1 } });
        const [event] = items;
        if (event?.seq !== seq)
          throw new CommandFailure('notFound', `there is no event ${seq}: the newest is ${headSeq}`);
        output.result(event, () => {
          const rows = [
            ['at', instant(event.at)],
            ['actor', event.actor],
            ['kind', event.kind],
            ['subject', event.subject],
            ['digest', event.digest],
            ['chain', event.chain],
          ];
          return `${table(['EVENT', String(event.seq)], rows)}\n\n${JSON.stringify(event.body, null, 2)}`;
        });
      }),
    );
}

/** How long a lost server is waited for. */
const reconnectLimitMs = 30_000;
const reconnectPauseMs = 500;

function follow(ledger: Command): void {
  ledger
    .command('follow')
    .description('Events as they happen, until Ctrl-C; with --json one event a line')
    .option(
      '--after <seq>',
      'begin after this sequence number; with what comes next unless said',
      sequenceNumber('--after'),
    )
    .addHelpText(
      'after',
      '\nExamples:\n  slipway ledger follow\n  slipway ledger follow --after 0 --json | jq -r .kind\n',
    )
    .action(
      action(async (session, { after }: { after?: number }) => {
        const { output } = session;
        let position = after;
        let lostAt: number | undefined;
        for (;;) {
          try {
            for await (const event of eventsAfter(session, position)) {
              lostAt = undefined;
              position = event.seq;
              if (output.json) process.stdout.write(`${JSON.stringify(event)}\n`);
              else process.stdout.write(`${drawEvent(event)}\n`);
            }
          } catch (error) {
            if (!(error instanceof SlipwayError) || error.code !== 'server_unreachable') throw error;
            if (lostAt === undefined && position === undefined) throw error;
            if (lostAt !== undefined && performance.now() - lostAt > reconnectLimitMs) throw error;
          }
          if (lostAt === undefined && !output.json) output.note('the connection was lost; trying again');
          lostAt ??= performance.now();
          await pause(reconnectPauseMs);
        }
      }),
    );
}

async function* eventsAfter({ client, signal }: Session, after: number | undefined): AsyncGenerator<LedgerRow> {
  const query = after === undefined ? {} : { after };
  for await (const event of await client.events.follow({ query }, { signal })) yield LedgerRowSchema.parse(event);
}

const drawEvent = (event: LedgerRow): string =>
  `${paint('dim', String(event.seq).padStart(6))}  ${instant(event.at)}  ${event.actor.padEnd(12)}  ${paint('bold', event.kind)}  ${event.subject}`;

function verify(ledger: Command): void {
  ledger
    .command('verify')
    .description('Recompute every digest and the chain; exits 6 when anything was altered')
    .option('--file <path>', 'a database file or an export, without a server')
    .addHelpText(
      'after',
      '\nExamples:\n  slipway ledger verify\n  slipway ledger verify --file /backup/slipway.db\n  slipway ledger verify --file events.ndjson\nA chain cannot show that its newest events were cut off: compare the printed head with one that you kept.\n',
    )
    .action(
      action(async ({ client, output }, { file }: { file?: string }) => {
        output.progress('recomputing the chain');
        const verdict =
          file === undefined ? await client.ledger.verify({}, { timeoutMs: 600_000 }) : await verifyFile(file);
        showVerdict(output, verdict);
        if (!verdict.ok) throw new CommandFailure('gate', `the ledger does not hold: ${verdict.problem}`);
      }),
    );
}

async function verifyFile(file: string): Promise<LedgerVerdict> {
  const { verifyLedgerFile } = await import('@slipway/server');
  return verifyLedgerFile(file);
}

function showVerdict(output: Output, verdict: LedgerVerdict): void {
  output.result(verdict, () =>
    verdict.ok
      ? `${paint('green', 'intact')}: ${count(verdict.events, 'event')}, head ${verdict.headSeq} ${verdict.headChain}`
      : `${paint('red', 'broken')} at event ${verdict.firstBadSeq}: ${verdict.problem}`,
  );
}

const exportPage = 1000;

function exportEvents(ledger: Command): void {
  ledger
    .command('export')
    .description('Every event, oldest first, one JSON value a line; `verify --file` checks it')
    .option('--out <path>', 'a file; standard output unless said')
    .addHelpText(
      'after',
      '\nExample:\n  slipway ledger export --out events.ndjson && slipway ledger verify --file events.ndjson\n',
    )
    .action(
      action(async ({ client, output }, { out }: { out?: string }) => {
        const sink: Writable = out === undefined ? process.stdout : createWriteStream(out);
        // A file that cannot be opened or written ends the export with its own error.
        const broken = Promise.withResolvers<never>();
        broken.promise.catch(() => undefined);
        if (out !== undefined) sink.on('error', broken.reject);
        let after = 0;
        for (;;) {
          const { items, headSeq } = await client.ledger.list({ query: { after, limit: exportPage } });
          for (const event of items)
            if (!sink.write(`${canonicalJson(event)}\n`))
              await Promise.race([new Promise((resolve) => sink.once('drain', resolve)), broken.promise]);
          after = items.at(-1)?.seq ?? after;
          output.progress(`${after.toLocaleString('en-US')} of ${headSeq.toLocaleString('en-US')} events`);
          if (items.length < exportPage) break;
        }
        if (out === undefined) return;
        await Promise.race([new Promise<void>((resolve) => sink.end(() => resolve())), broken.promise]);
        output.result({ path: out, events: after }, () => `${out}: ${count(after, 'event')}`);
      }),
    );
}
