/** Prometheus text format 0.0.4, the little of it that serving needs. */
export interface Metrics {
  request(model: string, status: number, rows: number, seconds: number): void;
  text(gauges: readonly Gauge[]): string;
}
export interface Gauge {
  name: string;
  help: string;
  type: 'gauge' | 'counter';
  samples: readonly { labels: Readonly<Record<string, string>>; value: number }[];
}

const BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

export function createMetrics(): Metrics {
  const requests = new Map<string, { labels: Record<string, string>; value: number }>();
  const rowsOf = new Map<string, number>();
  const latencies = new Map<string, { counts: number[]; sum: number; count: number }>();

  const histogram = (): string[] => {
    const name = 'seawall_serving_request_seconds';
    const lines = header(name, 'Time of an inference request in seconds', 'histogram');
    for (const [model, { counts, sum, count }] of latencies) {
      BUCKETS_SECONDS.forEach((le, i) =>
        lines.push(`${name}_bucket${labelText({ model, le: String(le) })} ${counts[i]}`),
      );
      lines.push(`${name}_bucket${labelText({ model, le: '+Inf' })} ${count}`);
      lines.push(`${name}_sum${labelText({ model })} ${sum}`, `${name}_count${labelText({ model })} ${count}`);
    }
    return lines;
  };

  return {
    request: (model, status, rows, seconds) => {
      const key = `${model} ${status}`;
      const counter = requests.get(key) ?? { labels: { model, code: String(status) }, value: 0 };
      counter.value++;
      requests.set(key, counter);
      if (status !== 200) return;
      rowsOf.set(model, (rowsOf.get(model) ?? 0) + rows);
      const latency = latencies.get(model) ?? { counts: BUCKETS_SECONDS.map(() => 0), sum: 0, count: 0 };
      latencies.set(model, latency);
      BUCKETS_SECONDS.forEach((le, i) => {
        if (seconds <= le) latency.counts[i] = (latency.counts[i] as number) + 1;
      });
      latency.sum += seconds;
      latency.count++;
    },
    text: (gauges) => {
      const own: Gauge[] = [
        {
          name: 'seawall_serving_requests_total',
          help: 'Inference requests by status code; errors are those that are not 200',
          type: 'counter',
          samples: [...requests.values()],
        },
        {
          name: 'seawall_serving_rows_total',
          help: 'Rows answered',
          type: 'counter',
          samples: [...rowsOf].map(([model, value]) => ({ labels: { model }, value })),
        },
      ];
      const lines = [...own, ...gauges].flatMap(({ name, help, type, samples }) => [
        ...header(name, help, type),
        ...samples.map(({ labels, value }) => `${name}${labelText(labels)} ${value}`),
      ]);
      return `${[...lines, ...histogram()].join('\n')}\n`;
    },
  };
}

const header = (name: string, help: string, type: string): string[] => [
  `# HELP ${name} ${help}`,
  `# TYPE ${name} ${type}`,
];

/** Values are names, numbers and digests: nothing to escape. */
function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}
