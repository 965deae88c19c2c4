/** Copies a text, and says so for a moment. */
import type { ReactElement } from 'react';
import { useEffect, useState } from 'react';
import { Icon } from '../../components/icon.tsx';

const saidMs = 1500;

export function CopyButton({ text, word }: { text: string; word: string }): ReactElement {
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return undefined;
    const timer = setTimeout(() => setCopied(false), saidMs);
    return () => clearTimeout(timer);
  }, [isCopied]);
  return (
    <button
      type="button"
      className="btn sm ghost"
      onClick={() => void navigator.clipboard.writeText(text).then(() => setCopied(true))}
    >
      <Icon name={isCopied ? 'check' : 'copy'} small />
      {isCopied ? 'Copied' : word}
    </button>
  );
}
