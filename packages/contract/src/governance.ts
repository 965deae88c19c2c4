import { z } from 'zod';
import { Instant } from './names.ts';
import { routes } from './route.ts';

export const LedgerRow = z.object({
  seq: z.int(),
  at: Instant,
  actor: z.string(),
  kind: z.string(),
  subject: z.string(),
  body: z.record(z.string(), z.json()),
  digest: z.string(),
  chain: z.string(),
});
export type LedgerRow = z.infer<typeof LedgerRow>;

export const LedgerVerdict = z.discriminatedUnion('ok', [
  z.object({
    ok: z.literal(true),
    events: z.int(),
    headSeq: z.int(),
    headChain: z.string(),
    /** Up to here all of it holds; below headSeq when a limit was given. */
    verifiedSeq: z.int(),
  }),
  z.object({ ok: z.literal(false), events: z.int(), firstBadSeq: z.int(), problem: z.string() }),
]);
export type LedgerVerdict = z.infer<typeof LedgerVerdict>;

/** One thing and what it came from. The leaves are digests of bytes and commits of code. */
export interface Reason {
  readonly kind: string;
  readonly id: string;
  readonly title: string;
  readonly facts: Readonly<Record<string, string | number | boolean | null>>;
  readonly because: readonly Reason[];
}
export const Reason: z.ZodType<Reason> = z.object({
  kind: z.string(),
  id: z.string(),
  title: z.string(),
  facts: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  get because() {
    return z.array(Reason);
  },
});

export const whyKinds = [
  'prediction',
  'version',
  'run',
  'dataset-version',
  'deployment',
  'pipeline-run',
  'rollout',
  'alert',
] as const;

/** One thing and what came of it: the same chain in the other direction. */
export interface Consequence {
  readonly kind: string;
  readonly id: string;
  readonly title: string;
  readonly facts: Reason['facts'];
  readonly ledTo: readonly Consequence[];
}
export const Consequence: z.ZodType<Consequence> = z.object({
  kind: z.string(),
  id: z.string(),
  title: z.string(),
  facts: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  get ledTo() {
    return z.array(Consequence);
  },
});

/** What something can have come of. A file is named by the digest of its bytes. */
export const onwardKinds = ['file', 'dataset-version', 'pipeline-run', 'run', 'version', 'deployment'] as const;

export const governanceRoutes = routes({
  'why.get': {
    method: 'GET',
    path: '/api/why/{kind}/{id}',
    permission: 'governance.read',
    summary: 'Where something came from, down to dataset digests and the commit of the code',
    params: z.object({ kind: z.enum(whyKinds), id: z.string().min(1).max(300) }),
    response: Reason,
  },
  'why.onward': {
    method: 'GET',
    path: '/api/onward/{kind}/{id}',
    permission: 'governance.read',
    summary: 'What came of something: from the bytes of a file to runs, model versions and the deployments that answer',
    params: z.object({ kind: z.enum(onwardKinds), id: z.string().min(1).max(300) }),
    response: Consequence,
  },
  'ledger.list': {
    method: 'GET',
    path: '/api/ledger',
    permission: 'governance.read',
    summary: 'Events, newest first, or oldest first from a cursor',
    query: z.object({
      after: z.coerce.number().int().min(0).optional(),
      before: z.coerce.number().int().min(0).optional(),
      /** `alias.moved`, or `alias` for all of its kinds. */
      kind: z.string().max(100).optional(),
      subject: z.string().max(300).optional(),
      actor: z.string().max(300).optional(),
      from: z.coerce.number().int().min(0).optional(),
      to: z.coerce.number().int().min(0).optional(),
      /** A part of the subject. */
      q: z.string().trim().min(1).max(300).optional(),
      limit: z.coerce.number().int().min(1).max(1000).default(100),
    }),
    response: z.object({
      items: z.array(LedgerRow),
      headSeq: z.int(),
      /** Set when a search without an index stopped here: older events may match too. */
      searchedToSeq: z.int().optional(),
    }),
  },
  'ledger.verify': {
    method: 'GET',
    path: '/api/ledger/verify',
    permission: 'governance.read',
    summary: 'Recompute every digest and the chain, all of it or a range after a sequence number',
    query: z.object({
      /** `known`: from where the chain has been found to hold since the server started. */
      after: z.union([z.literal('known'), z.coerce.number().int().min(0)]).default(0),
      limit: z.coerce.number().int().min(1).optional(),
    }),
    response: LedgerVerdict,
  },
  'events.follow': {
    method: 'GET',
    path: '/api/events',
    permission: 'governance.read',
    summary: 'Ledger events as they are sealed (server-sent events); resumes from Last-Event-ID or ?after=',
    query: z.object({ after: z.coerce.number().int().min(0).optional() }),
    response: 'events',
  },
});
