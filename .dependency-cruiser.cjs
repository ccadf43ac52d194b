/** Who may import whom. The folders are the architecture; each rule says what breaks without it. */
const only = (name, comment, from, allowed) => ({
  name,
  comment,
  severity: 'error',
  from: { path: from },
  to: { pathNot: allowed },
});

const CONTRACTS = '^src/contracts/';
const DOMAIN = '^src/domain/';
const NODE =
  '^(node:|assert$|buffer$|child_process$|crypto$|events$|fs|http$|https$|net$|os$|path$|process$|stream|timers|tls$|url$|util$|v8$|worker_threads$|zlib$|readline)';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    only(
      'contracts-stand-alone',
      'Contracts are in the workflow bundle and in every process: whatever they import, everything imports (zod alone is 1 MB).',
      '^src/contracts/',
      [CONTRACTS],
    ),
    only(
      'domain-is-pure',
      'Decisions and reducers are replayed years later: no I/O, no clock, no Temporal, no library that changes under them.',
      '^src/domain/',
      [CONTRACTS, DOMAIN],
    ),
    {
      name: 'workflows-know-no-activity-code',
      comment: 'Workflow code runs in a sandbox and is replayed: activities only as types, decisions only by activity.',
      severity: 'error',
      from: { path: '^src/workflows/' },
      to: {
        pathNot: [
          CONTRACTS,
          '^src/domain/reducers/',
          '^src/workflows/',
          '^src/activities/',
          'node_modules/@temporalio/(workflow|common)/',
        ],
      },
    },
    {
      name: 'workflows-import-activities-as-types',
      comment: 'A value import would pull activity code, and everything under it, into the bundle.',
      severity: 'error',
      from: { path: '^src/workflows/' },
      to: { path: '^src/activities/', dependencyTypesNot: ['type-only'] },
    },
    only(
      'activities-use-ports',
      'A step declares the small interfaces that it needs; what is behind them is the composition root’s choice.',
      '^src/activities/',
      [CONTRACTS, DOMAIN, '^src/activities/', 'node_modules/@temporalio/(activity|common)/', NODE],
    ),
    {
      name: 'adapters-know-no-orchestration',
      comment:
        'Adapters wrap vendors; Temporal and the folders above must stay exchangeable around them. The mathematics of profiles stands once, in the domain.',
      severity: 'error',
      from: { path: '^src/adapters/' },
      to: {
        path: [
          '^src/domain/(?!profiles/)',
          '^src/(workflows|workers|serving|client|stack|cli)/',
          'node_modules/@temporalio/',
        ],
      },
    },
    {
      name: 'adapters-see-activities-as-types',
      comment: 'An adapter implements the interface of a step; it does not call the step.',
      severity: 'error',
      from: { path: '^src/adapters/' },
      to: { path: '^src/activities/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'serving-lives-without-temporal',
      comment: 'Serving answers when Temporal is down: it may not depend on it, nor on the loop’s code.',
      severity: 'error',
      from: { path: '^src/serving/' },
      to: {
        path: ['^src/(workflows|activities|client|stack|cli)/', 'node_modules/@temporalio/'],
        dependencyTypesNot: ['type-only'],
      },
    },
    only(
      'client-is-light',
      'Other people’s scripts import the client: contracts and Temporal’s client, nothing else.',
      '^src/client/',
      [CONTRACTS, '^src/client/', 'node_modules/@temporalio/(client|common)/', NODE],
    ),
    {
      name: 'stack-is-handed-its-configuration',
      comment: 'The supervisor starts processes; it must not reach into what they do.',
      severity: 'error',
      from: { path: '^src/stack/' },
      to: { path: ['^src/(workflows|activities|adapters|serving|workers|cli|domain)/'] },
    },
    {
      name: 'workers-are-roots',
      comment: 'Composition roots know everything but the command line; workflows are named by path, never imported.',
      severity: 'error',
      from: { path: '^src/workers/' },
      to: { path: ['^src/cli/', '^src/workflows/'] },
    },
    {
      name: 'nobody-imports-the-command-line',
      comment: 'Commands are thin and last; logic in them would be out of everybody’s reach.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/cli/' },
      to: { path: '^src/cli/' },
    },
    {
      name: 'sources-know-no-examples',
      comment:
        'Examples and tests use Seawall; only the command that shows an example may know it, and nothing knows a test.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/cli/' },
      to: { path: '^(examples|scripts|test)/' },
    },
    {
      name: 'no-cycles',
      comment: 'Two files that need each other are one file, or three.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'nothing-unresolved',
      comment: 'An import that does not resolve here fails at somebody else’s.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      extensions: ['.ts', '.js'],
      // Without it `exports` is not read at all, and a package that has nothing else is not found.
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
