/** Writes until it is killed, and prints the name of each answered write: `node counter-child.ts <file> <prefix>`. */
import { writeSync } from 'node:fs';
import { createSystemClock } from '../../clock.ts';
import { createLog } from '../../log.ts';
import { createSqliteDb } from '../sqlite.ts';
import { counterStore, putCounter } from './counter-store.ts';

const [file = '', prefix = ''] = process.argv.slice(2);
const clock = createSystemClock();
const log = createLog({ level: 'error', now: () => clock.now() });
const writerEntry = new URL('./counter-writer.ts', import.meta.url);
const db = await createSqliteDb({ file, modules: [counterStore], writerEntry, clock, log });
await Promise.all(
  Array.from({ length: 8 }, async (_, client) => {
    for (let i = 0; ; i++) {
      const name = `${prefix}-${client}-${i}`;
      await db.write(putCounter, { name, value: i });
      writeSync(1, `${name}\n`);
    }
  }),
);
