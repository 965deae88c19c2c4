/** Row shapes of the monitoring tables. */
import type { Alert } from '@slipway/contract';

export interface MonitorRow {
  name: string;
  id: string;
  endpoint: string;
  spec: string;
  project: string;
  created_at: number;
  retired_at: number | null;
}

export interface WindowRow {
  id: string;
  monitor: string;
  window_from: number;
  window_to: number;
  model: string;
  version: number;
  verdict: string;
  body: string;
  memory: string;
  judged_at: number;
  /** Null for windows of before they were kept. */
  figures: string | null;
}

export interface AlertRow {
  id: string;
  monitor: string;
  endpoint: string;
  model: string;
  version: number;
  severity: Alert['severity'];
  state: Alert['state'];
  at: number;
  window_id: string;
  window_from: number;
  window_to: number;
  windows: number;
  sentence: string;
  opened_at: number;
  acknowledged_at: number | null;
  acknowledged_by: string | null;
  note: string | null;
  resolved_at: number | null;
  silence: string | null;
}

export interface SilenceRow {
  id: string;
  monitor: string;
  alert: string | null;
  until_at: number;
  reason: string;
  created_at: number;
  created_by: string;
  ended_at: number | null;
  ended_by: string | null;
}

export interface MonitoringTables {
  monitoring_monitor: MonitorRow;
  monitoring_watermark: { endpoint: string; watermark_at: number };
  monitoring_window: WindowRow;
  monitoring_reference: { monitor: string; model: string; version: number; body: string; created_at: number };
  monitoring_alert: AlertRow;
  monitoring_silence: SilenceRow;
}
