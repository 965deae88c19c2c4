/** Policies: when something happens, do something. Every firing is recorded with the event that caused it. */
import { z } from 'zod';
import { ApprovalFacts, ApprovalQuery, ApprovalRule, DecisionReason } from './approvals.ts';
import { Duration } from './duration.ts';
import { Instant, Name, PageQuery } from './names.ts';
import { AliasApproval } from './registry.ts';
import { routes } from './route.ts';

/** Events that a policy may wait for. */
export const policyEventKinds = [
  'alert.fired',
  'alert.resolved',
  'monitor.window-judged',
  'labels.joined',
  'dataset.version-created',
  'validation.failed',
  'validation.passed',
  'model.version-created',
  'gate.evaluated',
  'alias.moved',
  'pipeline-run.finished',
  'deployment.created',
  'rollout.advanced',
  'rollout.held',
  'rollout.put-on-hold',
  'rollout.resumed',
  'rollout.promoted',
  'rollout.rejected',
  'rollout.rolled-back',
  'project.applied',
  'approval.requested',
  'approval.given',
  'approval.refused',
  'approval.lapsed',
  'approval.withdrawn',
] as const;

const Scalar = z.union([z.string().max(1000), z.number(), z.boolean(), z.null()]);

/** A value must be equal to it, be one of them, or lie between. Where the event has a list, one member must fit. */
export const PolicyCondition = z.union([
  Scalar,
  z.array(Scalar).min(1).max(100),
  z.strictObject({ min: z.number().optional(), max: z.number().optional() }),
]);
export type PolicyCondition = z.output<typeof PolicyCondition>;

const Values = z.record(z.string().min(1).max(200), z.json());

export const PolicyAction = z.union([
  z.strictObject({ run: z.strictObject({ pipeline: Name, params: Values.default({}) }) }),
  z.strictObject({ rollout: z.strictObject({ endpoint: Name, candidate: z.union([z.string().max(300), z.int()]) }) }),
  z.strictObject({
    alias: z.strictObject({
      model: z.string().min(1).max(300),
      alias: z.string().min(1).max(255),
      version: z.union([z.string().max(300), z.int()]),
    }),
  }),
  z.strictObject({ webhook: z.strictObject({ url: z.url({ protocol: /^https?$/ }).max(2000) }) }),
]);
export type PolicyAction = z.output<typeof PolicyAction>;

/** What a project declares for one policy. `$event.body.x` in `do` is replaced by that value of the event. */
export const PolicySpec = z.strictObject({
  when: z.enum(policyEventKinds),
  /** Dotted path into the event's body (or `subject`, `actor`) to what its value must be. */
  where: z.record(z.string().min(1).max(200), PolicyCondition).default({}),
  do: PolicyAction,
  /** Event time that must pass between two firings. */
  cooldown: Duration.default(0),
  /** Firings per day of event time; a guard against loops. */
  maxPerDay: z.int().min(1).max(1000).default(10),
  /** Wait for somebody's consent before acting: `true`, or who may give it and until when. */
  approval: z.union([z.boolean(), ApprovalRule]).default(false),
});
export type PolicySpec = z.output<typeof PolicySpec>;

export const Policy = z.object({
  id: z.string(),
  name: Name,
  spec: PolicySpec,
  project: z.string(),
  createdAt: Instant,
  retiredAt: Instant.optional(),
});
export type Policy = z.infer<typeof Policy>;

/**
 * waiting: for approval · acting: decided, the action is being taken · done · failed: the action was refused ·
 * rejected: somebody said no · lapsed: nobody decided in time · skipped: the event fits, but cooldown, daily limit or the circuit breaker held it back.
 */
export const firingStates = ['waiting', 'acting', 'done', 'failed', 'rejected', 'lapsed', 'skipped'] as const;

export const PolicyFiring = z.object({
  id: z.int(),
  policy: Name,
  /** Sequence number of the ledger event that caused it. */
  causeSeq: z.int(),
  /** Event time of the cause. */
  at: Instant,
  state: z.enum(firingStates),
  /** What is done, with the event's values filled in. */
  action: PolicyAction,
  reason: z.string(),
  /** What came of it: the pipeline run, the rollout. */
  result: z.record(z.string(), z.json()).optional(),
  problem: z.string().optional(),
  /** Of a firing that asked for approval: until when it waits, who decided, and why. */
  lapsesAt: Instant.optional(),
  decidedBy: z.string().optional(),
  decidedAt: Instant.optional(),
  decision: z.string().optional(),
  createdAt: Instant,
  finishedAt: Instant.optional(),
});
export type PolicyFiring = z.infer<typeof PolicyFiring>;

