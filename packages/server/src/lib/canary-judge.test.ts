import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { createCanaryJudge } from './canary-judge.ts';
import type { CanaryJudge, GuardFiring } from './canary-judge.ts';
import { createRandom } from './random.ts';

const { rows } = JSON.parse(readFileSync(new URL('./testdata/paired-scores.json', import.meta.url), 'utf8')) as {
  readonly rows: Readonly<Record<'day' | 'label' | 'champion' | 'challenger' | 'broken', readonly number[]>>;
};

interface Replay {
  readonly candidate: 'challenger' | 'broken';
  readonly incumbent: 'champion' | 'challenger';
  readonly share: number;
  readonly seed: number;
  readonly errorRate?: { readonly canary: number; readonly stable: number };
  /** Share of requests that really reach the canary, where the router is broken. */
  readonly actualShare?: number;
}

const pairOf = (candidate = NaN, incumbent = NaN): { candidate: { score: number }; incumbent: { score: number } } => ({
  candidate: { score: candidate },
  incumbent: { score: incumbent },
});

/** Real flights in event order, each label two hundred requests after its prediction. */
function replay(options: Replay): { readonly judge: CanaryJudge; readonly firing: GuardFiring | undefined } {
  const random = createRandom(options.seed);
  const judge = createCanaryJudge();
  const candidate = rows[options.candidate];
  const incumbent = rows[options.incumbent];
  const isCanary: boolean[] = [];
  for (let i = 0; i < rows.label.length + 200; i++) {
    const candidateScore = candidate[i];
    const incumbentScore = incumbent[i];
    if (candidateScore !== undefined) {
      const isTaken = random.float() < (options.actualShare ?? options.share);
      isCanary.push(isTaken);
      const rate = isTaken ? options.errorRate?.canary : options.errorRate?.stable;
      const isError = random.float() < (rate ?? 0);
      const answers = isError ? {} : pairOf(candidateScore, incumbentScore);
      judge.request({ share: options.share, isCanary: isTaken, isError, ...answers });
    }
    const ripe = i - 200;
    const label = rows.label[ripe];
    if (ripe >= 0 && label !== undefined) {
      const pair = pairOf(candidate[ripe], incumbent[ripe]);
      judge.label({ label, ...pair, cluster: rows.day[ripe] ?? 0, isCanary: isCanary[ripe] === true });
    }
  }
  return { judge, firing: judge.firing() };
}

test('a healthy challenger passes every guard; the conclusion compares it on all labelled pairs', () => {
  for (let seed = 0; seed < 10; seed++) {
    const { judge, firing } = replay({ candidate: 'challenger', incumbent: 'champion', share: 0.1, seed });
    assert.equal(firing, undefined);
    assert.equal(judge.counts().labelledPairs, rows.label.length);
    assert.ok((judge.conclude()?.evidence['championAuc'] ?? 0) > 0.6);
    assert.ok(Math.abs(judge.harm()) < 5);
  }
});

test('rates in percent are stopped by the scores within 75 canary requests, before many labels exist', () => {
  for (let seed = 0; seed < 10; seed++) {
    const { firing } = replay({ candidate: 'broken', incumbent: 'challenger', share: 0.1, seed });
    assert.equal(firing?.guard, 'scores');
    assert.ok((firing?.canaryRequests ?? Infinity) <= 75);
    assert.match(
      firing?.sentence ?? '',
      /^The candidate's scores are not the incumbent's: distance 0\.\d\d after \d+ requests/,
    );
  }
});

test('in the shadow a broken candidate is stopped before it has answered anybody', () => {
  const { firing } = replay({ candidate: 'broken', incumbent: 'challenger', share: 0, seed: 1 });
  assert.equal(firing?.guard, 'scores');
  assert.equal(firing?.canaryRequests, 0);
});

