/** What a model's file says that it answers, and whether two versions can be judged beside each other. */
import type { ModelTask, RolloutPlan, RolloutRule } from '@slipway/contract';
import { modelTasks, ruleDefaults, ruleTasks, SlipwayError } from '@slipway/contract';
import type { OnnxModel } from '@slipway/onnx';
import type { JudgedTask } from '../../lib/judged-task.ts';
import type { Scorer } from './scorer.ts';

/** Nodes that change the shape of an answer, or its name, and not what it is. */
const passing: ReadonlySet<string> = new Set([
  'Cast',
  'Flatten',
  'Identity',
  'Reshape',
  'Squeeze',
  'Unsqueeze',
  'ZipMap',
]);
const probable: ReadonlySet<string> = new Set(['Sigmoid', 'Softmax', 'HardSigmoid', 'Clip']);

/** Whether an output of one column is a probability: its last operation makes one, or is a classifier's. */
export function endsInProbability({ graph }: OnnxModel, output: string): boolean {
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  let node = makers.get(output);
  while (node !== undefined && passing.has(node.opType)) node = makers.get(node.inputs[0] ?? '');
  if (node === undefined) return false;
  if (probable.has(node.opType) || node.opType.endsWith('Classifier')) return true;
  const transform = node.attributes.get('post_transform');
  return transform?.type === 'string' && transform.value !== 'NONE';
}

type Judged = Pick<Scorer, 'task' | 'classes'>;

/** Throws `rollout_incomparable` where the outcomes of one would say nothing of the other. */
export function checkComparable(
  incumbent: Judged,
  candidate: Judged,
  names: { readonly endpoint: string; readonly incumbent: number; readonly candidate: number },
): void {
  const problem = differenceOf(incumbent, candidate, names);
  if (problem !== undefined) throw new SlipwayError('rollout_incomparable', { ...names, problem });
}

function differenceOf(
  incumbent: Judged,
  candidate: Judged,
  names: { readonly incumbent: number; readonly candidate: number },
): string | undefined {
  const [theirs, ours] = [incumbent.task, candidate.task];
  if (theirs.kind !== ours.kind) {
    return `version ${names.candidate} answers ${answers[ours.kind]}, version ${names.incumbent} ${answers[theirs.kind]}`;
  }
  if (theirs.kind === 'quantiles' && ours.kind === 'quantiles' && theirs.levels.join() !== ours.levels.join()) {
    return `its levels are ${ours.levels.join(', ')}, those of version ${names.incumbent} are ${theirs.levels.join(', ')}`;
  }
  const [known, own] = [incumbent.classes, candidate.classes];
  if (known !== undefined && own !== undefined && known.map(String).join('\n') !== own.map(String).join('\n')) {
    return `its classes are ${shown(own)}, those of version ${names.incumbent}, of which labels are the places, are ${shown(known)}`;
  }
  return undefined;
}

const classesShown = 10;
const shown = (classes: readonly (string | number)[]): string =>
  classes.slice(0, classesShown).join(', ') + (classes.length > classesShown ? ', ...' : '');

const answers: Readonly<Record<JudgedTask['kind'], string>> = {
  binary: 'the probability of one of two classes',
  classes: 'one of several classes',
  number: 'a number',
  quantiles: 'quantiles of a number',
};

/** The plan with every threshold of the task: what it was judged by stays written down. Two classes always have theirs. */
export function wholePlan(plan: RolloutPlan, kind: ModelTask): RolloutPlan {
  if (kind === 'binary') return plan;
  const own = Object.entries(ruleDefaults).filter(([name]) => tasksOf[name]?.includes(kind));
  return { ...plan, rule: { ...Object.fromEntries(own), ...plan.rule } };
}

const tasksOf: Readonly<Record<string, readonly ModelTask[]>> = ruleTasks;

/** Throws `rollout_rule_invalid` where a threshold belongs to another task. What a plan always has may stay as it is. */
export function checkRule(endpoint: string, rule: RolloutRule, { kind }: JudgedTask): void {
  const values: Readonly<Record<string, number | undefined>> = rule;
  const usual: Readonly<Record<string, number | undefined>> = {
    aucZ: ruleDefaults.aucZ,
    logLossMargin: ruleDefaults.logLossMargin,
  };
  for (const [name, tasks] of Object.entries(ruleTasks)) {
    const value = values[name];
    if (value === undefined || value === usual[name] || tasks.includes(kind)) continue;
    const others = modelTasks.filter((task) => tasks.includes(task)).map((task) => answers[task]);
    const own = Object.entries(ruleTasks).flatMap(([key, of]) => (of.includes(kind) ? [key] : []));
    throw new SlipwayError('rollout_rule_invalid', {
      endpoint,
      problem: `rule.${name} is ${value}, and is for models that answer ${others.join(' or ')}; this one answers ${answers[kind]}. Its thresholds are ${own.join(', ')}.`,
    });
  }
}
