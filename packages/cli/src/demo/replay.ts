/**
 * The year 2013 as it happened: what the airports learn (timetable, departures, arrivals, weather) goes to the feature
 * sources, requests are made two hours before a flight is due to leave, and outcomes are reported when it has landed.
 * Everything goes through the public API, in the order of event time, hour by hour: within an hour rows are sent first, and
 * a row acts only from its own instant on, so no request sees what was not known yet.
 */
import { Agent, request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { createAnalytics, sqlText } from '@slipway/server/analytics';
import type { Client } from 'slipway';

export interface Flight {
  /** Rank in the year by (scheduled departure, carrier, flight, origin): the sample is `id % every === offset`. */
  readonly id: number;
  readonly flightId: string;
  readonly carrier: string;
  readonly flight: number;
  readonly aircraft: string | null;
  readonly origin: string;
  readonly dest: string;
  readonly distance: number;
  readonly block: number;
  readonly depDelay: number | null;
  readonly arrDelay: number | null;
  /** Instants in milliseconds since 1970 UTC. */
  readonly hourAt: number;
  readonly schedAt: number;
  readonly depAt: number | null;
  readonly arrAt: number | null;
}

type WeatherRow = Readonly<Record<string, string | number | null>> & { readonly time_hour: number };

export interface History {
  /** The feature state holds what was known up to this instant of the flights before this local day (`2013-04-01`). */
  readonly filledUntil: { readonly at: number; readonly day: string };
  /** By scheduled departure. */
  readonly flights: readonly Flight[];
  readonly weather: readonly WeatherRow[];
}

const hourMs = 3_600_000;
/** Predictions are asked for this long before the scheduled departure. */
export const leadMs: number = 2 * hourMs;

export async function readHistory(
  dataFolder: string,
  months: readonly number[],
  filledUntil: History['filledUntil'],
): Promise<History> {
  const analytics = createAnalytics({ memoryLimit: '1GB', threads: 2, tempFolder: '/tmp' });
  const files = (table: string): string =>
    `read_parquet([${months.map((m) => sqlText(join(dataFolder, table, `2013-${String(m).padStart(2, '0')}.parquet`))).join(', ')}])`;
  try {
    const flights = await analytics.rows<Flight>(`
      select (row_number() over (order by sched_dep_utc, carrier, flight, origin))::integer as id, flight_id as "flightId", carrier, flight::integer as flight,
        tailnum as aircraft, origin, dest, distance::integer as distance, sched_block::integer as block, dep_delay::integer as "depDelay", arr_delay::integer as "arrDelay",
        epoch_ms(time_hour)::double as "hourAt", epoch_ms(sched_dep_utc)::double as "schedAt", epoch_ms(dep_utc)::double as "depAt", epoch_ms(arr_utc)::double as "arrAt"
      from ${files('flights')} order by id`);
    const weather = await analytics.rows<WeatherRow>(`
      select origin, epoch_ms(time_hour)::double as time_hour, temp, humid, wind_speed, wind_gust, wind_dir, precip, pressure, visib from ${files('weather')} order by time_hour, origin`);
    return { flights, weather, filledUntil };
  } finally {
    await analytics[Symbol.asyncDispose]();
  }
}

type Row = Readonly<Record<string, string | number | null>>;

export interface Feed {
  readonly source: string;
  /** Sorted by instant. */
  readonly rows: readonly { readonly at: number; readonly row: Row }[];
}

const legOf = (f: Flight): Row => ({
  origin: f.origin,
  dest: f.dest,
  carrier: f.carrier,
  flight: f.flight,
  tailnum: f.aircraft,
  sched_dep_utc: f.schedAt,
});

/**
 * What each source learns, and when. Of the months that the feature state was filled from, only what came later than that is
 * sent: a flight of March that lands in April is news, its departure is not.
 */
export function feedsOf({ flights, weather, filledUntil }: History): Feed[] {
  const isNewDay = (f: Flight): boolean => f.flightId >= filledUntil.day;
  const later = <T>(
    items: readonly T[],
    of: (item: T) => { at: number; row: Row } | undefined,
    isNew: (item: T) => boolean,
  ) =>
    items.flatMap((item) => {
      const event = of(item);
      return event !== undefined && (event.at > filledUntil.at || isNew(item)) ? [event] : [];
    });
  const feed = (source: string, rows: { at: number; row: Row }[]): Feed => ({
    source,
    rows: rows.sort((a, b) => a.at - b.at),
  });
  const published = (f: Flight) => ({
    at: f.schedAt - 24 * hourMs,
    row: { origin: f.origin, time_hour: f.hourAt, sched_dep_utc: f.schedAt },
  });
  const departed = (f: Flight) =>
    f.depAt === null
      ? undefined
      : { at: f.depAt, row: { ...legOf(f), dep_utc: f.depAt, dep_delay: f.depDelay, sched_block: f.block } };
  const arrived = (f: Flight) =>
    f.arrAt === null ? undefined : { at: f.arrAt, row: { ...legOf(f), arr_utc: f.arrAt, arr_delay: f.arrDelay } };
  const observed = (w: WeatherRow) => ({ at: w.time_hour + hourMs, row: w });
  return [
    feed('timetable', later(flights, published, isNewDay)),
    feed('departures', later(flights, departed, isNewDay)),
    feed('arrivals', later(flights, arrived, isNewDay)),
    feed(
      'weather',
      later(weather, observed, () => false),
    ),
  ];
}

export interface Served {
  readonly flight: Flight;
  readonly id: string;
  readonly score: number;
  readonly version: number;
}

export interface ReplayStats {
  readonly requests: number;
  readonly rowsPushed: number;
  readonly labels: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** One connection, one request at a time. */
  readonly requestsPerSecond: number;
  readonly served: readonly Served[];
}

export interface ReplayOptions {
  readonly client: Client;
  readonly url: string;
  readonly endpoint: string;
  readonly featureSet: string;
  readonly history: History;
  readonly feeds: readonly Feed[];
  /** Requests are made for t in [from, to). */
  readonly from: number;
  readonly to: number;
  readonly wants: (flight: Flight) => boolean;
  readonly live: (text: string) => void;
  /** Called after each hour; true ends the replay early. */
  readonly afterHour?: (at: number) => Promise<boolean>;
}

/** Rows and labels that were sent before, so that months follow each other without a gap. */
export interface ReplayState {
  sentUntil: number;
  readonly awaiting: Map<number, Served>;
}

export function createReplayState(sentUntil: number): ReplayState {
  return { sentUntil, awaiting: new Map() };
}

export async function replay(options: ReplayOptions, state: ReplayState): Promise<ReplayStats> {
  const feeds = options.feeds;
  const byId = [...options.history.flights].filter(
    (f) => f.schedAt - leadMs >= options.from && f.schedAt - leadMs < options.to && options.wants(f),
  );
  const predict = createPredictor(options.url, options.endpoint);
  const latencies: number[] = [];
  const served: Served[] = [];
  let next = 0;
  let labels = 0;
  let rowsPushed = 0;
  let requestMs = 0;
  for (let hour = options.from; hour < options.to; hour += hourMs) {
    const until = Math.min(hour + hourMs, options.to);
    rowsPushed += await pushRows(options, feeds, { from: state.sentUntil, to: until });
    state.sentUntil = until;
    labels += await sendLabels(options, state, hour);
    while (next < byId.length && (byId[next]?.schedAt ?? 0) - leadMs < until) {
      const flight = byId[next++];
      if (flight === undefined) break;
      const startedAt = performance.now();
      const answer = await predict(flight);
      const took = performance.now() - startedAt;
      latencies.push(took);
      requestMs += took;
      const one: Served = { flight, ...answer };
      served.push(one);
      state.awaiting.set(flight.id, one);
    }
    options.live(
      `${new Date(hour).toISOString().slice(0, 13)}h  ${served.length.toLocaleString('en-US')} predictions, ${labels.toLocaleString('en-US')} labels`,
    );
    if ((await options.afterHour?.(hour)) === true) break;
  }
  predict.close();
  latencies.sort((a, b) => a - b);
  const at = (q: number): number =>
    latencies[Math.min(latencies.length - 1, Math.floor(q * latencies.length))] ?? Number.NaN;
  return {
    requests: served.length,
    rowsPushed,
    labels,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    requestsPerSecond: served.length / (requestMs / 1000),
    served,
  };
}

/** Delivers what landed up to `at`, and says that labels are complete up to there. */
export async function sendLabels(
  options: Pick<ReplayOptions, 'client' | 'endpoint'>,
  state: ReplayState,
  at: number,
): Promise<number> {
  const landed: { predictionId: string; value: number; at: number }[] = [];
  for (const [key, { flight, id }] of state.awaiting) {
    if (flight.arrAt === null || flight.arrAt > at) continue;
    landed.push({ predictionId: id, value: (flight.arrDelay ?? 0) > 15 ? 1 : 0, at: flight.arrAt });
    state.awaiting.delete(key);
  }
  await options.client.endpoints.label({
    params: { endpoint: options.endpoint },
    body: { labels: landed, watermark: at },
  });
  return landed.length;
}

const rowsPerPush = 10_000;

async function pushRows(
  options: ReplayOptions,
  feeds: readonly Feed[],
  range: { from: number; to: number },
): Promise<number> {
  const sent = await Promise.all(
    feeds.map(async ({ source, rows }) => {
      const start = firstAtOrAfter(rows, range.from);
      const end = firstAtOrAfter(rows, range.to);
      for (let i = start; i < end; i += rowsPerPush) {
        const part = rows.slice(i, Math.min(end, i + rowsPerPush)).map((r) => r.row);
        await options.client.featureSets.push({ params: { set: options.featureSet, source }, body: { rows: part } });
      }
      return end - start;
    }),
  );
  return sent.reduce((a, b) => a + b, 0);
}

function firstAtOrAfter(rows: Feed['rows'], at: number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rows[middle]?.at ?? Infinity) < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

interface Predictor {
  (flight: Flight): Promise<{ readonly id: string; readonly score: number; readonly version: number }>;
  close(): void;
}

/** One kept-alive connection of plain HTTP: what is timed is the server, not a client library. */
function createPredictor(url: string, endpoint: string): Predictor {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const target = `${url}/api/endpoints/${endpoint}/predict`;
  const send = (flight: Flight): Promise<{ id: string; score: number; version: number }> => {
    const { origin, dest, carrier, aircraft, schedAt, block, distance } = flight;
    const inputs = {
      origin,
      dest,
      carrier,
      flight: flight.flight,
      aircraft,
      sched_dep: schedAt,
      block,
      miles: distance,
    };
    const body = JSON.stringify({ instances: [{ id: flight.flightId, at: schedAt - leadMs, inputs }] });
    return new Promise((resolve, reject) => {
      const request = httpRequest(
        target,
        {
          method: 'POST',
          agent,
          headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
        },
        (answer) => {
          const chunks: Buffer[] = [];
          answer.on('data', (chunk: Buffer) => chunks.push(chunk));
          answer.on('error', reject);
          answer.on('end', () => {
            const text = Buffer.concat(chunks).toString('utf8');
            if (answer.statusCode !== 200)
              return reject(new Error(`prediction answered ${answer.statusCode}: ${text.slice(0, 500)}`));
            const { predictions } = JSON.parse(text) as {
              predictions: { id: string; score: number; version: number }[];
            };
            const [prediction] = predictions;
            return prediction === undefined ? reject(new Error('the answer has no prediction')) : resolve(prediction);
          });
        },
      );
      request.on('error', reject);
      request.end(body);
    });
  };
  return Object.assign(send, { close: () => agent.destroy() });
}
