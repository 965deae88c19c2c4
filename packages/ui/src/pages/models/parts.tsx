/** What a version is made of: its files and its tags. */
import type { ModelVersion } from '@slipway/contract';
import type { ReactElement, ReactNode } from 'react';
import { pathOf } from '../../api/client.ts';
import type { Pair } from '../../components/layout.tsx';
import { Pairs, Panel } from '../../components/layout.tsx';
import { EmptyState } from '../../components/states.tsx';
import { bytes, fullInstant, plural, short } from '../../words.ts';

export function Files({ version }: { version: ModelVersion }): ReactElement {
  const { files } = version;
  return (
    <Panel
      title="Files"
      caption={`${plural(files.length, 'file')}, ${bytes(files.reduce((sum, f) => sum + f.sizeBytes, 0))}, kept by digest`}
      flush
    >
      {files.length === 0 ? (
        <EmptyState title="No files">This version was registered without files of its own.</EmptyState>
      ) : (
        <div className="scroll" tabIndex={0}>
          <table className="tbl top0" aria-label="Files">
            <thead>
              <tr>
                <th scope="col">Path</th>
                <th scope="col" className="num">
                  Size
                </th>
                <th scope="col">Digest</th>
                <th scope="col">
                  <span className="sr">Download</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {files.map(({ path, sizeBytes, digest }) => (
                <tr key={path}>
                  <td className="mono">{path}</td>
                  <td className="num">{bytes(sizeBytes)}</td>
                  <td className="mono t2" title={digest}>
                    {short(digest)}
                  </td>
                  <td className="r">
                    <a
                      href={pathOf('models.getFile', {
                        params: { model: version.model, version: version.number, path },
                      })}
                      download={path.slice(path.lastIndexOf('/') + 1)}
                      aria-label={`Download ${path}`}
                    >
                      Download
                    </a>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

export function Tags({ version }: { version: ModelVersion }): ReactElement {
  const pairs: Pair[] = [
    { name: 'Kind', value: version.flavor },
    { name: 'Registered', value: `${fullInstant(version.createdAt)} by ${version.createdBy}` },
    ...(version.stage === 'None' ? [] : [{ name: 'Stage', value: version.stage }]),
    ...(version.artifactDigest === undefined
      ? []
      : [{ name: 'Digest', value: <code className="digest">{version.artifactDigest}</code> }]),
    ...(version.source === undefined ? [] : [{ name: 'Source', value: <code>{version.source}</code> }]),
    ...Object.entries(version.tags)
      .toSorted(([a], [b]) => a.localeCompare(b))
      .map(([name, value]) => ({ name: `tag ${name}`, value: <TagValue text={value} /> })),
  ];
  return (
    <Panel title="About and tags">
      <Pairs pairs={pairs} />
    </Panel>
  );
}

/** A list that was kept as JSON is shown as one. */
function TagValue({ text }: { text: string }): ReactNode {
  const list = listOf(text);
  if (list === undefined) return <code className="tag-value">{text}</code>;
  return (
    <span className="row wrap">
      {list.map((item) => (
        <span className="pill" key={item}>
          <code>{item}</code>
        </span>
      ))}
    </span>
  );
}

function listOf(text: string): readonly string[] | undefined {
  if (!text.startsWith('[')) return undefined;
  try {
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) && parsed.every((item) => typeof item === 'string') ? [...new Set(parsed)] : undefined;
  } catch {
    return undefined;
  }
}
