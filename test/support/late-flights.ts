/** The configuration of a model on the flights' data for which a person decides on every release. */
export const lateFlightsYaml = (model: string, trainer: string, gate = ''): string => `
name: ${model}
task: binary
clock: feed
windows: { every: 7d, anchor: 2001-02-05T00:00:00Z }
features: { hour: int64, weekday: int64, distance: float32, origin: string, destination: string }
label: { column: late, maturity: 0.95, deadline: 14d }
dataset: { name: flights, rowId: flight_id }
holdout: { hashFraction: 0.1 }
trainer: { ${trainer}, seed: 7, device: cpu, grace: 5s }
promotion: { metric: logLoss, minGain: 0, minRows: 20 }
approval: { mode: person, deadline: 1d }
${gate}`;
