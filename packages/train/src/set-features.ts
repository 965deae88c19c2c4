/**
 * From codes to sets. While trees are trained, a column of categories is one feature of codes, or several where there are more
 * categories than a feature has bins; what stays of it are the sets that trees have split off, which become features of the
 * column's encoding.
 */
import type { CategoryMembers, CategoryTable, ColumnEncoding, Tree } from '@slipway/onnx';
import { featuresOf } from '@slipway/onnx';
import { codesMax } from './category-sets.ts';
import type { CategorySet } from './category-sets.ts';
import type { TableColumn } from './table.ts';
import { indexOf, numberTexts, numbersAt } from './text-index.ts';
import type { FeatureImportance, TreeTraining } from './train-trees.ts';

/** One feature of codes: its column's encoding, and the key that code 0 stands for. */
interface CodesOwner {
  readonly encoding: number;
  readonly firstKey: number;
}

export interface SetCodes {
  readonly names: readonly string[];
  readonly columns: readonly Float32Array[];
  readonly owners: readonly CodesOwner[];
}

function membersOf(encoding: ColumnEncoding | undefined): CategoryMembers | undefined {
  return encoding?.kind === 'category' ? encoding.members : undefined;
}

/** The codes of the rows, for every encoding that is to have sets. */
export function encodeSetCodes(
  columns: readonly TableColumn[],
  encodings: readonly ColumnEncoding[],
  rows: Uint32Array,
): SetCodes {
  const made: { names: string[]; columns: Float32Array[]; owners: CodesOwner[] } = {
    names: [],
    columns: [],
    owners: [],
  };
  for (const [index, encoding] of encodings.entries()) {
    const { keys = [] } = membersOf(encoding) ?? {};
    const column = columns.find(({ name }) => name === encoding.column);
    if (keys.length === 0 || column === undefined) continue;
    const texts = indexOf(column);
    const codes = numberTexts(texts, { keys, numberOf: (code) => code, otherwise: Number.NaN });
    const all = numbersAt(codes, texts.places, rows);
    for (let firstKey = 0; firstKey < keys.length; firstKey += codesMax) {
      made.names.push(`${encoding.column} codes from ${firstKey}`);
      made.owners.push({ encoding: index, firstKey });
      made.columns.push(
        all.map((code) => (code >= firstKey && code < firstKey + codesMax ? code - firstKey : Number.NaN)),
      );
    }
  }
  return made;
}

export interface PlacedSets {
  readonly encodings: readonly ColumnEncoding[];
  /** Over the features of these encodings. */
  readonly trainings: readonly TreeTraining[];
  /** Per encoding. */
  readonly importance: readonly FeatureImportance[];
}

/** A column that no tree divides still makes a feature, so that the file has a use for its input. */
function unusedTable({ column, members }: Extract<ColumnEncoding, { kind: 'category' }>): CategoryTable {
  const keys = members?.keys ?? [];
  return { feature: column, keys, values: Float32Array.from(keys, (_, code) => code), otherwise: Number.NaN };
}

interface PlacedSet {
  /** Among the features of its encoding. */
  readonly place: number;
  readonly members: Uint8Array;
}

/** Encoding and place in it. */
interface Home {
  readonly encoding: number;
  readonly place: number;
}

interface Homes {
  /** Of a feature that a training with these sets knows; sets get their place when they are first asked for. */
  readonly of: (feature: number, sets: readonly CategorySet[]) => Home;
  readonly placed: readonly ReadonlyMap<string, PlacedSet>[];
}

