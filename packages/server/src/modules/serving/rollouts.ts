/**
 * Rollouts of live endpoints: started, carried from stage to stage as the judge decides, ended by it, by a deadline or by
 * hand, and taken up again after a restart from the prediction log and the labels.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EndpointSpec, Rollout, RolloutDecision, RolloutPlan, RolloutProgress } from '@slipway/contract';
import { canonicalJson, RolloutPlan as RolloutPlanSchema, SlipwayError } from '@slipway/contract';
import type { Clock } from '../../platform/clock.ts';
import type { Db } from '../../platform/db/db.ts';
import type { Ids } from '../../platform/ids.ts';
import type { Log } from '../../platform/log.ts';
import { order, pairOf } from './endpoint-runtime.ts';
import type { EndpointRuntime } from './endpoint-runtime.ts';
import { trailOf } from './evidence-trail.ts';
import { holdRollout, resumeRollout } from './hold-store.ts';
import type { NewLabel } from './label-store.ts';
import type { Labels } from './labels.ts';
import type { LiveEndpoints } from './live-endpoints.ts';
import { versionsOf } from './live-endpoints.ts';
import { createLoggedAnswers } from './logged-answers.ts';
import { checkComparable, checkRule, wholePlan } from './model-task.ts';
import type { LoggedPrediction } from './prediction-log.ts';
import type { ServingQueries } from './queries.ts';
import { progressWithoutJudge } from './rollout-progress.ts';
import type { NextMove, RolloutRuntime } from './rollout-runtime.ts';
import { createRolloutRuntime } from './rollout-runtime.ts';
import { advanceRollout, endedUnseen, noteDecision, startRollout } from './rollout-store.ts';
import type { ServingOperations } from './rollout-store.ts';
import { endpointOf } from './rows.ts';
import type { Scorer } from './scorer.ts';

const defaultPlan = RolloutPlanSchema.parse({
  stages: [
    { name: 'shadow', percent: 0, minRequests: 300 },
    { name: 'canary-10', percent: 10, minRequests: 1000 },
    { name: 'canary-50', percent: 50, minRequests: 1000, minLabels: 1000 },
  ],
});
const judgeActor = 'system:rollout-judge';
/** How often deadlines are looked at. */
export const sweepEveryMs = 30_000;
/** Rows that are answered again between two turns of the event loop: about 2 ms. */
const rowsPerTurn = 200;
/** The machine's clock may have been set back by this while a rollout ran, and its requests are still found. */
const clockStepMs = 60_000;

export interface RolloutRequest {
  readonly candidate: number | string;
  readonly plan?: RolloutPlan | undefined;
}

export interface Rollouts {
  /** As that of the live endpoints; after a write that failed, the endpoint first follows what was committed. */
  readonly inOrder: <T>(name: string, run: () => Promise<T>) => Promise<T>;
  readonly start: (name: string, request: RolloutRequest, actor: string) => Promise<Rollout>;
  readonly cancel: (id: string, actor: string) => Promise<Rollout>;
  /** Stops the clock: nothing is promoted, guards still roll back. One that is on hold already is answered as it is. */
  readonly hold: (
    id: string,
    how: { readonly reason: string; readonly forMs: number },
    actor: string,
  ) => Promise<Rollout>;
  /** Lets it go on, with the time that its stage had left; what was decided meanwhile is carried out. */
  readonly resume: (id: string, reason: string, actor: string) => Promise<Rollout>;
  readonly rollBack: (id: string, reason: string, actor: string) => Promise<Rollout>;
  readonly progress: (id: string) => Promise<RolloutProgress>;
  /** Writes down what the judge decided; serving follows once it is committed. */
  carryOut(name: string, move: NextMove): void;
  /** New labels, in the order in which they were joined. */
  label(endpoint: EndpointRuntime, labels: readonly NewLabel[]): void;
  /** Takes a running rollout up where the log and the labels say that it stood. */
  takeUp(endpoint: EndpointRuntime, rollout: Rollout): Promise<void>;
  /** Ends the rollout that waits for this request: with the candidate where it was approved, without it otherwise. */
  readonly settle: (approval: DecidedApproval) => Promise<void>;
  /** Ends rollouts whose stage missed its deadline. */
  sweep(): Promise<void>;
}

