/**
 * When a step's earlier result may be taken: the key is the digest of everything that the result depends on, and the parts
 * of the key are kept, so that people can be told what changed.
 */
import type { GraphNode, StepOutput } from '@slipway/contract';
import { digestOfJson } from '../../lib/digest.ts';

export interface KeyParts {
  readonly code: string;
  /** Ports, argv and everything else that the graph says about the step. */
  readonly definition: string;
  readonly inputs: Readonly<Record<string, string>>;
}

export type InputValue = StepOutput | { readonly list: readonly StepOutput[] };

/** `code` is the digest of the code that the step runs, `version` that of the runner which gives it its context. */
export function keyPartsOf(
  node: GraphNode,
  code: { readonly digest: string; readonly version: string },
  inputs: Readonly<Record<string, InputValue>>,
): KeyParts {
  const { step, kind, argv, outputs } = node;
  return {
    code: code.digest,
    definition: digestOfJson({ step, kind, argv, outputs, version: code.version }),
    inputs: Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, identityOf(value)])),
  };
}

function identityOf(value: InputValue): string {
  if ('list' in value) return digestOfJson(value.list.map(identityOf));
  if ('value' in value) return digestOfJson(value.value);
  // The name of a file and where it came from do not matter: its bytes and what is said about it do.
  return digestOfJson({ kind: value.artifact.kind, digest: value.artifact.digest, meta: value.artifact.meta });
}

export function cacheKeyOf(parts: KeyParts): string {
  return digestOfJson(parts);
}

/** Ready-made steps say their code in words: their digest tells them apart, their first letters do not. */
const short = (code: string): string =>
  (code.startsWith('sha256:') ? code : digestOfJson(code)).replace('sha256:', '').slice(0, 4);

export function reusedReason(parts: KeyParts, run: string): string {
  return `reused: same code ${short(parts.code)}…, same inputs (made by ${run})`;
}

/** Why a step runs although it may be cached: what differs from its last result, or that there is none. */
export function ranReason(parts: KeyParts, last: KeyParts | undefined): string {
  if (last === undefined) return 'ran: first time';
  const changes: string[] = [];
  if (last.code !== parts.code) changes.push(`code changed (${short(last.code)}… to ${short(parts.code)}…)`);
  if (last.definition !== parts.definition) changes.push('its definition changed');
  for (const name of Object.keys({ ...last.inputs, ...parts.inputs })) {
    const [before, after] = [last.inputs[name], parts.inputs[name]];
    if (before === undefined) changes.push(`input \`${name}\` is new`);
    else if (after === undefined) changes.push(`input \`${name}\` is gone`);
    else if (before !== after) changes.push(`input \`${name}\` changed`);
  }
  return changes.length === 0 ? 'ran: its stored result is gone' : `ran: ${changes.join(', ')}`;
}
