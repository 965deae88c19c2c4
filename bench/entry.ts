/** What a benchmark is: a question, answered by measuring Slipway and its peers in turn on this machine. */

export interface BenchContext {
  /** How often every subject is measured; medians are reported. */
  readonly rounds: number;
  /** Keeps what is slow to make (Python environments, prepared rows) between runs. Git ignores it. */
  readonly cacheFolder: string;
  /** How large generated data is: a share of its full size. */
  readonly scale: number;
  /** A workspace that the demo left, instead of one made for this run. */
  readonly demoFolder: string | undefined;
  /** One line of progress. */
  readonly say: (line: string) => void;
}

export interface Subject {
  readonly name: string;
  /** One measurement per round, in the table's unit. */
  readonly samples: readonly number[];
}

export interface BenchTable {
  readonly title: string;
  /** 'mean': samples are refits, the same for every subject, and are told with the standard error of their mean. Default median. */
  readonly of?: 'median' | 'mean';
  /** Of the samples, with the direction that is better: "CPU s (less is better)". */
  readonly unit: string;
  /** Slipway is the first. */
  readonly subjects: readonly Subject[];
  /** What is asked of Slipway: its figure, or its ratio to a peer's, at most or at least. */
  readonly goals: readonly Goal[];
}

export interface Goal {
  /** Absent: the figure itself is bounded. */
  readonly against?: string;
  /** The figure; that of the table unless said. */
  readonly of?: 'p95';
  /** Every subject has to meet it, where all of them are Slipway's. */
  readonly isEach?: boolean;
  readonly atMost?: number;
  readonly atLeast?: number;
}

export interface BenchResult {
  readonly tables: readonly BenchTable[];
  /** Peers that could not be had here, and why. */
  readonly notRun: readonly { readonly peer: string; readonly reason: string }[];
  /** How it was measured; each a full sentence. */
  readonly notes: readonly string[];
}

export interface BenchEntry {
  readonly name: string;
  readonly question: string;
  readonly run: (context: BenchContext) => Promise<BenchResult>;
}
