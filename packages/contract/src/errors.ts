/**
 * The error catalogue: every failure that Slipway tells anybody about, in one table.
 *
 * `status` is the HTTP status; `retryable` says whether the same request may succeed later without a change;
 * `fixer` says who can mend it. `text` is the template of the message: `{name}` is filled from `details`, and every
 * message names the thing, the value and the remedy. A code is never renamed once released: clients switch on it.
 */
export interface ErrorRow {
  readonly status: number;
  readonly retryable: boolean;
  readonly fixer: 'caller' | 'operator' | 'slipway';
  readonly text: string;
}

const caller = (status: number, text: string): ErrorRow => ({ status, retryable: false, fixer: 'caller', text });
const later = (status: number, text: string): ErrorRow => ({ status, retryable: true, fixer: 'operator', text });

export const errorCatalogue = {
  // platform: http and auth
  request_invalid: caller(400, 'The request does not fit {operation}: {problem}'),
  body_not_json: caller(
    400,
    'The body is not valid JSON: {problem}. Send one JSON value with Content-Type application/json.',
  ),
  body_too_large: caller(
    413,
    'The body is larger than the limit of {limitBytes} bytes for {operation}. Send less at once.',
  ),
  media_type_unsupported: caller(415, 'Content-Type "{contentType}" is not accepted by {operation}. Use {accepted}.'),
  route_not_found: caller(404, 'There is nothing at {method} {path}. GET /api/openapi.json lists every operation.'),
  not_authenticated: caller(
    401,
    'No valid credentials came with this request. Send "Authorization: Bearer <token>"; `slipway token create` makes one.',
  ),
  not_permitted: caller(
    403,
    '{actor} may not do "{permission}". Ask an owner for a token with a role that includes it.',
  ),
  origin_refused: caller(
    403,
    'The request was refused because its {header} is "{value}", which is not this server. Open the console at the address that `slipway up` printed.',
  ),
  request_timed_out: {
    status: 408,
    retryable: true,
    fixer: 'caller',
    text: 'The request body did not arrive within {limitMs} ms. Send it again on a faster connection or in smaller parts.',
  },
  internal: {
    status: 500,
    retryable: false,
    fixer: 'slipway',
    text: 'Slipway met a condition that it believed impossible (incident {incident}). The log has the details under that id; please report it.',
  },
  shutting_down: later(503, 'The server is stopping. Send the request again in a moment.'),
  // platform: db, objects, jobs, ledger
  not_found: caller(404, 'There is no {noun} "{name}". {remedy}'),
  already_exists: caller(
    409,
    'A {noun} named "{name}" exists already. Use another name, or change the one that is there.',
  ),
  conflict: caller(409, '{problem}'),
  page_token_invalid: caller(
    400,
    'The page token "{token}" does not belong to this list. Start again without a token.',
  ),
  id_invalid: caller(400, '"{value}" is not the id of a {noun}. Ids of this kind look like {example}.'),
  name_invalid: caller(400, '"{value}" cannot be the name of a {noun}: {rule}.'),
  object_missing: {
    status: 410,
    retryable: false,
    fixer: 'operator',
    text: 'The stored object {digest} is gone from {location}. Restore it from a backup, or add the data again: the same bytes get the same digest.',
  },
  object_corrupt: {
    status: 500,
    retryable: false,
    fixer: 'operator',
    text: 'The stored object {digest} no longer has the bytes it was stored with (found {found}). It was not served. Restore it from a backup, or add the data again.',
  },
  digest_mismatch: caller(400, 'The bytes received have digest {found}, but {expected} was declared. Send them again.'),
  disk_full: later(507, 'The disk that holds {location} is full. Nothing was stored. Free some space and try again.'),
  database_busy: later(503, 'The database did not accept the write within {limitMs} ms. Try again in a moment.'),
  database_unavailable: later(503, 'The database cannot be reached: {problem}. The write was not made.'),
  folder_in_use: caller(
    409,
    'The workspace folder {folder} is in use by process {pid}. Stop that server, or choose another folder with --dir.',
  ),
  port_in_use: caller(
    409,
    'Port {port} on {host} is in use by another program. Choose another with --port, or stop that program.',
  ),
  config_invalid: caller(400, 'The setting {setting} is "{value}", but {rule}.'),
  bind_refused: caller(
    400,
    'Refusing to listen on {host}: it can be reached from other machines and no token exists. Create one with `slipway token create --role owner`, or listen on 127.0.0.1.',
  ),
  job_lease_lost: later(
    409,
    'The lease of job {job} was lost (fence {fence} is no longer current). Its work was handed to another worker.',
  ),
  job_deadline_passed: caller(408, 'Job {job} did not finish by its deadline, {limitMs} ms after it was queued.'),
  schedule_invalid: caller(
    400,
    'The schedule "{value}" is not valid: {problem}. Use five cron fields and an IANA time zone.',
  ),
  // projects
  resource_kind_unknown: caller(400, 'There is no kind of resource called "{kind}" ({name}). Known kinds: {known}.'),
  resource_declared_twice: caller(400, 'The project declares {kind} "{name}" twice. Keep one of them.'),
  resource_owned_elsewhere: caller(
    409,
    '{kind} "{name}" belongs to project "{owner}". Rename it here, or remove it there first.',
  ),
  resource_invalid: caller(400, '{kind} "{name}" is not valid: {problem}'),
  bundle_incomplete: caller(
    409,
    'The project bundle names {count} objects that the server does not have, {digest} among them. Upload them first: `slipway apply` does.',
  ),
  bundle_path_invalid: caller(
    400,
    'The bundle has a file "{path}", which is not a plain relative path. Use forward slashes and no "..".',
  ),
  // tracking
  run_deleted: caller(
    409,
    'Run {run} is deleted, so nothing can be written to it. Restore it first, or log to another run.',
  ),
  experiment_deleted: caller(
    409,
    'Experiment "{experiment}" is deleted, so no run can start in it. Restore it first, or use another name.',
  ),
  param_changed: caller(
    409,
    'Param "{key}" of run {run} is "{current}" already and params are written once, so it was not changed to "{value}". Nothing of this request was stored; log the new value as a tag or under another key.',
  ),
  filter_invalid: caller(400, 'The filter cannot be used: {problem} (at character {position} of {filter}).'),
  order_invalid: caller(400, 'The order "{value}" cannot be used: {problem}.'),
  // registry
  gate_not_passed: caller(
    409,
    'Alias "{alias}" of model "{model}" is protected by a gate and version {version} did not pass it: {problem} The alias was not moved.',
  ),
  gate_undeclared: caller(
    409,
    'Model "{model}" declares no gate, so there is nothing to judge against. Declare `gate:` for it in slipway.yaml and apply.',
  ),
  gate_used: caller(
    409,
    'Gate {gate} belongs to version {version} of model "{model}" already. Judge a gate for each version.',
  ),
  version_in_use: caller(
    409,
    'Version {version} of model "{model}" is {use}, so it was not deleted. Move the alias to another version first.',
  ),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof errorCatalogue;

export type ErrorDetails = Readonly<Record<string, unknown>>;

/** The body of every error answer of Slipway's own API. */
export interface ErrorBody {
  readonly error: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly retryable: boolean;
    readonly details: ErrorDetails;
    readonly requestId?: string | undefined;
  };
}

/** Fills a catalogue text. A missing detail shows as `?` so that a message is never lost to its own formatting. */
export function errorMessage(code: ErrorCode, details: ErrorDetails): string {
  return errorCatalogue[code].text.replace(/\{(\w+)\}/g, (_, key: string) => {
    const value = details[key];
    if (value === undefined) return '?';
    return typeof value === 'string' ? value : JSON.stringify(value);
  });
}

/**
 * The one error type of Slipway.
 *
 * @example
 * throw new SlipwayError('not_found', { noun: 'dataset', name: 'flights', remedy: '`slipway data list` shows them.' });
 */
export class SlipwayError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;
  constructor(code: ErrorCode, details: ErrorDetails = {}, options: { cause?: unknown; message?: string } = {}) {
    super(
      options.message ?? errorMessage(code, details),
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.name = 'SlipwayError';
    this.code = code;
    this.details = details;
  }
  get status(): number {
    return errorCatalogue[this.code].status;
  }
  get retryable(): boolean {
    return errorCatalogue[this.code].retryable;
  }
  toBody(requestId?: string): ErrorBody {
    return {
      error: { code: this.code, message: this.message, retryable: this.retryable, details: this.details, requestId },
    };
  }
}
