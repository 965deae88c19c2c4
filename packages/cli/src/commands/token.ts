import { TokenRole } from '@slipway/contract';
import type { Command } from 'commander';
import { action, CommandFailure } from '../command.ts';
import { instant, table } from '../output.ts';

export function register(program: Command): void {
  const token = program
    .command('token')
    .description('API tokens: hashed, with a role, usable as Bearer or as a Basic password');
  token
    .command('create')
    .description('Make a token; its secret is shown once')
    .argument('<name>', 'what it is for')
    .requiredOption('--role <role>', `one of ${TokenRole.options.join(', ')}`)
    .option('--expires-in-days <days>', 'no expiry unless said', Number)
    .addHelpText('after', '\nExample:\n  slipway token create ci --role deployer --expires-in-days 90\n')
    .action(
      action(async ({ client, output }, name: string, options: { role: string; expiresInDays?: number }) => {
        const role = TokenRole.safeParse(options.role);
        if (!role.success)
          throw new CommandFailure(
            'usage',
            `"${options.role}" is no role; the roles are ${TokenRole.options.join(', ')}`,
          );
        const { expiresInDays } = options;
        const made = await client.tokens.create({
          body: { name, role: role.data, ...(expiresInDays === undefined ? {} : { expiresInDays }) },
        });
        output.result(
          made,
          () => `${made.secret}\n\nKeep it now: it is not shown again. SLIPWAY_TOKEN=… or --token uses it.`,
        );
      }),
    );
  token
    .command('list')
    .description('Tokens, without their secrets')
    .action(
      action(async ({ client, output }) => {
        const { items } = await client.tokens.list();
        output.result(items, () => {
          if (items.length === 0)
            return 'No tokens. On this machine the owner needs none; `slipway token create` makes one for others.';
          const rows = items.map((t) => [
            t.name,
            t.role,
            instant(t.createdAt),
            t.expiresAt === undefined ? 'never' : instant(t.expiresAt),
          ]);
          return table(['NAME', 'ROLE', 'CREATED', 'EXPIRES'], rows);
        });
      }),
    );
  token
    .command('revoke')
    .description('Revoke a token at once')
    .argument('<name>')
    .action(
      action(async ({ client, output }, name: string) => {
        await client.tokens.revoke({ params: { name } });
        output.result({ revoked: name }, () => `Token ${name} is revoked.`);
      }),
    );
}
