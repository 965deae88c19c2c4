/**
 * Authentication and authorisation, in one place, for every path.
 *
 * - On loopback without credentials the caller is the local owner. Browsers are kept out of that trust by the Host, Origin
 *   and Sec-Fetch-Site checks: a page of another site, or a rebound DNS name, is refused before any route is looked up.
 * - Tokens: `slw_<id>_<secret>`; only sha256(secret) is stored, compared in constant time. Usable as Bearer or as the
 *   password of Basic authentication (what MLflow clients send). Verified tokens are cached by hash, and the cache is
 *   dropped by every change, so a revoked token stops at once.
 */
import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Permission } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import type { Clock } from '../clock.ts';
import type { Db } from '../db/db.ts';
import type { Principal, Role } from './principal.ts';
import { roles, stepPermissions } from './principal.ts';
import type { TokenRow, AuthTables } from './store.ts';
import { createToken, revokeToken } from './store.ts';

export interface Token {
  readonly name: string;
  readonly role: Role;
  readonly createdAt: number;
  readonly expiresAt: number | undefined;
  readonly createdBy: string;
}

export interface Auth {
  /** Decides who calls. Throws `origin_refused` or `not_authenticated`. Costs no I/O for the loopback owner and cached tokens. */
  authenticate(request: IncomingMessage): Principal | Promise<Principal>;
  /** Throws `not_permitted` unless the principal holds the permission. */
  authorise(principal: Principal, permission: Permission): void;
  /** The secret is returned once and never stored. */
  createToken(options: {
    name: string;
    role: Role;
    expiresInMs?: number | undefined;
    actor: string;
  }): Promise<Token & { readonly secret: string }>;
  listTokens(): Promise<Token[]>;
  revokeToken(name: string, actor: string): Promise<void>;
  hasTokens(): Promise<boolean>;
  /** A token of this process only, for one pipeline step; `revoke` ends it. */
  issueStepToken(actor: string): { readonly secret: string; revoke(): void };
}

const sha256 = (text: string): string => hash('sha256', text);

export interface AuthOptions {
  readonly db: Db;
  readonly clock: Clock;
  /** True when the listener is bound to loopback: callers without credentials are then the local owner. */
  readonly trustLoopback: boolean;
  /** Names that a Host header may carry besides loopback names, lower case, without port. */
  readonly allowedHosts: readonly string[];
}