test('a fault that begins with the traffic is seen although the shadow was healthy', () => {
  const judge = createCanaryJudge();
  const random = createRandom(8);
  const feed = (stage: { readonly candidate: readonly number[]; readonly share: number }): void =>
    rows.label.forEach((_, i) => {
      const isCanary = random.float() < stage.share;
      const answers = pairOf(stage.candidate[i], rows.challenger[i]);
      judge.request({ share: stage.share, isCanary, isError: false, ...answers });
    });
  for (let round = 0; round < 4; round++) feed({ candidate: rows.challenger, share: 0 });
  assert.equal(judge.firing(), undefined);
  feed({ candidate: rows.broken, share: 0.1 });
  assert.equal(judge.firing()?.guard, 'scores');
});

test('where scores cannot be seen, the labels of the pairs stop it', () => {
  const judge = createCanaryJudge();
  let firing: GuardFiring | undefined;
  rows.label.forEach((label, i) => {
    firing ??= judge.label({
      label,
      ...pairOf(rows.broken[i], rows.challenger[i]),
      cluster: rows.day[i] ?? 0,
      isCanary: true,
    });
  });
  assert.equal(firing?.guard, 'labels');
  assert.ok(judge.harm() > 50);
});

test('errors of the candidate and a broken split are told apart', () => {
  const base = { candidate: 'challenger', incumbent: 'champion', share: 0.1, seed: 3 } as const;
  assert.equal(replay({ ...base, errorRate: { stable: 0.01, canary: 0.5 } }).firing?.guard, 'errors');
  assert.equal(replay({ ...base, errorRate: { stable: 0.05, canary: 0.05 } }).firing, undefined);
  const split = replay({ ...base, actualShare: 0.25 }).firing;
  assert.equal(split?.guard, 'sample-ratio');
  assert.match(split?.sentence ?? '', /where 10 % was asked/);
});

test('the first firing stays, and nothing is concluded from nothing', () => {
  const judge = createCanaryJudge();
  assert.equal(judge.conclude(), undefined);
  assert.deepEqual(judge.counts(), { requests: 0, canaryRequests: 0, labelledPairs: 0 });
  for (let i = 0; i < 200; i++) judge.request({ share: 0.5, isCanary: true, isError: false });
  const first = judge.firing();
  assert.equal(first?.guard, 'sample-ratio');
  for (let i = 0; i < 200; i++) judge.request({ share: 0.5, isCanary: true, isError: true });
  assert.equal(judge.firing(), first);
});

test('looking again and again promotes an equal candidate no more often than one look may', () => {
  const trials = 300;
  const looks = 6;
  let promoted = 0;
  let promotedUncorrected = 0;
  for (let seed = 0; seed < trials; seed++) {
    const random = createRandom(seed + 1);
    const judge = createCanaryJudge({ rule: { logLossMargin: 1 } });
    let isPromoted = false;
    let isPassed = false;
    for (let look = 0; look < looks; look++) {
      for (let i = 0; i < 250; i++) {
        const risk = 0.1 + 0.5 * random.float();
        const label = random.float() < risk ? 1 : 0;
        const noisy = (): number => Math.min(0.95, Math.max(0.02, risk + 0.25 * (random.float() - 0.5)));
        judge.label({ label, ...pairOf(noisy(), noisy()), cluster: look, isCanary: false });
      }
      const concluded = judge.conclude();
      if (concluded === undefined) continue;
      isPromoted ||= concluded.decision.promote;
      isPassed ||= (concluded.evidence['dAucZ'] ?? 0) > 1.96;
    }
    if (isPromoted) promoted++;
    if (isPassed) promotedUncorrected++;
  }
  // One-sided error of a single look is 2.5 %; four standard errors of 300 trials above it.
  assert.ok(promoted <= trials * 0.025 + 4 * Math.sqrt(trials * 0.025 * 0.975), `${promoted} of ${trials}`);
  assert.ok(promotedUncorrected > 1.5 * promoted, `${promotedUncorrected} without the correction, ${promoted} with it`);
});
