/** What is said of versions in several places: their aliases, the verdict of their gate. */
import type { Gate, ModelVersion } from '@slipway/contract';
import type { ReactElement } from 'react';
import { AliasBadge, StatusBadge } from '../../components/status.tsx';
import { plural } from '../../words.ts';

export function Aliases({ aliases }: { aliases: readonly string[] }): ReactElement {
  if (aliases.length === 0) return <span className="t3">none</span>;
  return (
    <span className="row">
      {/* The champion first: the version that is in use. */}
      {aliases
        .toSorted((a, b) => Number(b === 'champion') - Number(a === 'champion') || a.localeCompare(b))
        .map((alias) => (
          <AliasBadge key={alias} alias={alias} />
        ))}
    </span>
  );
}

export function gateWords(gate: Pick<Gate, 'passed' | 'checks'>): string {
  const passed = gate.checks.filter((c) => c.passed).length;
  return `${passed} of ${plural(gate.checks.length, 'check')} passed`;
}

export function GateBadge({ gate, plain = false }: { gate: ModelVersion['gate']; plain?: boolean }): ReactElement {
  if (gate === undefined) return <StatusBadge plain={plain} state={{ tone: 'idle', word: 'No gate judged' }} />;
  return (
    <StatusBadge
      plain={plain}
      state={{ tone: gate.passed ? 'ok' : 'bad', word: gateWords(gate), ...(gate.passed ? { icon: 'shield' } : {}) }}
    />
  );
}
