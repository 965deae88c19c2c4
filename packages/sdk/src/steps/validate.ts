import type { ValidationResult } from '@slipway/contract';
import type { ArtifactPort } from '../ports.ts';
import { artifact, datasetRef } from '../ports.ts';
import type { StepDefinition } from '../step.ts';
import { step, stepSaidNo } from '../step.ts';

const failuresShown = 20;
const rowsShown = 3;

export interface ValidateOptions<T extends string> {
  readonly id?: string;
  /** The expectation suite. */
  readonly suite: string;
  /** Tables of the suite; each becomes an input of that name. */
  readonly tables: readonly T[];
}

/**
 * Checks datasets against an expectation suite and stops the pipeline when an expectation fails: the message carries the
 * failing expectations, their counts and sample rows.
 */
export function validate<const T extends string>(
  options: ValidateOptions<T>,
): StepDefinition<Readonly<Record<T, ArtifactPort<'dataset'>>>, { readonly report: ArtifactPort<'report'> }> {
  // One dataset port for each named table.
  const inputs = Object.fromEntries(options.tables.map((table) => [table, artifact.dataset()])) as Record<
    T,
    ArtifactPort<'dataset'>
  >;
  return step({
    id: options.id ?? 'validate',
    code: `slipway:validate:${options.suite}`,
    inputs,
    outputs: { report: artifact.report() },
    // The suite is not an input: it may change while the data does not.
    cache: 'never',
    run: async (ctx, given) => {
      const tables = Object.fromEntries(options.tables.map((table) => [table, datasetRef(given[table])]));
      const result = await ctx.client.validations.create(
        { body: { suite: options.suite, tables } },
        { timeoutMs: 600_000, signal: ctx.signal },
      );
      ctx.log(`${result.evaluated} expectations on ${Object.values(tables).join(', ')}: ${result.failed} failed`);
      if (!result.success) throw stepSaidNo(ctx.step, explain(result));
      const meta = {
        validation: result.id,
        evaluated: result.evaluated,
        failed: result.failed,
        suite: result.suiteDigest,
      };
      const report = await ctx.writeArtifact('validation.json', 'report', { content: JSON.stringify(result), meta });
      return { report };
    },
  });
}

function explain(result: ValidationResult): string {
  const failed = result.results.filter((r) => !r.success && r.severity === 'error');
  const lines = failed.slice(0, failuresShown).map((r) => {
    const samples = r.samples.slice(0, rowsShown).map((row) => `\n    ${JSON.stringify(row)}`);
    return `- ${r.table}: ${r.sentence}${samples.join('')}`;
  });
  const more = failed.length > failuresShown ? `\n- and ${failed.length - failuresShown} more` : '';
  return `${failed.length} of ${result.evaluated} expectations failed (validation ${result.id})\n${lines.join('\n')}${more}`;
}
