/**
 * A chain of reasons, or of consequences, as a list: depth first, what was shown already left out, the files of one dataset
 * version together. Names and sentences are made from the facts that the server gave; what it did not say is not said.
 */
import type { Consequence, Reason } from '@slipway/contract';
import { to } from '../../frame/places.ts';
import { bytes, count, instant, plural, short } from '../../words.ts';

export interface Link {
  readonly kind: string;
  readonly id: string;
  readonly title: string;
  readonly facts: Reason['facts'];
  readonly next: readonly Link[];
}

export const linkOfReason = ({ because, ...thing }: Reason): Link => ({ ...thing, next: because.map(linkOfReason) });
export const linkOfConsequence = ({ ledTo, ...thing }: Consequence): Link => ({
  ...thing,
  next: ledTo.map(linkOfConsequence),
});

export interface Step {
  /** Names the step in the address. */
  readonly key: string;
  readonly link: Link;
  readonly files: readonly StoredFile[];
  /** Set where it does not follow from the step above. */
  readonly from: string | undefined;
}

export interface StoredFile {
  readonly name: string;
  readonly digest: string;
}

const isShownAbove = (link: Link): boolean => link.title.endsWith('(shown above)');

/** `2013-01.parquet sha256:...` as its two parts. */
function fileOf({ id }: Link): StoredFile {
  const cut = id.lastIndexOf(' ');
  return { name: id.slice(0, Math.max(0, cut)), digest: id.slice(cut + 1) };
}

export function stepsOf(root: Link): readonly Step[] {
  const steps: Step[] = [];
  const walk = (link: Link, parent: Link | undefined): void => {
    const isFollowing = parent === undefined || steps.at(-1)?.link === parent;
    const files = link.next.filter((one) => one.kind === 'file').map(fileOf);
    const key = `${link.kind}:${link.id}`;
    steps.push({ key, link, files, from: isFollowing ? undefined : nameOf(parent) });
    for (const one of link.next) if (one.kind !== 'file' && !isShownAbove(one)) walk(one, link);
  };
  walk(root, undefined);
  return steps;
}

export const allOf = (link: Link): readonly Link[] => [link, ...link.next.flatMap(allOf)];

const kindWords: Readonly<Record<string, string>> = {
  version: 'model version',
  run: 'tracked run',
  'dataset-version': 'dataset version',
  dataset: 'dataset',
  'policy-firing': 'policy',
  more: '',
};

export const kindWord = (kind: string): string => kindWords[kind] ?? kind.replace('-', ' ');

/** As people call it: `flights@5`, `flight-delay v2`, `Score 0.0640`. */
export function nameOf({ kind, id, title }: Link): string {
  const cut = Math.max(id.lastIndexOf('/'), 0);
  switch (kind) {
    case 'prediction':
      return `Score ${/: (\S+)$/.exec(title)?.[1] ?? short(id)}`;
    case 'version':
      return title.replace(/^model /, '').replace(/, version (\d+)$/, ' v$1');
    case 'dataset-version':
      return title.replace(/^dataset /, '').replace(/, version (\d+)$/, '@$1');
    case 'run':
      return title.replace(/^tracked run /, '').replace(/ \(\w+\)$/, '');
    case 'pipeline-run':
      return `${/^run of pipeline (.+) \(/.exec(title)?.[1] ?? title} ${short(id)}`;
    case 'policy-firing':
      return `${id.slice(0, cut)}, firing ${id.slice(cut + 1)}`;
    case 'event':
      return /^event \d+: (\S+)/.exec(title)?.[1]?.replaceAll(/[.-]/g, ' ') ?? title;
    case 'deployment':
      return title.replace(/^deployment (\d+) of endpoint (.+)$/, '$2, deployment $1');
    case 'rollout':
      return title.replace(/^rollout of version (\d+) over (\d+) on (.+)$/, '$3, v$2 to v$1');
    case 'alert':
      return title.replace(/:.*$/s, '');
    case 'file':
      return title.replace(/^file /, '').replace(/ sha256:[0-9a-f]+/, '');
    default:
      return title;
  }
}

const isText = (value: Reason['facts'][string] | undefined): value is string =>
  typeof value === 'string' && value !== '';

