/**
 * Ports: what goes into a step and what comes out. A port is a parameter (a schema for a small value) or an artifact of
 * one kind (bytes in the object store). The two cannot be connected with each other, and the compiler says so.
 */
import type { ArtifactKind, ArtifactRef } from '@slipway/contract';
import type { z } from 'zod';

/** An artifact of a known kind. */
export type Artifact<K extends ArtifactKind = ArtifactKind> = ArtifactRef & { readonly kind: K };

export interface ParameterPort<T = unknown, In = unknown> {
  readonly port: 'parameter';
  readonly schema: z.ZodType<T, In>;
}

export interface ArtifactPort<K extends ArtifactKind = ArtifactKind> {
  readonly port: 'artifact';
  readonly kind: K;
}

/** Any number of artifacts of one kind: for steps that compare or merge. */
export interface ListPort<K extends ArtifactKind = ArtifactKind> {
  readonly port: 'list';
  readonly kind: K;
}

export type Port = ParameterPort | ArtifactPort | ListPort;
export type Ports = Readonly<Record<string, Port>>;

/** The pinned reference of a dataset artifact: `flights@3`. */
export function datasetRef(dataset: ArtifactRef): string {
  const ref = dataset.meta?.['ref'];
  if (typeof ref !== 'string') throw new TypeError(`artifact "${dataset.name}" is not a dataset`);
  return ref;
}

/** A small value, checked by its schema when the pipeline is described and when a run starts. */
export function parameter<T, In>(schema: z.ZodType<T, In>): ParameterPort<T, In> {
  return { port: 'parameter', schema };
}

const ofKind =
  <K extends ArtifactKind>(kind: K) =>
  (): ArtifactPort<K> => ({ port: 'artifact', kind });

export const artifact = {
  /** One version of a dataset, pinned when the run starts. */
  dataset: ofKind('dataset'),
  /** A Parquet file. */
  table: ofKind('table'),
  model: ofKind('model'),
  /** JSON with numbers that gates and people compare. */
  metrics: ofKind('metrics'),
  /** Something for people to read. */
  report: ofKind('report'),
  file: ofKind('file'),
} as const;

/** Any number of artifacts of one kind. */
export function list<K extends ArtifactKind>(port: ArtifactPort<K>): ListPort<K> {
  return { port: 'list', kind: port.kind };
}

/** What a step's `run` receives for a port, and returns for one. */
export type ValueOf<P extends Port> =
  P extends ParameterPort<infer T>
    ? T
    : P extends ArtifactPort<infer K>
      ? Artifact<K>
      : P extends ListPort<infer K>
        ? readonly Artifact<K>[]
        : never;

export type ValuesOf<S extends Ports> = { readonly [N in keyof S]: ValueOf<S[N]> };
