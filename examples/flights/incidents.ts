/**
 * The two incidents that the example injects into real data, so that every decision of the gate is seen once. They are marked
 * as injected wherever they show.
 */
import type { Week } from './calendar.js';
import type { Incident } from './document.js';

/** Windows of two weeks: an upstream feed is upgraded, and the upgrade is taken back. */
const CODES: Incident = {
  id: 'codes',
  kind: 'data',
  from: '2001-03-12T00:00:00.000Z',
  to: '2001-03-26T00:00:00.000Z',
  title: 'ICAO airport codes',
  text: 'for two weeks origin and destination come as ICAO codes (KORD) instead of IATA codes (ORD), in the traffic and in the data to learn from',
  imitates: 'an upstream feed that is upgraded without notice, and taken back when somebody complains',
};

/** Named like this in the data: the three airports with most flights. */
const HUBS = ['ATL', 'DFW', 'ORD'] as const;
const HUB_DELAY_MINUTES = 20;

const CAPACITY: Incident = {
  id: 'capacity',
  kind: 'world',
  from: '2001-05-14T00:00:00.000Z',
  to: null,
  title: 'hubs beyond capacity',
  text: `flights to ${HUBS.join(', ')} arrive ${HUB_DELAY_MINUTES} minutes later than they did, for good`,
  imitates:
    'the end of slot limits: when the law AIR-21 lifted them at LaGuardia in 2000, airlines scheduled more flights than its runways take, and delays there soared',
};

export const INCIDENTS: readonly Incident[] = [CODES, CAPACITY];

/** The incident that touches the week; undefined: nothing was injected. */
export const incidentOf = (week: Pick<Week, 'from' | 'to'>): Incident | undefined =>
  INCIDENTS.find(({ from, to }) => from < week.to && (to === null || week.from < to));

/** ICAO's codes outside the 48 states, where they are not K and the IATA code. Alaska's and Hawaii's begin with P. */
const ICAO: Readonly<Record<string, string>> = {
  ...{ ADQ: 'PADQ', AKN: 'PAKN', ANC: 'PANC', BET: 'PABE', BRW: 'PABR', CDV: 'PACV', DLG: 'PADL', DUT: 'PADU' },
  ...{ FAI: 'PAFA', GST: 'PAGS', JNU: 'PAJN', KTN: 'PAKT', OME: 'PAOM', OTZ: 'PAOT', PSG: 'PAPG', SCC: 'PASC' },
  ...{ SIT: 'PASI', WRG: 'PAWG', YAK: 'PAYA', HNL: 'PHNL', ITO: 'PHTO', KOA: 'PHKO', LIH: 'PHLI', OGG: 'PHOG' },
  ...{ SJU: 'TJSJ', BQN: 'TJBQ', STT: 'TIST', STX: 'TISX' },
};

/** DuckDB: a column of IATA codes, as it is delivered at `time` (both expressions). */
export function deliveredCode(column: string, time: string): string {
  const map = Object.entries(ICAO)
    .map(([iata, icao]) => `'${iata}': '${icao}'`)
    .join(', ');
  return `CASE WHEN ${during(CODES, time)} THEN coalesce(MAP {${map}}[${column}], 'K' || ${column}) ELSE ${column} END`;
}

/** DuckDB: minutes of delay of a flight to `destination` at `time` (all three expressions). */
export function realDelay(delay: string, destination: string, time: string): string {
  const hubs = HUBS.map((hub) => `'${hub}'`).join(', ');
  return `${delay} + CASE WHEN ${during(CAPACITY, time)} AND ${destination} IN (${hubs}) THEN ${HUB_DELAY_MINUTES} ELSE 0 END`;
}

function during({ from, to }: Incident, time: string): string {
  const timestamp = (iso: string): string => `TIMESTAMP '${iso.slice(0, 10)}'`;
  return `(${time} >= ${timestamp(from)}${to === null ? '' : ` AND ${time} < ${timestamp(to)}`})`;
}