/** What became of a request for approval. */
export interface DecidedApproval {
  readonly approval: string;
  readonly isApproved: boolean;
  /** `Approved by token:alice: the gain is proven.` */
  readonly sentence: string;
  readonly actor: string;
}

export interface RolloutsDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly live: LiveEndpoints;
  readonly queries: ServingQueries;
  readonly labels: Labels;
  readonly operations: ServingOperations;
  readonly numberOf: (spec: EndpointSpec, candidate: number | string) => Promise<number>;
}

interface End {
  readonly state: 'promoted' | 'rejected' | 'rolled-back' | 'cancelled';
  readonly decision: RolloutDecision;
  readonly guard?: string;
  readonly actor: string;
}

export function createRollouts(deps: RolloutsDeps): Rollouts {
  const { clock, live, log, queries } = deps;
  /** Endpoints of which a write failed: whether it was made is in the database alone. */
  const unsure = new Set<string>();

  const inOrder = <T>(name: string, run: () => Promise<T>): Promise<T> =>
    live.inOrder(name, async () => {
      try {
        if (unsure.delete(name)) await follow(deps, name);
        return await run();
      } catch (error) {
        unsure.add(name);
        throw error;
      }
    });
  const carryOut = (name: string, move: NextMove): void => {
    const rollout = live.find(name)?.rollout;
    if (rollout === undefined) return;
    void inOrder(name, () => carryOutInOrder(deps, { name, rollout, move })).catch((error: unknown) => {
      rollout.retry();
      log.error('a rollout decision could not be carried out', { endpoint: name, move: move.move, error });
    });
  };

  return {
    inOrder,
    start: (name, request, actor) => inOrder(name, () => startInOrder(deps, { name, request, actor })),
    cancel: async (id, actor) => {
      const { endpoint } = await queries.rollout(id);
      const end = { verdict: 'cancelled', sentence: `Cancelled by ${actor}.`, actor } as const;
      return inOrder(endpoint, async () => endFromOutside(deps, await queries.rollout(id), end));
    },
    ...createControls(deps, inOrder),
    carryOut,
    label: (endpoint, labels) => {
      for (const { predictionId, value } of labels) {
        const { rollout } = endpoint;
        const move = rollout?.label(predictionId, value);
        if (rollout !== undefined && move !== undefined) order(endpoint, rollout, move);
      }
    },
    takeUp: (endpoint, rollout) => takeUp(deps, endpoint, rollout),
    settle: async ({ approval, isApproved, sentence, actor }) => {
      const verdict = isApproved ? 'promoted' : 'rejected';
      for (const { id, endpoint } of await queries.waitingFor(approval)) {
        await inOrder(endpoint, async () => {
          const rollout = await queries.rollout(id);
          if (rollout.state !== 'running') return;
          if (isApproved && rollout.hold !== undefined) await keepApproval(deps, rollout, { approval, sentence });
          else await endFromOutside(deps, rollout, { verdict, sentence, actor });
        });
      }
    },
    sweep: async () => {
      for (const name of unsure) await inOrder(name, () => Promise.resolve());
      for (const { id, endpoint } of await queries.overdue(clock.now())) {
        await inOrder(endpoint, async () => {
          const rollout = await queries.rollout(id);
          if (rollout.state !== 'running' || rollout.deadlineAt > clock.now()) return;
          const stage = rollout.plan.stages[rollout.stage]?.name ?? '';
          const sentence =
            rollout.hold === undefined
              ? `Stage ${stage} did not reach a decision by its deadline; the incumbent goes on alone.`
              : `Nobody resumed what ${rollout.hold.by} had put on hold in stage ${stage}; the incumbent goes on alone.`;
          await endFromOutside(deps, rollout, { verdict: 'rejected', sentence, actor: judgeActor });
        });
      }
    },
  };
}

