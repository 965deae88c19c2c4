/** A server process for tests to kill: starts one run of the pipeline `diamond` in the given folder and tells its id. */
import { openPipelines } from './testing.ts';

const bench = await openPipelines({ folder: process.argv[2] ?? '' });
const { pipelines } = bench.start();
const { id } = await pipelines.start('diamond', { params: {}, actor: 'owner' });
process.send?.(id);