const loopbackHost = /^(localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i;
const owner: Principal = { actor: 'owner', permissions: roles.owner };

interface Known {
  readonly principal: Principal;
  readonly expiresAt: number;
}

/** What a connection's last good request said, as of a generation of the cache. */
interface Introduced extends Known {
  readonly method: string | undefined;
  /** Names and values of its headers in turn. */
  readonly headers: readonly string[];
  readonly generation: number;
}

export function createAuth(options: AuthOptions): Auth {
  const cache = new Map<string, Known>();
  // Counts the times that the cache was dropped: what was read before a change must not come into the cache after it.
  let generation = 0;
  const drop = (): void => {
    generation++;
    cache.clear();
  };
  /**
   * Callers keep their connection open and say the same again, but for the length of the body; reading it all anew, and
   * hashing the secret, would cost more than answering some requests.
   */
  const connections = new WeakMap<object, Introduced>();
  const steps = new Map<string, Principal>();
  const hosts = new Set(options.allowedHosts.map((h) => h.toLowerCase()));
  const { db, clock } = options;

  let goodHost: string | undefined;
  const checkOrigin = (request: IncomingMessage): void => {
    const host = request.headers.host ?? '';
    if (host !== goodHost) {
      if (!loopbackHost.test(host) && !hosts.has(host.toLowerCase().replace(/:\d+$/, ''))) {
        throw new SlipwayError('origin_refused', { header: 'Host', value: host.slice(0, 200) });
      }
      goodHost = host;
    }
    const origin = request.headers.origin;
    if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`) {
      throw new SlipwayError('origin_refused', { header: 'Origin', value: origin.slice(0, 200) });
    }
    const site = request.headers['sec-fetch-site'];
    if (site === 'cross-site' || site === 'same-site') {
      const isPageVisit = request.method === 'GET' && request.headers['sec-fetch-mode'] === 'navigate';
      if (!isPageVisit) throw new SlipwayError('origin_refused', { header: 'Sec-Fetch-Site', value: site });
    }
  };

  const lookUp = async (secret: string): Promise<Principal> => {
    const parts = /^slw_([0-9a-f]{16})_([0-9A-Za-z_-]{20,100})$/.exec(secret);
    if (!parts) throw new SlipwayError('not_authenticated');
    const readIn = generation;
    const row = await db
      .read<AuthTables>()
      .selectFrom('auth_token')
      .selectAll()
      .where('lookup', '=', parts[1] ?? '')
      .executeTakeFirst();
    const given = Buffer.from(sha256(secret), 'hex');
    if (!row || !timingSafeEqual(given, Buffer.from(row.hash, 'hex'))) throw new SlipwayError('not_authenticated');
    if (row.expires_at !== null && row.expires_at <= clock.now()) throw new SlipwayError('not_authenticated');
    const principal: Principal = { actor: `token:${row.name}`, permissions: roles[row.role] };
    if (readIn === generation) cache.set(sha256(secret), { principal, expiresAt: row.expires_at ?? Infinity });
    return principal;
  };

  const authenticate = (request: IncomingMessage): Principal | Promise<Principal> => {
    const { socket, method, rawHeaders: headers } = request;
    const last = connections.get(socket);
    if (last !== undefined && last.generation === generation && last.method === method) {
      const isValid = last.expiresAt === Infinity || last.expiresAt > clock.now();
      if (isValid && isRepeated(last.headers, headers)) return last.principal;
    }
    checkOrigin(request);
    const header = request.headers.authorization;
    if (header === undefined) {
      if (!options.trustLoopback) throw new SlipwayError('not_authenticated');
      connections.set(socket, { principal: owner, expiresAt: Infinity, method, headers, generation });
      return owner;
    }
    const secret = secretOf(header);
    const step = steps.get(secret);
    if (step) return step;
    const known = cache.get(sha256(secret));
    if (known === undefined || known.expiresAt <= clock.now()) return lookUp(secret);
    connections.set(socket, { ...known, method, headers, generation });
    return known.principal;
  };

  return {
    authenticate,
    authorise: (principal, permission) => {
      if (permission !== 'public' && !principal.permissions.has(permission)) {
        throw new SlipwayError('not_permitted', { actor: principal.actor, permission });
      }
    },
    createToken: async ({ name, role, expiresInMs, actor }) => {
      const lookup = randomBytes(8).toString('hex');
      const secret = `slw_${lookup}_${randomBytes(24).toString('base64url')}`;
      const row = await db.write(createToken, {
        name,
        lookup,
        hash: sha256(secret),
        role,
        expiresAt: expiresInMs === undefined ? null : clock.now() + expiresInMs,
        actor,
      });
      drop();
      return { ...tokenOf(row), secret };
    },
    listTokens: async () => {
      const rows = await db
        .read<AuthTables>()
        .selectFrom('auth_token')
        .selectAll()
        .orderBy('name')
        .limit(1000)
        .execute();
      return rows.map(tokenOf);
    },
    revokeToken: async (name, actor) => {
      await db.write(revokeToken, { name, actor });
      drop();
    },
    hasTokens: async () =>
      (await db.read<AuthTables>().selectFrom('auth_token').select('name').limit(1).executeTakeFirst()) !== undefined,
    issueStepToken: (actor) => {
      const secret = `slw_${randomBytes(8).toString('hex')}_${randomBytes(24).toString('base64url')}`;
      steps.set(secret, { actor, permissions: stepPermissions });
      return { secret, revoke: () => void steps.delete(secret) };
    },
  };
}

/** The same headers in the same order, but for what Content-Length says. */
function isRepeated(before: readonly string[], now: readonly string[]): boolean {
  if (before.length !== now.length) return false;
  for (let i = 0; i < now.length; i += 2) {
    const name = now[i] ?? '';
    if (name !== before[i]) return false;
    if (now[i + 1] !== before[i + 1] && name.toLowerCase() !== 'content-length') return false;
  }
  return true;
}

/** The secret in `Bearer <secret>`, or the password (or the user name, when it is empty) of Basic. */
function secretOf(header: string): string {
  const [scheme = '', value = ''] = header.split(/\s+/, 2);
  if (scheme.toLowerCase() === 'bearer') return value;
  if (scheme.toLowerCase() === 'basic') {
    const [user = '', ...password] = Buffer.from(value, 'base64').toString('utf8').split(':');
    return password.join(':') || user;
  }
  throw new SlipwayError('not_authenticated');
}

function tokenOf(row: TokenRow): Token {
  return {
    name: row.name,
    role: row.role,
    createdAt: row.created_at,
    expiresAt: row.expires_at ?? undefined,
    createdBy: row.created_by,
  };
}