/** One line about it, of the facts that matter most for its kind. */
export function sentenceOf(link: Link): string {
  const { kind, facts } = link;
  const say = (name: string, words: (value: string) => string = (v) => v): string[] => {
    const value = facts[name];
    return isText(value)
      ? [words(factValue(name, value))]
      : typeof value === 'number'
        ? [words(factValue(name, value))]
        : [];
  };
  const by = (name: string): string[] => say(name, (who) => `by ${who}`);
  const parts: Readonly<Record<string, () => string[]>> = {
    prediction: () => [
      ...say('endpoint', (name) => `asked of ${name}`),
      ...say('at'),
      ...say('latencyUs', (time) => `answered in ${time}`),
      ...say('label', (label) => `outcome ${label}`),
    ],
    version: () => [
      ...say('gate', (gate) => `gate ${gate}`),
      ...say('aliases'),
      ...say('at', (at) => `registered ${at}`),
    ],
    run: () => [...say('experiment', (name) => `in experiment ${name}`), ...say('startedAt', (at) => `started ${at}`)],
    'pipeline-run': () => [...by('startedBy'), ...say('at'), ...say('reason')],
    'dataset-version': () => [
      ...say('rows', (n) => `${n} rows`),
      ...say('files', (n) => `in ${plural(Number(n), 'file')}`),
      ...by('by'),
      ...say('at'),
    ],
    deployment: () => [...say('traffic'), ...by('by'), ...say('at'), ...say('reason')],
    rollout: () => [...say('state'), ...say('decision')],
    'policy-firing': () => [...say('reason'), ...say('at')],
    event: () => [...by('actor'), ...say('at')],
    alert: () => [/: (.*)$/s.exec(link.title)?.[1] ?? ''],
    file: () => say('bytes'),
  };
  return (parts[kind]?.() ?? say('commit', (commit) => `commit ${commit}`)).filter((p) => p !== '').join(', ');
}

/** What it is known by: shown at the end of its line. */
export function digestOf({ facts }: Link): string | undefined {
  return [facts['digest'], facts['artifact'], facts['commit']].find(isText);
}

const factNames: Readonly<Record<string, string>> = {
  at: 'When',
  by: 'By',
  user: 'By',
  actor: 'By',
  startedAt: 'Started',
  startedBy: 'Started by',
  decidedBy: 'Decided by',
  latencyUs: 'Answered in',
  label: 'Outcome',
  artifact: 'Model file',
  trainingSet: 'Training rows',
  featureService: 'Features',
  code: 'Code',
  codeDigest: 'Code',
  windowFrom: 'Window from',
  windowTo: 'Window to',
};

export const factName = (name: string): string =>
  factNames[name] ??
  `${name.charAt(0).toUpperCase()}${name.slice(1).replaceAll(/([A-Z])/g, (c) => ` ${c.toLowerCase()}`)}`;

export function factValue(name: string, value: string | number | boolean): string {
  if (name === 'latencyUs') return Number(value) < 1000 ? `${value} µs` : `${(Number(value) / 1000).toFixed(1)} ms`;
  if (name === 'bytes') return bytes(Number(value));
  if (typeof value === 'number') return Number.isInteger(value) ? count(value) : String(value);
  const text = String(value);
  if (/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text)) return instant(Date.parse(text));
  return /^[0-9a-f]{40,64}$/.test(text) ? text.slice(0, 10) : text;
}

export function placeOf({ kind, id }: Link): string | undefined {
  const part = (mark: string): readonly [string, string] => {
    const cut = id.lastIndexOf(mark);
    return [id.slice(0, Math.max(cut, 0)), id.slice(cut + 1)];
  };
  switch (kind) {
    case 'version': {
      const [model, number] = part('/');
      return model === '' ? undefined : to.version(model, number);
    }
    case 'dataset-version': {
      const [dataset, number] = part('@');
      return dataset === '' ? undefined : to.dataset(dataset, number);
    }
    case 'policy-firing':
      return to.policy(part('/')[0]);
    case 'run':
      return to.run(id);
    case 'pipeline-run':
      return to.pipelineRun(id);
    case 'rollout':
      return to.rollout(id);
    case 'alert':
      return to.alert(id);
    case 'event':
      return to.ledgerEvent(Number(id));
    default:
      return undefined;
  }
}
