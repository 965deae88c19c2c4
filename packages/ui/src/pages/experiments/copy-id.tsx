/** An id in short, copied whole. */
import type { ReactElement } from 'react';
import { useState } from 'react';
import { Icon } from '../../components/icon.tsx';
import { short } from '../../words.ts';

const saidMs = 1500;

export function CopyId({ id, noun }: { id: string; noun: string }): ReactElement {
  const [isCopied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(id);
    setCopied(true);
    setTimeout(() => setCopied(false), saidMs);
  };
  return (
    <span className="row copy-id">
      <code title={id}>{short(id)}</code>
      <button
        type="button"
        className="btn sm ghost icon"
        aria-label={`Copy the id of the ${noun}`}
        title={id}
        onClick={() => void copy()}
      >
        <Icon name={isCopied ? 'check' : 'copy'} small />
      </button>
      <span className="sr" role="status">
        {isCopied ? 'Copied' : ''}
      </span>
    </span>
  );
}
