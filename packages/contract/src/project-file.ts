/**
 * The shape of slipway.yaml. Its JSON Schema (docs/generated) completes the file in editors; `slipway plan` checks it before
 * anything is sent, and the module that owns a noun checks its declarations again on the server.
 */
import { z } from 'zod';
import { PolicySpec } from './automation.ts';
import { dataRoutes } from './data.ts';
import { MonitorSpec } from './monitoring.ts';
import { Name } from './names.ts';
import { SuiteSpec } from './quality.ts';
import { AliasRules, GateSpec } from './registry.ts';
import { EndpointSpec } from './serving.ts';

const FilePath = z.string().min(1).max(500);

/** What stands behind each name, by the section of the file. An empty declaration takes the defaults. */
export const declarationSpecs = {
  datasets: dataRoutes['datasets.create'].body.omit({ name: true }),
  /** A YAML file, or the suite itself. */
  suites: z.union([FilePath, SuiteSpec]),
  models: z.strictObject({
    description: z.string().max(5000).optional(),
    gate: GateSpec.optional(),
    aliases: AliasRules.optional(),
  }),
  endpoints: EndpointSpec,
  monitors: MonitorSpec,
  policies: PolicySpec,
} as const;

export type DeclarationSection = keyof typeof declarationSpecs;

/** The kind of resource that each section declares. */
export const sectionKinds = {
  datasets: 'dataset',
  suites: 'suite',
  models: 'model',
  endpoints: 'endpoint',
  monitors: 'monitor',
  policies: 'policy',
} as const satisfies Record<DeclarationSection, string>;

/** The whole file. */
export const ProjectFile = z.strictObject({
  /** Name of the project: it owns what it declares. */
  project: Name,
  datasets: z.record(Name, declarationSpecs.datasets.nullable()).optional(),
  suites: z.record(Name, declarationSpecs.suites).optional(),
  /** YAML files, one feature set each. */
  features: z.array(FilePath).max(100).optional(),
  /** TypeScript files that export pipelines. */
  pipelines: z.array(FilePath).max(100).optional(),
  models: z.record(Name, declarationSpecs.models.nullable()).optional(),
  endpoints: z.record(Name, declarationSpecs.endpoints).optional(),
  monitors: z.record(Name, declarationSpecs.monitors).optional(),
  policies: z.record(Name, declarationSpecs.policies).optional(),
});
export type ProjectFile = z.output<typeof ProjectFile>;
