/** The model card as Markdown: for a repository, a review, a reader without the console. */
import type { Estimate, ModelCard } from '@slipway/contract';

const day = (at: number): string => new Date(at).toISOString().slice(0, 10);
const minute = (at: number): string => `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
const figure = (value: number): string => String(Number(value.toPrecision(4)));
const whole = (n: number): string => n.toLocaleString('en-US');

function estimateText({ value, low, high }: Estimate): string {
  const interval = low === undefined || high === undefined ? '' : ` (${figure(low)} to ${figure(high)})`;
  return `${figure(value)}${interval}`;
}

/** Names come from other people: nothing of them is markup, and nothing leaves its line or its cell. */
const plain = (text: string): string =>
  text
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/[\\`*_{}[\]<>|#]/g, (mark) => `\\${mark}`)
    .trim();

/** In backticks nothing is markup but the backtick. */
const code = (text: string): string => `\`${text.replaceAll(/[\s`]+/g, ' ')}\``;

const list = (items: readonly string[], nothing: string): string =>
  items.length === 0 ? nothing : items.map((item) => `- ${item}`).join('\n');

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

const section = (title: string, body: string): string => `## ${title}\n\n${body}`;

export function cardMarkdown(card: ModelCard): string {
  const aliases = card.aliases.length === 0 ? '' : `, ${card.aliases.map(plain).join(', ')}`;
  return `${[
    `# ${plain(card.model)}, version ${card.version}${aliases}`,
    [card.purpose, card.description]
      .filter((text) => text !== undefined)
      .map(plain)
      .join('\n\n') || 'Nothing says what it is for.',
    `Registered ${minute(card.registeredAt)} by ${code(card.registeredBy)}. ${card.flavor}, ${whole(card.sizeBytes)} bytes${
      card.artifactDigest === undefined ? '' : `, ${code(card.artifactDigest)}`
    }.`,
    section('What it learned from', learnedFrom(card)),
    section('What it takes', features(card)),
    section('How good it is', quality(card)),
    section('Where it serves', serving(card)),
    section('Limits', list(card.limits.map(plain), 'None are known. That is not the same as none.')),
    section('Not known', list(card.unknown.map(plain), 'Nothing that this card asks about.')),
  ].join('\n\n')}\n`;
}

function learnedFrom({ data, training, code: made }: ModelCard): string {
  const sets = data.map((d) => [
    plain(`${d.dataset}@${d.number}`),
    d.rows === undefined ? 'not known' : whole(d.rows),
    code(d.digest),
  ]);
  const span =
    training.from === undefined || training.to === undefined
      ? ''
      : `, of events from ${day(training.from)} to ${day(training.to)}`;
  const settings = Object.entries(training.settings).map(([key, value]) => `${plain(key)} ${plain(value)}`);
  return [
    ...(sets.length === 0 ? [] : [table(['Dataset version', 'Rows', 'Digest'], sets)]),
    ...(training.rows === undefined ? [] : [`Trained on ${whole(training.rows)} rows${span}.`]),
    ...(settings.length === 0 ? [] : [`Settings: ${settings.join(', ')}.`]),
    ...(made.commit === undefined ? [] : [`Commit ${code(made.commit)}.`]),
    ...(made.digest === undefined ? [] : [`Code ${code(made.digest)}.`]),
    ...(made.pipelineRun === undefined ? [] : [`Pipeline run ${code(made.pipelineRun)}.`]),
  ].join('\n\n');
}

function features({ features: { service, names } }: ModelCard): string {
  const from = service === undefined ? '' : `Feature service ${code(`${service.set}/${service.service}`)}. `;
  return `${from}${names.length === 0 ? 'Its inputs are not recorded.' : `${names.length} inputs: ${names.map(code).join(', ')}.`}`;
}

function quality({ gate, metrics, paired }: ModelCard): string {
  const verdict =
    gate === undefined
      ? 'No gate was judged for it.'
      : `Its gate ${gate.passed ? 'passed' : 'did not pass'}, judged ${minute(gate.judgedAt)}${
          gate.rows === undefined ? '' : ` on ${whole(gate.rows)} rows`
        }.`;
  const baselines = [...new Set(metrics.flatMap((m) => Object.keys(m.baselines)))];
  const rows = metrics.map((m) => [
    plain(m.name),
    estimateText(m.estimate),
    ...baselines.map((name) => {
      const other = m.baselines[name];
      return other === undefined ? '' : estimateText(other);
    }),
    m.bounds.map((b) => `${b.passed ? 'passed' : '**failed**'}: ${plain(b.sentence)}`).join('<br>'),
  ]);
  const head = ['Metric', 'Value (95 % interval)', ...baselines.map(plain), 'Bounds'];
  const against = Object.entries(paired?.differences ?? {}).map(
    ([name, difference]) => `${plain(name)}: ${estimateText(difference)}`,
  );
  return [
    verdict,
    ...(rows.length === 0 ? [] : [table(head, rows)]),
    ...(paired === undefined
      ? []
      : [
          `Against version ${paired.champion}, the champion of then, on the same rows:\n\n${list(against, 'nothing was compared')}`,
        ]),
  ].join('\n\n');
}

function serving({ serves, monitors }: ModelCard): string {
  const traffic = serves.map(
    (s) =>
      `endpoint ${plain(s.endpoint)}, deployment ${s.deployment}: ${s.isShadow ? 'in the shadow, scored and not answered' : `${s.percent} % of traffic`}`,
  );
  const watched = monitors.map((m) => {
    const last =
      m.last === undefined
        ? 'no window was judged for it yet'
        : `${day(m.last.from)} to ${day(m.last.to)}: ${plain(m.last.sentence)}`;
    const open = m.openAlerts === 0 ? '' : ` Open alerts: ${m.openAlerts}.`;
    return `monitor ${plain(m.monitor)}: ${last}${open}`;
  });
  return list([...traffic, ...watched], 'Nowhere, and nothing watches it.');
}
