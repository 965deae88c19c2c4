/** Runs: started, found, ended, deleted and restored. */
import type { RunStatus } from '@slipway/contract';
import { runStatuses, tagValueLimitChars } from '@slipway/contract';
import type { Tracking } from '../../modules/tracking/index.ts';
import { invalidParameter } from './errors.ts';
import { runFilter, runOrder } from './filters.ts';
import { experimentIdFromWire } from './ids.ts';
import { runNameTag, wireRun, wireRunInfo } from './map.ts';
import {
  experimentIdOf,
  lifecycleOf,
  limitOf,
  runIdOf,
  searchDefault,
  searchMax,
  tokenOf,
  truncated,
} from './request-fields.ts';
import type { Endpoint } from './route.ts';
import type { Fields } from './wire.ts';
import { listed } from './wire.ts';

function statusOf(fields: Fields): RunStatus | undefined {
  const wire = fields.findText('status');
  if (wire === undefined) return undefined;
  const status = runStatuses.find((known) => known === wire.toLowerCase());
  if (status === undefined) throw fields.invalid('status', wire);
  return status;
}

export function runEndpoints(tracking: Tracking): Endpoint[] {
  const at = '/mlflow/runs';
  const read = 'tracking.read';
  const write = 'tracking.write';
  return [
    {
      method: 'POST',
      path: `${at}/create`,
      permission: write,
      handle: async ({ fields, actor }) => {
        const tags = fields.pairs('tags');
        const named = fields.findText('run_name');
        const tagged = tags[runNameTag];
        if (named !== undefined && named !== '' && tagged !== undefined && named !== tagged) {
          throw invalidParameter(
            `Both 'run_name' argument and '${runNameTag}' tag are specified, but with different values (run_name='${named}', ${runNameTag}='${tagged}').`,
          );
        }
        const name = named === undefined || named === '' ? tagged : named;
        const run = await tracking.createRun({
          experimentId: fields.has('experiment_id') ? experimentIdOf(fields) : (experimentIdFromWire('0') ?? ''),
          name: name === '' ? undefined : name?.slice(0, 250),
          startedAt: fields.findInt('start_time'),
          user: fields.findText('user_id') ?? tags['mlflow.user'],
          tags: truncated(tags, tagValueLimitChars),
          actor,
        });
        return { run: wireRun(run) };
      },
    },
    {
      method: 'GET',
      path: `${at}/get`,
      permission: read,
      handle: async ({ fields }) => ({ run: wireRun(await tracking.getRun(runIdOf(fields))) }),
    },
    {
      method: 'POST',
      path: `${at}/update`,
      permission: write,
      handle: async ({ fields, actor }) => {
        const status = statusOf(fields);
        const endAt = fields.findInt('end_time');
        const name = fields.findText('run_name');
        const uid = runIdOf(fields);
        if (name !== undefined && name !== '') await tracking.log(uid, { tags: { [runNameTag]: name } });
        const run = await tracking.updateRun({
          uid,
          actor,
          ...(status === undefined ? {} : { status }),
          ...(endAt !== undefined ? { endAt } : status === 'running' ? { endAt: null } : {}),
          ...(name === undefined || name === '' ? {} : { name }),
        });
        return { run_info: wireRunInfo(run) };
      },
    },
    {
      method: 'POST',
      path: `${at}/delete`,
      permission: write,
      handle: async ({ fields, actor }) => {
        await tracking.deleteRun(runIdOf(fields), actor);
        return {};
      },
    },
    {
      method: 'POST',
      path: `${at}/restore`,
      permission: write,
      handle: async ({ fields, actor }) => {
        await tracking.restoreRun(runIdOf(fields), actor);
        return {};
      },
    },
    {
      method: 'POST',
      path: `${at}/search`,
      permission: read,
      handle: async ({ fields }) => {
        const experimentIds = fields.texts('experiment_ids').flatMap((wire) => experimentIdFromWire(wire) ?? []);
        const filterText = fields.findText('filter') ?? '';
        const page = await tracking.searchRuns({
          experimentIds,
          filter: runFilter(filterText),
          filterText,
          order: runOrder(fields.texts('order_by')),
          lifecycle: lifecycleOf(fields, 'run_view_type'),
          limit: limitOf(fields, searchDefault, searchMax),
          pageToken: tokenOf(fields),
        });
        return { runs: listed(page.items.map(wireRun)), next_page_token: page.nextPageToken };
      },
    },
  ];
}
