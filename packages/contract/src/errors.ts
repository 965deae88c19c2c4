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
  http_malformed: caller(
    400,
    'The bytes received are not an HTTP request that can be answered: {problem}. Check the method, the length of the headers and the encoding of the path.',
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
  write_outcome_unknown: {
    status: 503,
    retryable: false,
    fixer: 'operator',
    text: 'The database writer stopped while it held this write: it may or may not have been made. Look whether it is there before you send it again.',
  },
  folder_in_use: caller(
    409,
    'The workspace folder {folder} is in use by process {pid}. Stop that server, or choose another folder with --dir.',
  ),
  port_in_use: caller(
    409,
    'Port {port} on {host} is in use by another program. Choose another with --port, or stop that program.',
  ),
  console_missing: caller(
    404,
    'The web console was not built: {folder} is missing. In a checkout, `npm run dev` builds it.',
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
  job_deadline_passed: caller(
    408,
    'Job {job} did not finish by its deadline, {limitMs} ms after it was queued. Look into its log, then start it again, with a longer deadline if it needs one.',
  ),
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
  project_moved: caller(
    409,
    'Project "{project}" stands at apply {found} (by {appliedBy}, commit {commit}), not at {expected}: it was applied since the plan was made. Nothing was changed; look at `slipway plan` again.',
  ),
  project_kind_differs: caller(
    409,
    'Project "{project}" is {found}, and this apply declares {declared}. Nothing was changed: simulations end by themselves, so no project becomes one. Choose another name.',
  ),
  bundle_path_invalid: caller(
    400,
    'The bundle has a file "{path}", which is not a plain relative path. Use forward slashes and no "..".',
  ),
  // governance
  ledger_file_wrong: caller(
    400,
    'No ledger can be read from {file}: {problem}. Name the database of a server (slipway.db in its folder), or a file that `slipway ledger export` wrote.',
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
  approval_needed: caller(409, 'Alias "{alias}" of model "{model}" moves only with an approval: {problem}'),
  approval_decided: caller(
    409,
    'Approval {approval} is {state}, so it cannot be {verb}. `slipway approval show {approval}` says who decided and why.',
  ),
  approval_own: caller(
    403,
    'Approval {approval} was asked for by {actor}, so {actor} cannot approve it. Somebody else who may decide has to: {who}.',
  ),
  approval_not_yours: caller(403, 'Approval {approval} is not for {actor} to decide. It takes {who}.'),
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
  // features
  features_invalid: caller(400, 'In {path}: "{value}" {problem}. {remedy}'),
  feature_row_invalid: caller(
    400,
    'Row {row} for source {source}: column {column} is {value}, but {rule}. No row of this request was taken.',
  ),
  feature_request_invalid: caller(400, 'The request to service {service}: {input} is {value}, but {rule}.'),
  feature_state_empty: caller(
    409,
    'The online state of feature set {set} is {status}: {problem}. `slipway feature backfill {set} --until INSTANT` fills it.',
  ),
  feature_state_busy: later(
    409,
    'The online state of feature set {set} is being filled, and rows pushed now would be lost. Send them again in a moment.',
  ),
  feature_time_went_back: caller(
    409,
    'The online state of {set} stands at {stateAt}; a read at {at} would look back. Read at that instant or later; values as of the past come from a training set.',
  ),
  feature_service_without_rows: caller(
    409,
    'Service {service} of feature set {set} does not say which rows it is asked for. Give it `rows` and an instant in features.yaml and apply.',
  ),
  feature_set_simulated: caller(
    409,
    'Feature set {set} is the copy that a simulation reads: its rows come from dataset versions, as far as it is fed. Push rows to the set that it is a copy of.',
  ),
  feature_set_not_simulated: caller(
    409,
    'Feature set {set} serves real requests and is not fed from dataset versions. Rows posted to its sources reach it, and `slipway feature backfill` fills it anew.',
  ),
  feature_rows_not_fed: caller(
    409,
    'Feature set {set} is the copy that a simulation reads, fed up to {fedUntil}; a read at {at} would miss rows. Feed it up to that instant first.',
  ),
  // data
  data_format_wrong: caller(
    400,
    'The file "{file}" cannot be read as {format}: {problem} Nothing was stored. Send {format}, or use the extension of the format that it has.',
  ),
  data_empty: caller(400, 'The file "{file}" has no columns, so there is nothing to store.'),
  schema_mismatch: caller(
    409,
    'The file "{file}" does not fit dataset "{dataset}": {problem}. Nothing was stored. Make its columns equal to those of the other files, or put it into another dataset.',
  ),
  dataset_too_many_files: caller(
    409,
    'Dataset "{dataset}" has {limit} files already, the most a version can have. Put more rows into each file.',
  ),
  dataset_ref_invalid: caller(
    400,
    '"{value}" is not a reference to a dataset: {problem}. Write name, name@version or name@version/file, where version is a number, latest or sha256:….',
  ),
  // quality
  suite_invalid: caller(400, 'The expectation suite is not valid at {path}: {problem}.'),
  rows_not_named: caller(
    422,
    'There are no failing rows to show of expectation "{expectation}" in validation {validation}: {problem}. `slipway data validation {validation}` says what was found.',
  ),
  columns_invalid: caller(
    400,
    'The rows of version {version} of dataset "{dataset}" cannot be read: {problem}. `slipway data show {dataset} --version {version}` lists the columns.',
  ),
  suite_tables_wrong: caller(
    400,
    'Suite "{suite}" speaks of the tables {expected}, but the request names {found}. Name a dataset for each table of the suite.',
  ),
  // sdk
  server_unreachable: {
    status: 503,
    retryable: true,
    fixer: 'operator',
    text: 'No Slipway server answers at {url} ({cause}). Start one with `slipway up`, or set SLIPWAY_URL to where it listens.',
  },
  server_too_slow: {
    status: 504,
    retryable: true,
    fixer: 'operator',
    text: '{url} did not answer within {timeoutMs} ms. Try again, or allow more time.',
  },
  answer_not_understood: {
    status: 502,
    retryable: false,
    fixer: 'operator',
    text: 'The answer is not one of Slipway: {problem}. Check that the address is that of a Slipway server and not of a proxy.',
  },
  bundle_refused: caller(400, 'The project folder cannot be bundled: {problem}'),
  // pipelines
  pipeline_invalid: caller(400, 'Pipeline "{pipeline}" is not valid: {problem}'),
  pipeline_params_invalid: caller(400, 'The parameters do not fit pipeline "{pipeline}": {problem}'),
  pipeline_run_over: caller(
    409,
    'Pipeline run {run} is {state} already, so it cannot be {verb}. Start a new one with `slipway pipeline run`.',
  ),
  pipeline_run_live: caller(
    409,
    'Pipeline run {run} is still {state}. Wait for it, or cancel it first, before you rerun a part of it.',
  ),
  step_failed: caller(422, 'Step "{step}" failed: {problem}'),
  step_said_no: caller(422, 'Step "{step}" stopped the run: {problem}'),
  step_timed_out: caller(
    408,
    'Step "{step}" did not finish within its limit of {limitMs} ms and was stopped. Raise timeoutMs, or give it less to do.',
  ),
  step_output_invalid: caller(422, 'Step "{step}" ended without a usable output "{output}": {problem}'),
  // monitoring, automation
  monitor_range_invalid: caller(
    400,
    'There is nothing to measure from {from} to {to} on endpoint "{endpoint}": {problem}.',
  ),
  silence_invalid: caller(
    400,
    'Monitor "{monitor}" cannot be silenced until {until}: {problem}. Give an instant after now and at most {daysMax} days ahead.',
  ),
  backtest_invalid: caller(400, 'Monitor "{monitor}" cannot be tried with these settings: {problem}.'),
  window_figures_missing: caller(
    404,
    'No distributions are kept of window {window} of monitor "{monitor}": it was judged {problem}. `slipway monitor drift {monitor}` shows its figures.',
  ),
  comparison_empty: caller(
    404,
    'No labelled prediction of endpoint "{endpoint}" between {from} and {to} was scored by both version {champion} and version {challenger}. Put one of them in the shadow, and send the labels.',
  ),
  segments_task: caller(
    422,
    'Endpoint "{endpoint}" answers {task}: where a version ranks better is measured for models of two classes. The whole comparison is there for every task.',
  ),
  segment_column_missing: caller(
    404,
    'The labelled predictions of endpoint "{endpoint}" are not split by "{column}": no two of its values have {rowsMin} rows of each class. Columns that split them: {columns}.',
  ),
  firing_decided: caller(409, 'Firing {firing} of policy "{policy}" is {state}, so it cannot be {verb}.'),
  policy_value_missing: caller(
    422,
    'Policy "{policy}" needs {reference}, but event {seq} ({kind}) has no such value. It has: {available}.',
  ),
  webhook_unreachable: later(
    502,
    'The webhook {url} could not be told: {problem}. It is tried again for a short while.',
  ),
  webhook_refused: caller(
    422,
    'The webhook {url} answered {status}, so the same message was not sent again. Check the address in the policy.',
  ),
  // serving
  endpoint_retired: caller(
    410,
    'Endpoint "{endpoint}" was taken out of use by its project. Apply the project again to bring it back.',
  ),
  endpoint_not_deployed: caller(
    409,
    'Endpoint "{endpoint}" has no deployment yet. `slipway endpoint deploy {endpoint} VERSION` sends traffic to a version.',
  ),
  traffic_invalid: caller(
    400,
    'The shares of endpoint "{endpoint}" add up to {sum} %, with {versions} versions. They must be different versions and add up to 100.',
  ),
  rollout_running: caller(
    409,
    'Endpoint "{endpoint}" has a rollout under way ({rollout}). Wait for its decision, or cancel it: `slipway endpoint cancel {rollout}`.',
  ),
  rollout_ended: caller(
    409,
    'Rollout {rollout} has ended already ({state}). Start a new one to change what is served.',
  ),
  rollout_pointless: caller(
    409,
    'Version {version} is what endpoint "{endpoint}" serves already. Name another candidate.',
  ),
  rollout_incomparable: caller(
    409,
    'Version {candidate} cannot be judged beside version {incumbent} of endpoint "{endpoint}": {problem}. `slipway endpoint deploy {endpoint} {candidate}` sends traffic to it without a judge.',
  ),
  rollout_rule_invalid: caller(400, 'The rule of a rollout on endpoint "{endpoint}" does not fit its model: {problem}'),
  trial_too_late: caller(
    400,
    'A trial reads the features of "{set}" as of {at}, but their state stands at {stateAt}, and a trial must not move it. Leave the time out, or ask for a prediction.',
  ),
  model_not_servable: caller(409, 'Version {version} of model "{model}" cannot be served: {problem}'),
  feature_service_differs: caller(
    409,
    'Version {version} of "{model}" was trained on feature service {trained}, but {service} is {current} now. Serving it would feed it other features than it learned from. Apply the older definition, or train again.',
  ),
  inputs_invalid: caller(400, 'Instance {index} of endpoint "{endpoint}" does not fit its inputs: {problem}'),
  label_invalid: caller(400, 'The label of prediction "{prediction}" does not fit endpoint "{endpoint}": {problem}'),
  prediction_log_failed: later(
    503,
    'The prediction could not be written to the log of endpoint "{endpoint}" ({problem}), so it was not answered. Check the disk and try again.',
  ),
  log_segment_corrupt: {
    status: 500,
    retryable: false,
    fixer: 'operator',
    text: 'Segment {file} of the prediction log is damaged at byte {offset}. Records before it are intact; restore the file from a backup to read the rest.',
  },
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
