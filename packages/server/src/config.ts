/** Settings: the only file that reads the environment. Flags win over variables, variables over defaults. */
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { SlipwayError } from '@slipway/contract';
import type { LogLevel } from './platform/log.ts';

export interface Config {
  /** Where everything is kept: database, objects, logs of steps, prediction log. */
  readonly folder: string;
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** `postgres://…`, or undefined for the SQLite file in the folder. */
  readonly databaseUrl: string | undefined;
  readonly allowedHosts: readonly string[];
  readonly logLevel: LogLevel;
  readonly otlpEndpoint: string | undefined;
  /** DuckDB's memory limit, such as `1GB`. */
  readonly analyticsMemory: string;
  readonly analyticsThreads: number;
  /** Pipeline steps that run at once. */
  readonly stepSlots: number;
  /** The Python that runs Python steps and models. */
  readonly python: string;
}

export interface ConfigFlags {
  readonly dir?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly database?: string | undefined;
  readonly logLevel?: string | undefined;
}

export const defaultPort = 7700;

const logLevels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

function numberOf(
  setting: string,
  value: string | undefined,
  fallback: number,
  range: { min: number; max: number },
): number {
  if (value === undefined || value === '') return fallback;
  const parsed = Number(value);
  if (!Number.isInteger(parsed) || parsed < range.min || parsed > range.max) {
    throw new SlipwayError('config_invalid', {
      setting,
      value,
      rule: `it must be a whole number from ${range.min} to ${range.max}`,
    });
  }
  return parsed;
}

export function readConfig(flags: ConfigFlags, env: NodeJS.ProcessEnv): Config {
  const logLevel = flags.logLevel ?? env['SLIPWAY_LOG_LEVEL'] ?? 'info';
  const known = logLevels.find((level) => level === logLevel);
  if (known === undefined)
    throw new SlipwayError('config_invalid', {
      setting: 'log level',
      value: logLevel,
      rule: `it must be one of ${logLevels.join(', ')}`,
    });
  const databaseUrl = flags.database ?? env['SLIPWAY_DATABASE_URL'];
  if (databaseUrl !== undefined && !/^postgres(?:ql)?:\/\//.test(databaseUrl)) {
    throw new SlipwayError('config_invalid', {
      setting: 'database',
      value: databaseUrl.slice(0, 30),
      rule: 'it must start with postgres:// (leave it out for the embedded database)',
    });
  }
  return {
    folder: resolve(flags.dir ?? env['SLIPWAY_DIR'] ?? '.slipway'),
    host: flags.host ?? env['SLIPWAY_HOST'] ?? '127.0.0.1',
    port: flags.port ?? numberOf('port', env['SLIPWAY_PORT'], defaultPort, { min: 0, max: 65_535 }),
    databaseUrl,
    allowedHosts: (env['SLIPWAY_ALLOWED_HOSTS'] ?? '').split(',').filter((h) => h !== ''),
    logLevel: known,
    otlpEndpoint: env['OTEL_EXPORTER_OTLP_ENDPOINT'],
    analyticsMemory: env['SLIPWAY_ANALYTICS_MEMORY'] ?? '1GB',
    analyticsThreads: numberOf('SLIPWAY_ANALYTICS_THREADS', env['SLIPWAY_ANALYTICS_THREADS'], 2, { min: 1, max: 64 }),
    stepSlots: numberOf('SLIPWAY_STEP_SLOTS', env['SLIPWAY_STEP_SLOTS'], 2, { min: 1, max: 256 }),
    python: env['SLIPWAY_PYTHON'] ?? 'python3',
  };
}

/** True for addresses that only this machine can reach. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost' || host === '::1') return true;
  return isIP(host) === 4 && host.startsWith('127.');
}
