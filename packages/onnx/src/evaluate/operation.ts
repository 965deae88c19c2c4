/** What a compiler of one operator sees, and typed access to attributes. */
import { mlDomain } from '../graph-parts.ts';
import type { OnnxNode } from '../model.ts';
import type { Step, Value } from './values.ts';

export interface Unsupported {
  readonly unsupported: string;
}

export interface Compiled {
  /** One per output of the node; a plan fails when one that is used is missing. */
  readonly outputs: readonly (Value | undefined)[];
  /** Called once all operators are compiled; answers what to run, in the order of the nodes. */
  readonly link?: () => Step;
  /** False when the result may differ from ONNX Runtime in the last bits. */
  readonly exact: boolean;
  readonly multiplyAdds?: number;
  readonly engine?: 'kernel' | 'walker';
}

export interface OperationContext {
  readonly node: OnnxNode;
  readonly inputs: readonly (Value | undefined)[];
  readonly capacityRows: number;
}

export type Operation = (context: OperationContext) => Compiled | Unsupported;

export function nodeLabel(node: OnnxNode): string {
  return node.domain === '' || node.domain === mlDomain ? node.opType : `${node.domain}.${node.opType}`;
}

export function intAttribute(node: OnnxNode, name: string, fallback: number): number {
  const attribute = node.attributes.get(name);
  return attribute?.type === 'int' ? Number(attribute.value) : fallback;
}

export function floatAttribute(node: OnnxNode, name: string, fallback: number): number {
  const attribute = node.attributes.get(name);
  return attribute?.type === 'float' ? attribute.value : fallback;
}

export function textAttribute(node: OnnxNode, name: string, fallback: string): string {
  const attribute = node.attributes.get(name);
  return attribute?.type === 'string' ? attribute.value : fallback;
}

export function floatsAttribute(node: OnnxNode, name: string): Float32Array | undefined {
  const attribute = node.attributes.get(name);
  return attribute?.type === 'floats' ? attribute.values : undefined;
}

export function textsAttribute(node: OnnxNode, name: string): readonly string[] | undefined {
  const attribute = node.attributes.get(name);
  return attribute?.type === 'strings' ? attribute.values : undefined;
}

export function intsAttribute(node: OnnxNode, name: string): readonly number[] | undefined {
  const attribute = node.attributes.get(name);
  return attribute?.type === 'ints' ? Array.from(attribute.values, Number) : undefined;
}

export type Labels = { readonly texts: readonly string[] } | { readonly integers: readonly number[] };

/** Class labels under either attribute name; undefined when there are none or they are beyond 2^53. */
export function readLabels(node: OnnxNode): Labels | undefined {
  const texts = textsAttribute(node, 'classlabels_strings');
  if (texts !== undefined && texts.length > 0) return { texts };
  const integers = intsAttribute(node, 'classlabels_int64s') ?? intsAttribute(node, 'classlabels_ints');
  if (integers === undefined || integers.length === 0 || !integers.every(Number.isSafeInteger)) return undefined;
  return { integers };
}

export function labelCount(labels: Labels): number {
  return 'texts' in labels ? labels.texts.length : labels.integers.length;
}