/** What people do to a running rollout. */
function createControls(
  deps: RolloutsDeps,
  inOrder: Rollouts['inOrder'],
): Pick<Rollouts, 'hold' | 'resume' | 'rollBack' | 'progress'> {
  const { clock, live, queries } = deps;
  return {
    hold: async (id, how, actor) => {
      const { endpoint } = await queries.rollout(id);
      return inOrder(endpoint, () => holdInOrder(deps, { id, ...how, actor }));
    },
    resume: async (id, reason, actor) => {
      const { endpoint } = await queries.rollout(id);
      return inOrder(endpoint, () => resumeInOrder(deps, { id, reason, actor }));
    },
    rollBack: async (id, reason, actor) => {
      const { endpoint } = await queries.rollout(id);
      const end = { verdict: 'rolled-back', sentence: `Rolled back by ${actor}: ${reason}`, actor } as const;
      return inOrder(endpoint, async () => endFromOutside(deps, await queries.rollout(id), end));
    },
    progress: async (id) => {
      const rollout = await queries.rollout(id);
      const judge = live.find(rollout.endpoint)?.rollout;
      if (judge?.rollout().id === id) return judge.progress();
      return progressWithoutJudge(rollout, await queries.trail(id), clock.now());
    },
  };
}

/** What was committed is served, also where the answer to the write was lost. */
async function follow(deps: RolloutsDeps, name: string): Promise<void> {
  const { live, queries } = deps;
  const endpoint = live.find(name);
  if (endpoint === undefined) return;
  const { deployment } = await queries.get(name);
  const running = await queries.findRunning(name);
  const isBehind = deployment !== undefined && deployment.id !== endpoint.deployment?.id;
  if (isBehind) {
    await live.load(endpoint, versionsOf(deployment));
    // While a guard fires the incumbent serves alone, until its move is written down.
    if (running === undefined || endpoint.rollout?.firing() === undefined) live.use(endpoint, deployment);
  }
  if (running === undefined) endpoint.rollout = undefined;
  else if (endpoint.rollout?.rollout().id !== running.id) await takeUp(deps, endpoint, running);
  else if (isBehind) endpoint.rollout.update(running);
  else if (endpoint.rollout.rollout().hold?.at !== running.hold?.at) followHold(endpoint, endpoint.rollout, running);
}

/** What is due and had to wait for the hold is ordered now. */
function followHold(endpoint: EndpointRuntime, judge: RolloutRuntime, rollout: Rollout): void {
  judge.changeHold(rollout);
  const move = judge.decide();
  if (move !== undefined) order(endpoint, judge, move);
}

async function holdInOrder(
  deps: RolloutsDeps,
  given: { readonly id: string; readonly reason: string; readonly forMs: number; readonly actor: string },
): Promise<Rollout> {
  const rollout = await mustRun(deps, given.id);
  if (rollout.hold !== undefined) return rollout;
  const sentence = `On hold by ${given.actor}: ${given.reason}`;
  const decision = describeOutside(deps, rollout, { verdict: 'on-hold', sentence });
  return takeHold(deps, await deps.db.write(holdRollout, { ...given, decision }));
}

async function resumeInOrder(
  deps: RolloutsDeps,
  given: { readonly id: string; readonly reason: string; readonly actor: string },
): Promise<Rollout> {
  const rollout = await mustRun(deps, given.id);
  if (rollout.hold === undefined) return rollout;
  const sentence = `Resumed by ${given.actor}${given.reason === '' ? '.' : `: ${given.reason}`}`;
  const decision = describeOutside(deps, rollout, { verdict: 'resumed', sentence });
  const resumed = takeHold(deps, await deps.db.write(resumeRollout, { ...given, decision }));
  const approved = rollout.decisions.find((d) => d.isApproved === true);
  if (approved === undefined) return resumed;
  return endFromOutside(deps, resumed, { verdict: 'promoted', sentence: approved.sentence, actor: given.actor });
}

/** Consent given on hold is kept: nothing promotes until somebody resumes. */
async function keepApproval(
  deps: RolloutsDeps,
  rollout: Rollout,
  { approval, sentence }: { readonly approval: string; readonly sentence: string },
): Promise<void> {
  const told = { verdict: 'on-hold', sentence: `${sentence} It is promoted when it is resumed.` } as const;
  const decision = { ...describeOutside(deps, rollout, told), approval, isApproved: true };
  takeHold(deps, await deps.db.write(noteDecision, { id: rollout.id, decision }));
}

function takeHold({ live }: RolloutsDeps, rollout: Rollout): Rollout {
  const endpoint = live.find(rollout.endpoint);
  const judge = endpoint?.rollout;
  if (endpoint !== undefined && judge?.rollout().id === rollout.id) followHold(endpoint, judge, rollout);
  return rollout;
}

