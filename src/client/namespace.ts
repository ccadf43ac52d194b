/** The namespace that a prefix belongs to, and the search attributes that the workflows write. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from '@temporalio/client';
import { searchAttributes, SeawallError } from '../contracts/index.js';
import type { SearchAttributeName } from '../contracts/index.js';

const RETENTION_SECONDS = 30 * 24 * 3600;
/** A server learns of a new namespace or attribute from its cache's next refresh. */
const VISIBLE_WITHIN_MS = 60_000;

type ServiceConnection = Pick<Connection, 'workflowService' | 'operatorService'>;

/** gRPC status codes that matter here. */
const status = { invalidArgument: 3, notFound: 5, alreadyExists: 6, permissionDenied: 7, unauthenticated: 16 } as const;

export async function namespaceExists(connection: ServiceConnection, namespace: string): Promise<boolean> {
  try {
    await connection.workflowService.describeNamespace({ namespace });
    return true;
  } catch (error) {
    if (codeOf(error) === status.notFound) return false;
    throw error;
  }
}

/** Makes the namespace where it is missing (retention 30 days), and waits until the server works with it. */
export async function ensureNamespace(connection: ServiceConnection, namespace: string): Promise<void> {
  if (!(await namespaceExists(connection, namespace))) {
    await connection.workflowService
      .registerNamespace({
        namespace,
        description: 'Seawall',
        workflowExecutionRetentionPeriod: { seconds: RETENTION_SECONDS as never },
      })
      .catch((error: unknown) => {
        if (codeOf(error) !== status.alreadyExists) throw error;
      });
  }
  await untilVisible(`namespace ${namespace}`, async () => {
    await connection.workflowService.countWorkflowExecutions({ namespace });
    return true;
  });
}

/** Which of Seawall's search attributes the namespace lacks, or has with another type. */
export async function missingSearchAttributes(
  connection: ServiceConnection,
  namespace: string,
): Promise<{ missing: SearchAttributeName[]; wrongType: SearchAttributeName[] }> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const names = Object.keys(searchAttributes) as SearchAttributeName[];
  return {
    missing: names.filter((name) => customAttributes[name] === undefined),
    wrongType: names.filter((name) => {
      const found = customAttributes[name];
      return found !== undefined && found !== typeNumber(name);
    }),
  };
}

/**
 * Makes the search attributes that the namespace lacks: without them a workflow that sets them retries its task for ever.
 * Fails with `BadInput` when one exists with another type.
 */
export async function ensureSearchAttributes(connection: ServiceConnection, namespace: string): Promise<void> {
  const { missing, wrongType } = await missingSearchAttributes(connection, namespace);
  if (wrongType.length > 0) {
    throw new SeawallError(
      'BadInput',
      `namespace ${namespace} has search attributes of another type: ${wrongType.join(', ')}`,
      'Use another namespace, or set SEAWALL_SEARCH_ATTRIBUTES=off.',
    );
  }
  if (missing.length === 0) return;
  await connection.operatorService
    .addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(missing.map((name) => [name, typeNumber(name)])),
    })
    .catch((error: unknown) => {
      if (codeOf(error) !== status.alreadyExists) throw error;
    });
  // A query that names them proves that the visibility store knows them, not only the operator service.
  const query = missing.map((name) => `${name} IS NULL`).join(' AND ');
  await untilVisible(`search attributes of ${namespace}`, async () => {
    await connection.workflowService.countWorkflowExecutions({ namespace, query });
    return true;
  });
}

/** Temporal's IndexedValueType (temporal/api/enums/v1/common.proto). */
const indexedValueType = { KEYWORD: 2, INT: 3 } as const;

function typeNumber(name: SearchAttributeName): number {
  return indexedValueType[searchAttributes[name]];
}

async function untilVisible(what: string, look: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + VISIBLE_WITHIN_MS;
  for (;;) {
    try {
      if (await look()) return;
    } catch (error) {
      const code = codeOf(error);
      const settling = code === status.notFound || code === status.invalidArgument;
      if (!settling || Date.now() > deadline) throw error;
    }
    if (Date.now() > deadline) throw new SeawallError('Unavailable', `${what} did not appear`, 'Try again.');
    await delay(200);
  }
}

function codeOf(error: unknown): number | undefined {
  return (error as { code?: number } | undefined)?.code;
}
