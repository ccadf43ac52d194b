/** What a stack tells about itself while it runs. */
export type StackEvent =
  | { kind: 'portTaken'; server: string; wanted: number; using: number }
  | { kind: 'leftoverEnded'; name: string; pid: number }
  | { kind: 'started'; name: string; pid: number }
  | { kind: 'ready'; name: string; afterMs: number }
  | { kind: 'died'; name: string; reason: string; restartInMs: number }
  | { kind: 'notReady'; name: string; withinMs: number }
  | { kind: 'stopped'; name: string; killed: boolean };

/** The event as a line for a person. */
export function describeEvent(event: StackEvent): string {
  switch (event.kind) {
    case 'portTaken':
      return `${event.server}: port ${event.wanted} is taken, using ${event.using}`;
    case 'leftoverEnded':
      return `${event.name}: ended a leftover of an earlier run (pid ${event.pid})`;
    case 'started':
      return `${event.name}: started (pid ${event.pid})`;
    case 'ready':
      return `${event.name}: ready after ${(event.afterMs / 1000).toFixed(1)} s`;
    case 'died':
      return `${event.name}: died (${event.reason}), starts again in ${(event.restartInMs / 1000).toFixed(1)} s`;
    case 'notReady':
      return `${event.name}: not ready within ${event.withinMs / 1000} s, is ended and starts again`;
    case 'stopped':
      return `${event.name}: stopped${event.killed ? ' (had to be killed)' : ''}`;
    default: {
      const unknown: never = event;
      return JSON.stringify(unknown);
    }
  }
}