async function mustRun({ queries }: RolloutsDeps, id: string): Promise<Rollout> {
  const rollout = await queries.rollout(id);
  if (rollout.state !== 'running') throw new SlipwayError('rollout_ended', { rollout: id, state: rollout.state });
  return rollout;
}

type Told = Pick<RolloutDecision, 'verdict' | 'sentence'>;

/** A decision that the judge did not make, with its counts where it is at hand. */
function describeOutside(
  { live, clock }: RolloutsDeps,
  rollout: Rollout,
  { verdict, sentence }: Told,
): RolloutDecision {
  const judge = live.find(rollout.endpoint)?.rollout;
  if (judge?.rollout().id === rollout.id) return judge.describe(verdict, sentence);
  return endedUnseen(rollout, { at: clock.now(), verdict, sentence });
}

async function startInOrder(
  deps: RolloutsDeps,
  { name, request, actor }: { readonly name: string; readonly request: RolloutRequest; readonly actor: string },
): Promise<Rollout> {
  const { db, clock, ids, live, queries } = deps;
  const { spec } = endpointOf(await queries.mustRow(name));
  const endpoint = live.must(name);
  const candidate = await deps.numberOf(spec, request.candidate);
  const running = await queries.findRunning(name);
  if (running !== undefined) {
    // Whoever orders twice because the first answer got lost is answered the same.
    const isSame =
      request.plan === undefined ||
      canonicalJson(wholePlan(request.plan, running.task ?? 'binary')) === canonicalJson(running.plan);
    if (running.candidate === candidate && isSame) return running;
    throw new SlipwayError('rollout_running', { endpoint: name, rollout: running.id });
  }
  const incumbent = endpoint.traffic[0]?.version;
  if (incumbent === undefined) throw new SlipwayError('endpoint_not_deployed', { endpoint: name });
  if (candidate === incumbent) throw new SlipwayError('rollout_pointless', { version: candidate, endpoint: name });
  await live.load(endpoint, [incumbent, candidate]);
  const [theirs, ours] = [armScorer(endpoint, incumbent), armScorer(endpoint, candidate)];
  checkComparable(theirs, ours, { endpoint: name, incumbent, candidate });
  const { task } = ours;
  const asked = request.plan ?? spec.rollout ?? defaultPlan;
  checkRule(name, asked.rule, task);
  const plan = wholePlan(asked, task.kind);
  const changed = await db.write(startRollout, {
    id: ids.next('rollout'),
    deploymentId: ids.next('deployment'),
    endpoint: name,
    candidate,
    incumbent,
    plan,
    task: task.kind,
    decision: {
      at: clock.now(),
      stage: plan.stages[0]?.name ?? '',
      verdict: 'started',
      sentence: `Version ${candidate} may replace version ${incumbent}.`,
      requests: 0,
      canaryRequests: 0,
      labelledPairs: 0,
    },
    actor,
  });
  endpoint.rollout = createRolloutRuntime(changed.rollout, { task, now: () => clock.now() });
  live.use(endpoint, changed.deployment);
  return changed.rollout;
}

async function carryOutInOrder(
  deps: RolloutsDeps,
  { name, rollout, move }: { readonly name: string; readonly rollout: RolloutRuntime; readonly move: NextMove },
): Promise<void> {
  const { db, ids, live } = deps;
  const endpoint = live.find(name);
  if (endpoint === undefined || endpoint.rollout !== rollout) return;
  const { id, stage } = rollout.rollout();
  const { decision } = move;
  if (move.move === 'roll-back') {
    await end(deps, id, { state: 'rolled-back', decision, guard: move.firing.guard, actor: judgeActor });
    return;
  }
  // A guard fired after this was decided: its move is next.
  if (rollout.firing() !== undefined) return;
  // Put on hold after this was decided: it stays due until the rollout is resumed. A look is noted all the same.
  if (rollout.rollout().hold !== undefined && move.move !== 'hold') return rollout.retry();
  switch (move.move) {
    case 'hold':
      rollout.update(await db.write(noteDecision, { id, decision }));
      return;
    case 'advance': {
      const order = { id, fromStage: stage, deploymentId: ids.next('deployment'), decision, actor: judgeActor };
      const changed = await db.write(advanceRollout, order);
      rollout.update(changed.rollout);
      if (rollout.firing() === undefined) live.use(endpoint, changed.deployment);
      return;
    }
    case 'promote':
      await end(deps, id, { state: 'promoted', decision, actor: judgeActor });
      return;
    case 'reject':
      await end(deps, id, { state: 'rejected', decision, actor: judgeActor });
  }
}