function createHomes(encodings: readonly ColumnEncoding[], owners: readonly CodesOwner[]): Homes {
  const placed = encodings.map(() => new Map<string, PlacedSet>());
  const counts = encodings.map((encoding) => featuresOf(encoding).length);
  const given = counts.reduce((a, b) => a + b, 0);
  const homeOfSet = (set: CategorySet): Home => {
    const { encoding, firstKey } = owners[set.feature - given] ?? { encoding: 0, firstKey: 0 };
    const known = placed[encoding] ?? new Map<string, PlacedSet>();
    const key = `${firstKey}:${set.codes.join(',')}`;
    const found = known.get(key);
    if (found !== undefined) return { encoding, place: found.place };
    const members = new Uint8Array(membersOf(encodings[encoding])?.keys.length ?? 0);
    for (const code of set.codes) members[firstKey + code] = 1;
    const place = (counts[encoding] ?? 0) + known.size;
    known.set(key, { place, members });
    return { encoding, place };
  };
  return {
    placed,
    of: (feature, sets) => {
      const set = sets[feature - given - owners.length];
      if (set !== undefined) return homeOfSet(set);
      let encoding = 0;
      let place = feature;
      while (encoding < counts.length - 1 && place >= (counts[encoding] ?? 0)) place -= counts[encoding++] ?? 0;
      return { encoding, place };
    },
  };
}

function testedFeatures(trees: readonly Tree[]): readonly number[] {
  const features = new Set<number>();
  for (const tree of trees) {
    for (const [node, feature] of tree.feature.entries()) if ((tree.left[node] ?? -1) >= 0) features.add(feature);
  }
  return [...features].sort((a, b) => a - b);
}

/** Puts the sets of all trainings into the encodings, each set once, and makes the trees test them there. */
export function placeSets(
  encodings: readonly ColumnEncoding[],
  trainings: readonly TreeTraining[],
  owners: readonly CodesOwner[],
): PlacedSets {
  const homes = createHomes(encodings, owners);
  const moves = trainings.map(
    ({ ensemble, sets }) =>
      new Map(testedFeatures(ensemble.trees).map((feature) => [feature, homes.of(feature, sets)])),
  );
  const complete = encodings.map((encoding, index): ColumnEncoding => {
    const members = membersOf(encoding);
    if (encoding.kind !== 'category' || members === undefined) return encoding;
    const sets = Array.from(homes.placed[index]?.values() ?? [], (set) => set.members);
    const isUnused = sets.length === 0 && encoding.tables.length === 0;
    return { ...encoding, members: { ...members, sets }, tables: isUnused ? [unusedTable(encoding)] : encoding.tables };
  });
  const starts = complete.map((_, index) => complete.slice(0, index).flatMap(featuresOf).length);
  const featureNames = complete.flatMap(featuresOf);
  const moveTree = (tree: Tree, move: ReadonlyMap<number, Home> | undefined): Tree => ({
    ...tree,
    feature: tree.feature.map((feature) => {
      const { encoding = 0, place = 0 } = move?.get(feature) ?? {};
      return (starts[encoding] ?? 0) + place;
    }),
  });
  return {
    encodings: complete,
    trainings: trainings.map((training, index) => {
      const trees = training.ensemble.trees.map((tree) => moveTree(tree, moves[index]));
      return { ...training, sets: [], ensemble: { ...training.ensemble, featureNames, trees } };
    }),
    importance: joinImportance(encodings, trainings, owners),
  };
}

/** Features back to the columns that they were made of, over all trainings. */
function joinImportance(
  encodings: readonly ColumnEncoding[],
  trainings: readonly TreeTraining[],
  owners: readonly CodesOwner[],
): readonly FeatureImportance[] {
  const homes = [
    ...encodings.flatMap((encoding, index) => featuresOf(encoding).map(() => index)),
    ...owners.map(({ encoding }) => encoding),
  ];
  const sums = encodings.map(({ column }) => ({ feature: column, gain: 0, splits: 0 }));
  for (const { importance } of trainings) {
    for (const [feature, { gain, splits }] of importance.entries()) {
      const sum = sums[homes[feature] ?? 0];
      if (sum === undefined) continue;
      sum.gain += gain;
      sum.splits += splits;
    }
  }
  return sums;
}
