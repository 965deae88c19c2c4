/**
 * Content-addressed objects: immutable bytes named by their sha256. Streamed in constant memory, written to a temporary
 * name, hashed, synced and renamed, so that a half-written object is never visible and equal bytes are stored once.
 */
export interface ObjectInfo {
  /** `sha256:` and 64 hex digits. */
  readonly digest: string;
  readonly sizeBytes: number;
}

export interface Objects {
  /** Stores the bytes. `stored` is false when they were there already. Throws `digest_mismatch`, `disk_full`. */
  put(
    bytes: AsyncIterable<Uint8Array> | Uint8Array,
    options?: { expect?: string; limitBytes?: number },
  ): Promise<ObjectInfo & { readonly stored: boolean }>;
  /** Moves or copies a local file in. */
  putFile(path: string): Promise<ObjectInfo & { readonly stored: boolean }>;
  find(digest: string): Promise<ObjectInfo | undefined>;
  /** Streams the bytes, or the half-open range [start, end). Throws `object_missing`; `object_corrupt` when a whole read does not hash to its name. */
  open(digest: string, range?: { start: number; end: number }): Promise<AsyncIterable<Uint8Array>>;
  /** All bytes, verified. For small objects only. */
  read(digest: string, limitBytes: number): Promise<Buffer>;
  /** A local, read-only file whose bytes were found to be right, for engines that read files. Throws `object_missing`, `object_corrupt`. */
  path(digest: string): Promise<string>;
  /** Deletes objects that `isReferenced` denies and that are older than `graceMs`. Returns what went. */
  collect(
    isReferenced: (digest: string) => Promise<boolean>,
    graceMs: number,
  ): Promise<{ readonly count: number; readonly sizeBytes: number }>;
}