async function end(deps: RolloutsDeps, id: string, { guard, ...how }: End): Promise<Rollout> {
  const { db, ids, live, log } = deps;
  const { endpoint: name } = await deps.queries.rollout(id);
  const judge = live.find(name)?.rollout;
  const harm = judge?.harm();
  const trail = judge === undefined ? undefined : trailOf(judge.trail());
  const deploymentId = ids.next('deployment');
  const { rollout, deployment } = await db.write(deps.operations.endRollout, {
    ...how,
    id,
    guard,
    harm,
    trail,
    deploymentId,
  });
  const endpoint = live.find(name);
  if (rollout.state === 'running') {
    endpoint?.rollout?.update(rollout);
    log.info('rollout waits for approval', { endpoint: name, rollout: id });
    return rollout;
  }
  if (endpoint !== undefined) {
    endpoint.rollout = undefined;
    live.use(endpoint, deployment);
  }
  log.info('rollout ended', { endpoint: name, rollout: id, state: how.state, sentence: how.decision.sentence });
  return rollout;
}

/** Also where the endpoint could not be loaded: a rollout can always be ended. */
async function endFromOutside(
  deps: RolloutsDeps,
  rollout: Rollout,
  how: {
    readonly verdict: 'cancelled' | 'rejected' | 'rolled-back' | 'promoted';
    readonly sentence: string;
    readonly actor: string;
  },
): Promise<Rollout> {
  const { id, state } = rollout;
  if (state !== 'running') throw new SlipwayError('rollout_ended', { rollout: id, state });
  const decision = describeOutside(deps, rollout, how);
  return end(deps, id, { state: how.verdict, decision, actor: how.actor });
}

type PairAnswers = Parameters<typeof pairOf>[1];

const scoresAlone = ({ score, shadowScore }: LoggedPrediction): PairAnswers => ({
  own: { score },
  shadow: { score: shadowScore },
});

/** The log has scores only: both versions answer again. */
function answersAgain(endpoint: EndpointRuntime): (record: LoggedPrediction) => PairAnswers {
  const answers = new Map([...endpoint.arms].map(([version, { scorer }]) => [version, createLoggedAnswers(scorer)]));
  return (record) => {
    const { version, score, shadowVersion, shadowScore } = record;
    return {
      own: answers.get(version)?.judged(record, score) ?? { score },
      shadow: answers.get(shadowVersion)?.judged(record, shadowScore) ?? { score: shadowScore },
    };
  };
}

function armScorer(endpoint: EndpointRuntime, version: number): Scorer {
  const arm = endpoint.arms.get(version);
  if (arm === undefined) throw new Error(`version ${version} of endpoint ${endpoint.name} is on trial and not loaded`);
  return arm.scorer;
}

/**
 * Every request of the rollout is judged again under the stage whose deployment logged it, then every label in the order in
 * which it came and with the value that it had then. What was decided and not written down before the end is decided again.
 */
async function takeUp(deps: RolloutsDeps, endpoint: EndpointRuntime, rollout: Rollout): Promise<void> {
  const { task } = armScorer(endpoint, rollout.candidate);
  const judge = createRolloutRuntime(rollout, { task, now: () => deps.clock.now() });
  const firstDeployment = (await deps.queries.firstDeploymentOf(rollout.id)) ?? 0;
  const answersOf = judge.needsValues ? answersAgain(endpoint) : scoresAlone;
  const seen: string[] = [];
  for await (const record of endpoint.log.readServedSince(rollout.startedAt - clockStepMs)) {
    if (record.deployment < firstDeployment) continue;
    judge.replayRequest(pairOf(record, answersOf(record)), record.deployment - firstDeployment);
    seen.push(record.id);
    if (judge.needsValues && seen.length % rowsPerTurn === 0) await nextTurn();
  }
  const labels = [...(await deps.labels.of(endpoint, seen))];
  labels.sort(([, a], [, b]) => a.joinedNumber - b.joinedNumber);
  for (const [id, { firstValue }] of labels) judge.replayLabel(id, firstValue);
  endpoint.rollout = judge;
  const move = judge.decide();
  if (move !== undefined) order(endpoint, judge, move);
}
