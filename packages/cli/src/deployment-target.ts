/** Which version `slipway deploy` means, and which endpoint: from what was typed, the project folder and the server. */
import type { Endpoint, ModelVersion } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import { z } from 'zod';
import { usage, versionOf } from './arguments.ts';
import type { Session } from './command.ts';
import { CommandFailure } from './failure.ts';
import { readYamlFile } from './yaml-file.ts';

/** The pages of a list that a person has are few; more endpoints than these are not looked through. */
const endpointsMax = 1000;

type Client = Session['client'];

export interface Target {
  readonly endpoint: Endpoint;
  readonly version: ModelVersion;
}

/** `churn@champion`, `churn/3`, `churn`: then the champion, or the only version there is. */
export interface ModelRef {
  readonly model: string;
  readonly version: number | string | undefined;
}

export function modelRefOf(typed: string): ModelRef {
  const found = /^(?<model>[^@/]+)(?:[@/](?<version>.+))?$/.exec(typed);
  const { model, version } = found?.groups ?? {};
  if (model === undefined)
    throw usage(`"${typed.slice(0, 100)}" names no model: write model@alias, model/version or model`);
  return { model, version: version === undefined ? undefined : versionOf(version) };
}

/** `ref` undefined: of the endpoint, or of the project in this folder. */
export async function findTarget(
  client: Client,
  ref: ModelRef | undefined,
  endpointName: string | undefined,
): Promise<Target> {
  const endpoint = await findEndpoint(client, ref?.model, endpointName);
  const { model } = endpoint.spec;
  if (ref !== undefined && ref.model !== model)
    throw usage(
      `endpoint ${endpoint.name} serves model ${model}, not ${ref.model}: name an endpoint of ${ref.model} with --endpoint, or change "model" in slipway.yaml and apply`,
    );
  if (endpoint.retiredAt !== undefined) throw new SlipwayError('endpoint_retired', { endpoint: endpoint.name });
  return { endpoint, version: await versionFor(client, { model, version: ref?.version }) };
}

/** By its name, or the one of this model, or the one of the project in this folder. */
export function findEndpoint(client: Client, model: string | undefined, name: string | undefined): Promise<Endpoint> {
  return name === undefined ? endpointFor(client, model) : namedEndpoint(client, name);
}

async function namedEndpoint(client: Client, name: string): Promise<Endpoint> {
  try {
    return await client.endpoints.get({ params: { endpoint: name } });
  } catch (error) {
    if (!(error instanceof SlipwayError) || error.code !== 'not_found') throw error;
    const declared = await declaredEndpoints();
    if (declared.has(name)) throw notApplied(name);
    throw error;
  }
}

const notApplied = (name: string): CommandFailure =>
  new CommandFailure(
    'notFound',
    `endpoint ${name} is declared in slipway.yaml of this folder and not applied yet: run \`slipway apply\`, then deploy again`,
  );

async function endpointFor(client: Client, model: string | undefined): Promise<Endpoint> {
  const declared = await declaredEndpoints();
  const all = await listEndpoints(client);
  const fitting = all.filter(({ name, spec }) => (model === undefined ? declared.has(name) : spec.model === model));
  const candidates = model === undefined && declared.size === 0 ? all : fitting;
  const [only, ...more] = candidates;
  if (only !== undefined && more.length === 0) return only;
  if (only !== undefined)
    throw usage(
      `${model === undefined ? 'there are several endpoints' : `several endpoints serve model ${model}`}: ${names(candidates)}. Name one with --endpoint`,
    );
  for (const [name, served] of declared) if (model === undefined || served === model) throw notApplied(name);
  if (model === undefined)
    throw usage(
      'there is no endpoint yet: slipway.yaml declares one, such as `endpoints: { churn: { model: churn } }`, and `slipway apply` brings it here',
    );
  // A model that does not exist is the likelier mistake.
  await client.models.get({ params: { model } });
  throw new CommandFailure(
    'notFound',
    `no endpoint serves model ${model}: add \`endpoints: { ${model}: { model: ${model} } }\` to slipway.yaml, run \`slipway apply\`, then deploy again`,
  );
}

const names = (endpoints: readonly Endpoint[]): string => endpoints.map(({ name }) => name).join(', ');

async function listEndpoints(client: Client): Promise<readonly Endpoint[]> {
  const found: Endpoint[] = [];
  let pageToken: string | undefined;
  do {
    const page = await client.endpoints.list({
      query: { limit: 200, ...(pageToken === undefined ? {} : { pageToken }) },
    });
    found.push(...page.items.filter(({ retiredAt }) => retiredAt === undefined));
    pageToken = page.nextPageToken;
  } while (pageToken !== undefined && found.length < endpointsMax);
  return found;
}

const Declared = z.object({ endpoints: z.record(z.string(), z.object({ model: z.string() })).nullish() });

/** Endpoint to model, of the project in this folder; nothing where there is no readable one. */
async function declaredEndpoints(): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  let value: unknown;
  try {
    ({ value } = await readYamlFile(process.cwd(), 'slipway.yaml', ''));
  } catch {
    return found;
  }
  for (const [name, { model }] of Object.entries(Declared.safeParse(value).data?.endpoints ?? {}))
    found.set(name, model);
  return found;
}

async function versionFor(client: Client, { model, version }: ModelRef): Promise<ModelVersion> {
  if (version !== undefined) return client.models.getVersion({ params: { model, version: String(version) } });
  const { aliases, latestNumber } = await client.models.get({ params: { model } });
  const wanted = aliases['champion'] ?? (latestNumber === 1 ? 1 : undefined);
  if (wanted !== undefined) return client.models.getVersion({ params: { model, version: String(wanted) } });
  if (latestNumber === 0)
    throw new CommandFailure(
      'notFound',
      `model ${model} has no version yet: run the pipeline that trains it, then deploy`,
    );
  throw usage(
    `model ${model} has ${latestNumber} versions and no champion: say which one, such as ${model}/${latestNumber}, or \`slipway model alias ${model} champion VERSION\``,
  );
}
