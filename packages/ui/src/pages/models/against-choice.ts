/** Which other version a page of a version compares with: the one in the address, by default the champion or the one before. */
import type { Endpoint, ModelVersion, RegisteredModel } from '@slipway/contract';
import { useSearchParams } from 'react-router';
import type { Ask } from '../../api/client.ts';
import { useAsk } from '../../api/queries.ts';
import type { Arm } from '../../components/status.tsx';

export interface AgainstChoice {
  readonly others: readonly number[];
  /** Undefined where there is no other version. */
  readonly chosen: number | undefined;
  readonly isPending: boolean;
  readonly choose: (number: string) => void;
}

export function useAgainst(version: ModelVersion, model: RegisteredModel): AgainstChoice {
  const [search, setSearch] = useSearchParams();
  const versions = useAsk('models.versions', { params: { model: model.name }, query: { limit: 50 } });
  const others = versions.data?.items.map((v) => v.number).filter((n) => n !== version.number) ?? [];
  const champion = model.aliases['champion'];
  const asked = search.get('against');
  const byItself =
    champion === version.number || champion === undefined
      ? (others.find((n) => n < version.number) ?? others[0])
      : champion;
  return {
    others,
    chosen: asked === null ? byItself : Number(asked),
    isPending: versions.isPending,
    choose: (number) => {
      search.set('against', number);
      setSearch(search, { preventScrollReset: true });
    },
  };
}

/** The mark of each of two versions: the champion keeps its own wherever it stands. */
export function armsOf({ aliases }: RegisteredModel, subject: number, other: number): { subject: Arm; other: Arm } {
  if (aliases['champion'] === subject) return { subject: 'champion', other: 'challenger' };
  return { subject: 'challenger', other: aliases['champion'] === other ? 'champion' : 'reference' };
}

export const armColor: Readonly<Record<Arm, string>> = {
  champion: '--arm-champion',
  challenger: '--arm-challenger',
  reference: '--ref',
};

/** Labels are complete up to the watermark; later pairs would not count anyway. */
export const pairsOf = (
  endpoint: Endpoint,
  versions: { readonly champion: number; readonly challenger: number },
): Ask<'monitoring.compare'> => ({
  params: { endpoint: endpoint.name },
  query: { ...versions, from: 0, to: endpoint.labelWatermarkAt ?? endpoint.createdAt },
});
