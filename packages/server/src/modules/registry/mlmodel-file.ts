/** The `MLmodel` file that Python training libraries put beside a model's files: which flavors it has, and its signature. */
import type { ModelSignature } from '@slipway/contract';
import { ModelSignature as Signature } from '@slipway/contract';
import { parse } from 'yaml';

/** More than this is not a description of a model. */
export const mlmodelLimitBytes = 1024 * 1024;

export interface ModelDescription {
  /** `onnx` when there is such a flavor, else the first that names a library, else `pyfunc`. */
  readonly flavor: string;
  readonly signature: ModelSignature | undefined;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The signature's members are JSON texts inside the YAML. */
function signatureOf(value: unknown): ModelSignature | undefined {
  if (!isObject(value)) return undefined;
  const members: Record<string, unknown> = {};
  for (const key of ['inputs', 'outputs', 'params']) {
    const text = value[key];
    if (typeof text === 'string') members[key] = JSON.parse(text);
    else if (Array.isArray(text)) members[key] = text;
  }
  const parsed = Signature.safeParse(members);
  return parsed.success ? parsed.data : undefined;
}

/** Undefined when the text is not such a file: a model without a description is still a model. */
export function readModelDescription(text: string): ModelDescription | undefined {
  try {
    const document: unknown = parse(text);
    if (!isObject(document) || !isObject(document['flavors'])) return undefined;
    const flavors = Object.keys(document['flavors']);
    const library = flavors.includes('onnx') ? 'onnx' : flavors.find((flavor) => flavor !== 'python_function');
    return { flavor: library ?? 'pyfunc', signature: signatureOf(document['signature']) };
  } catch {
    return undefined;
  }
}
