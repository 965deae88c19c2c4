/** Writes the prediction logs of a generated workspace beside the thread that writes its database. */
import { parentPort, workerData } from 'node:worker_threads';
import { writePredictions } from '../workspace/predictions.ts';
import type { WorkspaceSize } from '../workspace/size.ts';

// Given by generate.ts.
const { folder, size } = workerData as { readonly folder: string; readonly size: WorkspaceSize };
writePredictions(folder, size, (written) => parentPort?.postMessage(written));
