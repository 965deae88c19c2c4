/**
 * The store's contract. Two implementations, one set of tests: SQLite (a writer worker with group commit, reader workers)
 * and PostgreSQL (a pool).
 *
 * Writes are registered operations: a named function of a transaction and a plain input. On SQLite it runs in the writer
 * worker, on PostgreSQL on a pool connection; in both it must await nothing but its transaction, so that no I/O happens
 * between begin and commit. Inputs and results cross a thread: structured-clone data only.
 */
import type { Compilable, Kysely } from 'kysely';
import type { ErrorDetails } from '@slipway/contract';

export type Dialect = 'sqlite' | 'postgres';

/** An event of the ledger, written in the transaction of the mutation that it reports. */
export interface NewEvent {
  /** Past tense, `<module>.<what-happened>`, from the contract's list. */
  readonly kind: string;
  /** Who did it: `owner`, `token:<name>`, `policy:<name>`, `system`. */
  readonly actor: string;
  /** What it happened to: an id or `noun:name`. */
  readonly subject: string;
  /** JSON data, at most 64 KiB when serialised. */
  readonly body: Readonly<Record<string, unknown>>;
}

export interface Trx {
  readonly dialect: Dialect;
  /** Milliseconds since 1970 UTC: one instant for the whole transaction. */
  readonly now: number;
  /** Query builder over the tables that the caller's store owns. */
  tables<T>(): Kysely<T>;
  /** Appends to the ledger in this transaction. */
  emit(event: NewEvent): Promise<void>;
  /** Rings `Db.onWake` of this topic once the transaction has committed. A hint for loops that also poll, nothing more. */
  wake(topic: string): void;
}

export interface Operation<I, O> {
  /** `<module>.<verb>`, unique. */
  readonly name: string;
  readonly run: (trx: Trx, input: I) => Promise<O>;
  readonly isolation: Isolation;
}

/**
 * How writes see each other on PostgreSQL; on SQLite they always run one after another. `serializable`, the usual one, gives
 * the same outcome there, at the price of retries. `read committed` is for hot writes whose single statements are right
 * under any interleaving.
 */
export type Isolation = 'serializable' | 'read committed';

/** Declares a write. List it in the module's `operations` array, so that the writer knows it. */
export function operation<I, O>(
  name: string,
  run: (trx: Trx, input: I) => Promise<O>,
  options: { readonly isolation?: Isolation } = {},
): Operation<I, O> {
  return { name, run, isolation: options.isolation ?? 'serializable' };
}

// Operations of different types share one list; each is called only through its own handle, which restores the types.
export type AnyOperation = Operation<never, unknown>;

export interface Db extends AsyncDisposable {
  readonly dialect: Dialect;
  /**
   * Runs a write and resolves after its commit is durable. A SlipwayError thrown inside comes out with its code and
   * details; everything that the operation wrote is rolled back, and its neighbours in the group are not touched.
   */
  write<I, O>(op: Operation<I, O>, input: I): Promise<O>;
  /** Read-only query builder for key look-ups of known small size (at most about 100 rows, 0.3 ms). Sees every answered write. */
  read<T>(): Kysely<T>;
  /** Runs a query with a scan, filter or sort away from the event loop (reader worker on SQLite, pool on PostgreSQL). */
  scan<R>(query: Compilable<R>): Promise<R[]>;
  /** Called after each commit that appended ledger events, with the newest sequence number. Returns the unsubscriber. */
  onCommit(listener: (seq: number) => void): () => void;
  /** Called after a commit that contained `Trx.wake(topic)`. Returns the unsubscriber. */
  onWake(topic: string, listener: () => void): () => void;
}

/** What the database needs to know of a module. */
export interface StoreModule {
  readonly name: string;
  /** Folder of `NNNN-*.sql`, applied in order, once. See migrate.ts for the words that differ between databases. */
  readonly migrations: string;
  readonly operations: readonly AnyOperation[];
}

export type { ErrorDetails };
