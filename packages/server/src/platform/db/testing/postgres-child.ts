/** Writes until it is killed, and sends the name of each answered write: `fork(postgres-child.ts, [url, prefix])`. */
import { createSystemClock } from '../../clock.ts';
import { createLog } from '../../log.ts';
import { createPostgresDb } from '../postgres.ts';
import { counterStore, putCounter } from './counter-store.ts';

const [url = '', prefix = ''] = process.argv.slice(2);
const clock = createSystemClock();
const log = createLog({ level: 'error', now: () => clock.now() });
const db = await createPostgresDb({ url, modules: [counterStore], clock, log, poolSize: 4 });
await Promise.all(
  Array.from({ length: 4 }, async (_, client) => {
    for (let i = 0; ; i++) {
      const name = `${prefix}-${client}-${i}`;
      await db.write(putCounter, { name, value: i });
      process.send?.(name);
    }
  }),
);
