/** The ledger's tables and writes. Sealing itself belongs to the commit (see group-commit.ts and postgres-sealer.ts). */
import { fileURLToPath } from 'node:url';
import { operation } from '../db/db.ts';
import type { StoreModule } from '../db/db.ts';

export interface LedgerTables {
  ledger_event: {
    seq: number;
    at: number;
    actor: string;
    kind: string;
    subject: string;
    body: string;
    digest: Uint8Array;
    chain: Uint8Array;
  };
  ledger_head: { id: number; seq: number; chain: Uint8Array };
  ledger_cursor: { consumer: string; seq: number; updated_at: number };
}

export interface CursorMove {
  readonly consumer: string;
  readonly seq: number;
}

export const moveCursor = operation('ledger.move-cursor', async (trx, input: CursorMove): Promise<void> => {
  await trx
    .tables<LedgerTables>()
    .insertInto('ledger_cursor')
    .values({ consumer: input.consumer, seq: input.seq, updated_at: trx.now })
    .onConflict((conflict) =>
      conflict
        .column('consumer')
        .doUpdateSet({ seq: input.seq, updated_at: trx.now })
        .where('ledger_cursor.seq', '<', input.seq),
    )
    .execute();
});

export const ledgerStore: StoreModule = {
  name: 'ledger',
  migrations: fileURLToPath(new URL('./migrations/', import.meta.url)),
  operations: [moveCursor],
};
