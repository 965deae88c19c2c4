/** A rule as SQL: what the scan counts of it, and what a failing row shows. */
import type { Window } from './scope.ts';
import type { Rule } from './suite.ts';

export interface CheckBase {
  readonly rule: Rule;
  readonly windows: readonly Window[];
  /** Names shown in samples, with their SQL. */
  readonly shown: readonly { readonly name: string; readonly sql: string }[];
}

export type Check = CheckBase &
  (
    | {
        readonly kind: 'rows';
        /** Rows that count as elements, rows with a value among them, and those that break the rule: SQL booleans. */
        readonly elements: string;
        readonly considered: string;
        readonly unexpected: string;
        /** An aggregate shown as observed value, where one says more than the count. */
        readonly observed: string | undefined;
        readonly mostly: number;
      }
    | {
        readonly kind: 'aggregate';
        readonly elements: string;
        readonly missing: string;
        readonly value: string;
        readonly holds: string;
        /** How far outside its range, in units of the value; negative inside. NULL when it is not a number. */
        readonly excess: string;
      }
    | {
        readonly kind: 'groups';
        /** True on one row of each group. */
        readonly elements: string;
        readonly unexpected: string;
        readonly value: string;
        readonly excess: string;
      }
    | {
        readonly kind: 'contains';
        readonly elements: string;
        readonly present: readonly string[];
        readonly values: readonly unknown[];
      }
    | { readonly kind: 'schema'; readonly success: boolean; readonly observed: string }
  );
