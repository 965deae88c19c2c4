/** Experiments: made, found, renamed, deleted and restored. */
import type { Experiment } from '@slipway/contract';
import type { Tracking } from '../../modules/tracking/index.ts';
import { invalidParameter, MlflowError } from './errors.ts';
import { experimentFilter, experimentOrder } from './filters.ts';
import { experimentIdToWire } from './ids.ts';
import { wireExperiment } from './map.ts';
import { experimentIdOf, lifecycleOf, limitOf, searchMax, tokenOf } from './request-fields.ts';
import type { Endpoint } from './route.ts';
import type { Fields } from './wire.ts';
import { listed } from './wire.ts';

export function experimentEndpoints(tracking: Tracking): Endpoint[] {
  const byName = async (fields: Fields): Promise<Experiment> => {
    const name = fields.text('experiment_name');
    const found = await tracking.findExperimentByName(name);
    if (found) return found;
    throw new MlflowError('RESOURCE_DOES_NOT_EXIST', `Could not find experiment with name '${name}'`);
  };
  const search: Endpoint['handle'] = async ({ fields }) => {
    const filterText = fields.findText('filter') ?? '';
    const page = await tracking.searchExperiments({
      filter: experimentFilter(filterText),
      filterText,
      order: experimentOrder(fields.texts('order_by')),
      lifecycle: lifecycleOf(fields, 'view_type'),
      limit: limitOf(fields, 0, searchMax),
      pageToken: tokenOf(fields),
    });
    return { experiments: listed(page.items.map(wireExperiment)), next_page_token: page.nextPageToken };
  };
  const at = '/mlflow/experiments';
  const read = 'tracking.read';
  const write = 'tracking.write';
  return [
    {
      method: 'GET',
      path: `${at}/get-by-name`,
      permission: read,
      handle: async ({ fields }) => ({ experiment: wireExperiment(await byName(fields)) }),
    },
    {
      method: 'GET',
      path: `${at}/get`,
      permission: read,
      handle: async ({ fields }) => ({
        experiment: wireExperiment(await tracking.getExperiment(experimentIdOf(fields))),
      }),
    },
    {
      method: 'POST',
      path: `${at}/create`,
      permission: write,
      handle: async ({ fields, actor }) => {
        const name = fields.text('name');
        if (name.length > 500) throw invalidParameter('Experiment name exceeds the maximum length of 500 characters');
        const location = fields.findText('artifact_location')?.replace(/\/+$/, '');
        const artifactLocation = location === '' ? undefined : location;
        const made = await tracking.createExperiment({ name, artifactLocation, tags: fields.pairs('tags'), actor });
        return { experiment_id: experimentIdToWire(made.id) };
      },
    },
    { method: 'POST', path: `${at}/search`, permission: read, handle: search },
    { method: 'GET', path: `${at}/search`, permission: read, handle: search },
    {
      method: 'POST',
      path: `${at}/delete`,
      permission: write,
      handle: async ({ fields, actor }) => {
        await tracking.deleteExperiment(experimentIdOf(fields), actor);
        return {};
      },
    },
    {
      method: 'POST',
      path: `${at}/restore`,
      permission: write,
      handle: async ({ fields, actor }) => {
        await tracking.restoreExperiment(experimentIdOf(fields), actor);
        return {};
      },
    },
    {
      method: 'POST',
      path: `${at}/update`,
      permission: write,
      handle: async ({ fields, actor }) => {
        await tracking.updateExperiment(experimentIdOf(fields), { name: fields.text('new_name') }, actor);
        return {};
      },
    },
    {
      method: 'POST',
      path: `${at}/set-experiment-tag`,
      permission: write,
      handle: async ({ fields }) => {
        await tracking.tagExperiment(experimentIdOf(fields), { [fields.text('key')]: fields.findText('value') ?? '' });
        return {};
      },
    },
    {
      method: 'POST',
      path: `${at}/delete-experiment-tag`,
      permission: write,
      handle: async ({ fields }) => {
        const key = fields.text('key');
        const missing = await tracking.tagExperiment(experimentIdOf(fields), { [key]: null });
        if (missing.length > 0) throw new MlflowError('RESOURCE_DOES_NOT_EXIST', `No tag with name: ${key}`);
        return {};
      },
    },
  ];
}
