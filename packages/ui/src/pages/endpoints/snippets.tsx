/** How a program asks this endpoint: the same request for a shell, TypeScript and Python. */
import type { Endpoint, PredictionRecord } from '@slipway/contract';
import type { ReactElement } from 'react';
import { pathOf } from '../../api/client.ts';
import { useAsk } from '../../api/queries.ts';
import { Panel } from '../../components/layout.tsx';
import { ErrorNote, Skeleton } from '../../components/states.tsx';
import type { ViewState } from '../../components/use-view-state.ts';
import { Choice } from './arm-series.tsx';
import { CopyButton } from './copy-button.tsx';
import { quoted } from './prediction-filter.tsx';

type Inputs = PredictionRecord['inputs'];

const languages = [
  ['curl', 'curl'],
  ['ts', 'TypeScript'],
  ['python', 'Python'],
] as const;

const addressOf = (endpoint: string): string =>
  `${location.origin}${pathOf('endpoints.predict', { params: { endpoint } })}`;

export const curlOf = (endpoint: string, inputs: Inputs): string =>
  [
    `curl -X POST '${addressOf(endpoint)}' \\`,
    "  -H 'content-type: application/json' \\",
    ...tokenLine('  -H "authorization: Bearer $SLIPWAY_TOKEN" \\'),
    `  -d ${quoted(JSON.stringify({ instances: [{ inputs }] }))}`,
  ].join('\n');

/** On this machine the owner needs no token. */
const tokenLine = (line: string): readonly string[] =>
  ['127.0.0.1', 'localhost', '[::1]'].includes(location.hostname) ? [] : [line];

function typescriptOf(endpoint: string, inputs: Inputs): string {
  const token = tokenLine(', token: process.env.SLIPWAY_TOKEN').join('');
  return [
    "import { createClient } from 'slipway';",
    '',
    `const client = createClient({ url: ${JSON.stringify(location.origin)}${token} });`,
    'const { predictions } = await client.endpoints.predict({',
    `  params: { endpoint: ${JSON.stringify(endpoint)} },`,
    `  body: { instances: [{ inputs: ${JSON.stringify(inputs)} }] },`,
    '});',
    'console.log(predictions[0].id, predictions[0].score);',
  ].join('\n');
}

function pythonOf(endpoint: string, inputs: Inputs): string {
  return [
    'import json, urllib.request',
    '',
    `inputs = ${pythonLiteral(inputs)}`,
    'request = urllib.request.Request(',
    `    ${JSON.stringify(addressOf(endpoint))},`,
    '    json.dumps({"instances": [{"inputs": inputs}]}).encode(),',
    `    {"content-type": "application/json"${tokenLine(', "authorization": f"Bearer {token}"').join('')}},`,
    ')',
    'prediction = json.load(urllib.request.urlopen(request))["predictions"][0]',
    'print(prediction["id"], prediction["score"])',
  ].join('\n');
}

/** JSON texts are Python's, but for three words. */
function pythonLiteral(inputs: Inputs): string {
  const words = new Map<unknown, string>([
    [null, 'None'],
    [true, 'True'],
    [false, 'False'],
  ]);
  const pairs = Object.entries(inputs).map(
    ([name, value]) => `${JSON.stringify(name)}: ${words.get(value) ?? JSON.stringify(value)}`,
  );
  return `{${pairs.join(', ')}}`;
}

interface SnippetsProps {
  readonly endpoint: Endpoint;
  readonly view: ViewState;
  readonly sample: PredictionRecord | undefined;
}

export function Snippets({ endpoint, view, sample }: SnippetsProps): ReactElement {
  const language = languages.find(([key]) => key === view.get('lang'))?.[0] ?? 'curl';
  const params = { endpoint: endpoint.name };
  // What nobody has asked yet has a sample too: a row that its version was trained on.
  const shape = useAsk('endpoints.interface', { params }, { enabled: sample === undefined });
  const inputs = sample?.inputs ?? shape.data?.sample.inputs;
  if (inputs === undefined)
    return (
      <Panel title="Use it">{shape.error === null ? <Skeleton lines={4} /> : <ErrorNote error={shape.error} />}</Panel>
    );
  const from = sample === undefined ? shape.data?.sample : undefined;
  const query = { url: location.origin };
  const write = { curl: curlOf, ts: typescriptOf, python: pythonOf }[language];
  const text = write(endpoint.name, inputs);
  return (
    <Panel
      title="Use it"
      caption={
        from === undefined
          ? undefined
          : from.from === 'types'
            ? 'with made-up values'
            : `with a row of ${from.source ?? ''}`
      }
      actions={
        <Choice
          label="Language"
          options={languages}
          value={language}
          choose={(value) => view.set({ lang: value === 'curl' ? undefined : value })}
        />
      }
    >
      <pre className="snippet" tabIndex={0} aria-label={`Ask ${endpoint.name} from ${language}`}>
        {text}
      </pre>
      <div className="row wrap">
        <CopyButton text={text} word="Copy" />
        <span className="t3 sm">Typed client:</span>
        <a
          href={pathOf('endpoints.client', { params, query: { ...query, language: 'typescript' } })}
          download={`${endpoint.name}-client.ts`}
        >
          TypeScript
        </a>
        <a
          href={pathOf('endpoints.client', { params, query: { ...query, language: 'python' } })}
          download={`${endpoint.name}-client.py`}
        >
          Python
        </a>
        <a href={pathOf('endpoints.openapi', { params, query })} download={`${endpoint.name}.openapi.json`}>
          OpenAPI
        </a>
      </div>
    </Panel>
  );
}
