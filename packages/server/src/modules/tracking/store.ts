/** Tracking's writes, as the writer knows them. */
import { join } from 'node:path';
import type { StoreModule } from '../../platform/db/db.ts';
import { deleteArtifact, putArtifact } from './operations/artifacts.ts';
import { countHere, noteBlocks, noteCounts } from './operations/count-series.ts';
import {
  createExperiment,
  deleteExperiment,
  restoreExperiment,
  tagExperiment,
  updateExperiment,
} from './operations/experiments.ts';
import { linkInputs } from './operations/inputs.ts';
import { logBatch } from './operations/log.ts';
import { changeLoggedModel, createLoggedModel, logModelMetrics } from './operations/logged-models.ts';
import { createView, deleteView, restoreView, updateView } from './operations/views.ts';
import { createRun, deleteRun, deleteTag, restoreRun, updateRun } from './operations/runs.ts';

export const trackingStore: StoreModule = {
  name: 'tracking',
  migrations: join(import.meta.dirname, 'migrations'),
  operations: [
    createExperiment,
    updateExperiment,
    deleteExperiment,
    restoreExperiment,
    tagExperiment,
    createRun,
    updateRun,
    deleteRun,
    restoreRun,
    deleteTag,
    logBatch,
    noteCounts,
    noteBlocks,
    countHere,
    linkInputs,
    createLoggedModel,
    changeLoggedModel,
    logModelMetrics,
    putArtifact,
    deleteArtifact,
    createView,
    updateView,
    deleteView,
    restoreView,
  ],
};
