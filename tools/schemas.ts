/** JSON Schemas of the files that people write, from the schemas that check them: editors complete and explain what the server takes. */
import { ProjectFile, SuiteSpec } from '@slipway/contract';
import { z } from 'zod';
import { FeaturesFile } from '../packages/server/src/modules/features/definition.ts';

interface Described {
  readonly title: string;
  readonly description: string;
  readonly schema: z.ZodType;
}

const files: Readonly<Record<string, Described>> = {
  'slipway.schema.json': {
    title: 'slipway.yaml',
    description: 'What a project declares. `slipway plan` shows what it would change, `slipway apply` changes it.',
    schema: ProjectFile,
  },
  'features.schema.json': {
    title: 'features.yaml',
    description:
      'One feature set: sources, views and services. The language is described in modules/features/LANGUAGE.md.',
    schema: FeaturesFile,
  },
  'expectations.schema.json': {
    title: 'expectations.yaml',
    description: 'One expectation suite: what must hold of the tables before anything is built on them.',
    schema: SuiteSpec,
  },
};

/** Path below docs/generated and content. */
export function schemaFiles(): [path: string, content: string][] {
  return Object.entries(files).map(([name, { title, description, schema }]) => {
    const made = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', target: 'draft-07' });
    return [`docs/generated/${name}`, `${JSON.stringify({ ...made, title, description }, null, 1)}\n`];
  });
}