/** A firing that waits for consent, or waited. */
export const PolicyApproval = ApprovalFacts.extend({
  kind: z.literal('policy'),
  policy: Name,
  firing: z.int(),
  causeSeq: z.int(),
  action: PolicyAction,
});
export type PolicyApproval = z.infer<typeof PolicyApproval>;

export const Approval = z.discriminatedUnion('kind', [AliasApproval, PolicyApproval]);
export type Approval = z.infer<typeof Approval>;

const approvalParams = z.object({ approval: z.string().max(64) });

const policyParams = z.object({ policy: Name });
const firingParams = z.object({ policy: Name, firing: z.coerce.number().int().min(1) });

export const automationRoutes = routes({
  'policies.list': {
    method: 'GET',
    path: '/api/policies',
    permission: 'automation.read',
    summary: 'The policies that projects declare',
    query: PageQuery,
    response: z.object({ items: z.array(Policy), nextPageToken: z.string().optional() }),
  },
  'policies.get': {
    method: 'GET',
    path: '/api/policies/{policy}',
    permission: 'automation.read',
    summary: 'One policy',
    params: policyParams,
    response: Policy,
  },
  'policies.firings': {
    method: 'GET',
    path: '/api/policies/{policy}/firings',
    permission: 'automation.read',
    summary: 'What a policy did and what it held back, newest first',
    params: policyParams,
    query: PageQuery,
    response: z.object({ items: z.array(PolicyFiring), nextPageToken: z.string().optional() }),
  },
  'policies.decisions': {
    method: 'GET',
    path: '/api/policy-firings',
    permission: 'automation.read',
    summary: 'What policies did about a thing: firings caused by its newest events, newest first',
    query: z.object({ subject: z.string().min(1).max(300) }),
    response: z.object({ items: z.array(PolicyFiring) }),
  },
  'policies.dryRun': {
    method: 'GET',
    path: '/api/policies/{policy}/dry-run',
    permission: 'automation.read',
    summary: 'What the policy would have done on the events of the past',
    params: policyParams,
    query: z.object({
      after: z.coerce.number().int().min(0).default(0),
      limit: z.coerce.number().int().min(1).max(10_000).default(1000),
    }),
    response: z.object({
      /** Events of the policy's kind that were looked at. */
      events: z.int(),
      firings: z.array(
        z.object({
          causeSeq: z.int(),
          at: Instant,
          state: z.enum(['acting', 'waiting', 'skipped']),
          reason: z.string(),
        }),
      ),
    }),
  },
  'policies.approve': {
    method: 'POST',
    path: '/api/policies/{policy}/firings/{firing}/approve',
    permission: 'automation.write',
    summary: 'Let a waiting firing act',
    params: firingParams,
    response: PolicyFiring,
  },
  'policies.reject': {
    method: 'POST',
    path: '/api/policies/{policy}/firings/{firing}/reject',
    permission: 'automation.write',
    summary: 'Refuse a waiting firing',
    params: firingParams,
    body: z.strictObject({ reason: z.string().max(1000).optional() }),
    response: PolicyFiring,
  },
  'approvals.list': {
    method: 'GET',
    path: '/api/approvals',
    permission: 'automation.read',
    summary: 'What waits for a decision or was decided, aliases and policies in one list, newest first',
    query: ApprovalQuery,
    response: z.object({ items: z.array(Approval), nextPageToken: z.string().optional() }),
  },
  'approvals.get': {
    method: 'GET',
    path: '/api/approvals/{approval}',
    permission: 'automation.read',
    summary: 'One request: what, why, the evidence, who may decide and until when',
    params: approvalParams,
    response: Approval,
  },
  'approvals.approve': {
    method: 'POST',
    path: '/api/approvals/{approval}/approve',
    permission: 'automation.write',
    summary:
      'Consents: the alias moves, or the policy acts, at once. Nobody approves what they asked for with a token.',
    params: approvalParams,
    body: z.strictObject({ reason: DecisionReason }),
    response: Approval,
  },
  'approvals.reject': {
    method: 'POST',
    path: '/api/approvals/{approval}/reject',
    permission: 'automation.write',
    summary: 'Says no; who asked withdraws the request with it',
    params: approvalParams,
    body: z.strictObject({ reason: DecisionReason }),
    response: Approval,
  },
});
