/** Entry of the writer worker: knows every operation, does nothing else. */
import { runWriter } from './platform/db/writer.ts';
import { stores } from './stores.ts';

runWriter({ operations: stores.flatMap((store) => store.operations) });
