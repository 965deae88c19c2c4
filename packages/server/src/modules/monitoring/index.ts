/** The door of the monitoring module: windows of the prediction log judged against training, alerts, comparisons. */
import { monitoringRoutes } from '@slipway/contract';
import type { Binding } from '../../platform/http/binding.ts';
import { bind } from '../../platform/http/binding.ts';
import type { Monitoring } from './service.ts';

export type { Monitoring, MonitoringDeps } from './service.ts';
export type { MonitoringPorts, PredictionRows, ReadRange, ReferenceRows, TextColumn } from './ports.ts';
export { createMonitoring } from './service.ts';
export { monitoringStore, monitorKind } from './store.ts';

export function monitoringBinding(monitoring: Monitoring): Binding {
  return bind(monitoringRoutes, {
    'monitors.list': ({ query }) => monitoring.list(query),
    'monitors.get': ({ params }) => monitoring.get(params.monitor),
    'monitors.windows': ({ params, query }) => monitoring.windows(params.monitor, query),
    'monitors.history': ({ params, query }) => monitoring.history(params.monitor, query),
    'monitors.heat': ({ params, query }) => monitoring.heat(params.monitor, query),
    'monitors.drift': ({ params }) => monitoring.drift(params.monitor, params.window),
    'monitors.backtest': ({ params, query }, { signal }) => monitoring.backtest(params.monitor, query, signal),
    'silences.create': ({ params, body: { until, reason, alert } }, { actor }) =>
      monitoring.silence(params.monitor, { until, reason, alert, actor }),
    'silences.list': ({ params, query }) => monitoring.silences(params.monitor, query),
    'silences.end': ({ params }, { actor }) => monitoring.endSilence(params.silence, actor),
    'monitors.evaluate': async ({ params, body: { from, to } }) =>
      from === undefined || to === undefined
        ? { windows: await monitoring.evaluate(params.monitor), recorded: true }
        : { windows: [await monitoring.measure(params.monitor, { from, to })], recorded: false },
    'monitoring.compare': ({ params, query }) => monitoring.compare(params.endpoint, query),
    'monitoring.segments': ({ params, query }) => monitoring.compareSegments(params.endpoint, query),
    'alerts.list': ({ query }) => monitoring.alerts(query),
    'alerts.get': ({ params }) => monitoring.alert(params.alert),
    'alerts.acknowledge': ({ params, body }, { actor }) =>
      monitoring.acknowledge(params.alert, { actor, note: body.note }),
  });
}
