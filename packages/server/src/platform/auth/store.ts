import { join } from 'node:path';
import { SlipwayError } from '@slipway/contract';
import type { StoreModule } from '../db/db.ts';
import type { Role } from './principal.ts';
import { operation } from '../db/db.ts';

export interface TokenRow {
  readonly name: string;
  readonly lookup: string;
  readonly hash: string;
  readonly role: Role;
  readonly created_at: number;
  readonly created_by: string;
  readonly expires_at: number | null;
}
export interface AuthTables {
  auth_token: TokenRow;
}

export const createToken = operation(
  'auth.create-token',
  async (
    trx,
    input: { name: string; lookup: string; hash: string; role: Role; expiresAt: number | null; actor: string },
  ): Promise<TokenRow> => {
    const tables = trx.tables<AuthTables>();
    const there = await tables
      .selectFrom('auth_token')
      .select('name')
      .where('name', '=', input.name)
      .executeTakeFirst();
    if (there) throw new SlipwayError('already_exists', { noun: 'token', name: input.name });
    const row: TokenRow = {
      name: input.name,
      lookup: input.lookup,
      hash: input.hash,
      role: input.role,
      created_at: trx.now,
      created_by: input.actor,
      expires_at: input.expiresAt,
    };
    await tables.insertInto('auth_token').values(row).execute();
    await trx.emit({
      kind: 'token.created',
      actor: input.actor,
      subject: `token:${input.name}`,
      body: { role: input.role, expiresAt: input.expiresAt },
    });
    return row;
  },
);

export const revokeToken = operation('auth.revoke-token', async (trx, input: { name: string; actor: string }) => {
  const gone = await trx
    .tables<AuthTables>()
    .deleteFrom('auth_token')
    .where('name', '=', input.name)
    .returning('name')
    .executeTakeFirst();
  if (!gone)
    throw new SlipwayError('not_found', {
      noun: 'token',
      name: input.name,
      remedy: '`slipway token list` shows them.',
    });
  await trx.emit({ kind: 'token.revoked', actor: input.actor, subject: `token:${input.name}`, body: {} });
});

export const authStore: StoreModule = {
  name: 'auth',
  migrations: join(import.meta.dirname, 'migrations'),
  operations: [createToken, revokeToken],
};
