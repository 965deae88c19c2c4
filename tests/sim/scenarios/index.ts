import type { Scenario } from '../scenario.ts';
import { jobsScenario } from './jobs.ts';
import { ledgerScenario } from './ledger.ts';
import { pipelinesScenario } from './pipelines.ts';
import { rolloutScenario } from './rollout.ts';

export const scenarios: readonly Scenario[] = [jobsScenario, ledgerScenario, pipelinesScenario, rolloutScenario];
