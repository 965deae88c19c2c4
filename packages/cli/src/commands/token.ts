import { TokenRole } from '@slipway/contract';
import type { Command } from 'commander';
import { nameOf, realNumber } from '../arguments.ts';
import { action, oneOf } from '../command.ts';
import { showPage } from '../listing.ts';
import { instant } from '../output.ts';

const tokenName = nameOf('token');
const daysMax = 3650;
/** A token that is gone after a minute is of no use to anybody. */
const daysMin = 1 / 1440;

export function register(program: Command): void {
  const token = program
    .command('token')
    .description('API tokens: hashed, with a role, usable as Bearer or as a Basic password');
  create(token);
  token
    .command('list')
    .description('Tokens, without their secrets')
    .addHelpText('after', '\nExample:\n  slipway token list\n')
    .action(
      action(async (session) => {
        showPage(session, await session.client.tokens.list(), {
          head: ['NAME', 'ROLE', 'CREATED', 'BY', 'EXPIRES'],
          empty: 'No tokens. On this machine the owner needs none; `slipway token create` makes one for others.',
          row: (t) => [
            t.name,
            t.role,
            instant(t.createdAt),
            t.createdBy,
            t.expiresAt === undefined ? 'never' : instant(t.expiresAt),
          ],
        });
      }),
    );
  token
    .command('revoke')
    .description('Revoke a token at once')
    .argument('<token>', 'its name', tokenName)
    .addHelpText('after', '\nExample:\n  slipway token revoke ci\n')
    .action(
      action(async ({ client, output }, name: string) => {
        await client.tokens.revoke({ params: { name } });
        output.result({ revoked: name }, () => `Token ${name} is revoked.`);
      }),
    );
}

function create(token: Command): void {
  token
    .command('create')
    .description('Make a token; its secret is shown once')
    .argument('<name>', 'what it is for', tokenName)
    .requiredOption('--role <role>', `one of ${TokenRole.options.join(', ')}`, (word: string) =>
      oneOf('role', TokenRole.options, word),
    )
    .option(
      '--expires-in-days <days>',
      'no expiry unless said',
      realNumber('--expires-in-days', { min: daysMin, max: daysMax }),
    )
    .addHelpText(
      'after',
      '\nExamples:\n  slipway token create ci --role deployer --expires-in-days 90\n  export SLIPWAY_TOKEN=$(slipway token create laptop --role editor --json | jq -r .secret)\n',
    )
    .action(
      action(async ({ client, output }, name: string, options: { role: TokenRole; expiresInDays?: number }) => {
        const { role, expiresInDays } = options;
        const body = { name, role, ...(expiresInDays === undefined ? {} : { expiresInDays }) };
        const made = await client.tokens.create({ body });
        output.result(made, () => made.secret);
        output.note('Keep it now: it is not shown again. SLIPWAY_TOKEN or --token uses it.');
      }),
    );
}
